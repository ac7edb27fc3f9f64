using System.Buffers.Binary;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>
/// A back end that means harm: random used ids, lengths and indexes, random headers and replies, and an end at any point. It proves
/// nothing about a device; it shows that the harness survives one.
/// </summary>
public static class HostileParts
{
    /// <summary>Parts whose mischief follows from the seed.</summary>
    public static DeviceParts Of(int seed)
    {
        Dice dice = new(seed);
        return new DeviceParts { Egress = new Scrambler(dice), Session = new Liar(dice), Ring = (_, ring) => new Scribbler(ring, dice) };
    }

    /// <summary>How often each kind of harm is done; some seeds leave some kinds out, so that runs get far.</summary>
    private sealed class Dice
    {
        private readonly Random random;
        private readonly int[] odds;

        public Dice(int seed)
        {
            random = new Random(seed);
            odds = [.. Enumerable.Range(0, 5).Select(_ => random.Next(2) == 0 ? int.MaxValue : 1 << random.Next(2, 9))];
        }

        public bool Rolls(int kind) => odds[kind] != int.MaxValue && random.Next(odds[kind]) == 0;

        public uint Number() => (uint)random.NextInt64(1L << 32) >> random.Next(32);

        public void Fill(Span<byte> bytes) => random.NextBytes(bytes);
    }

    private sealed class Scrambler(Dice dice) : EgressRules
    {
        internal override void Encode(in VsockHeader header, Span<byte> bytes)
        {
            base.Encode(header, bytes);
            if (dice.Rolls(0))
            {
                int at = (int)(dice.Number() % (VsockHeader.Size - 4));
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[at..], dice.Number());
            }

            if (dice.Rolls(1) && dice.Rolls(1))
            {
                throw new InvalidOperationException("the hostile back end ends here");
            }
        }
    }

    private sealed class Scribbler(DeviceRing inner, Dice dice) : RingDecorator(inner)
    {
        public override void Complete(ushort id, ushort ringEntries, uint written) =>
            base.Complete(dice.Rolls(2) ? (ushort)dice.Number() : id, ringEntries, dice.Rolls(2) ? dice.Number() : written);

        public override void PublishUsed()
        {
            base.PublishUsed();
            if (dice.Rolls(3))
            {
                ulong area = dice.Number() % 2 == 0 ? Setup.DeviceArea : Setup.DescriptorArea;
                Span<byte> junk = stackalloc byte[2];
                dice.Fill(junk);
                try
                {
                    Memory.Write(area + (dice.Number() % 64), junk);
                }
                catch (GuestMemoryException)
                {
                    // Beyond the end of memory there is nothing to spoil.
                }
            }
        }

        public override bool CallNeeded() => !dice.Rolls(3) && base.CallNeeded();
    }

    private sealed class Liar(Dice dice) : BackEndRules
    {
        public override VhostUserHeader ReplyHeader(VhostUserHeader request, uint size) => dice.Rolls(4)
            ? new VhostUserHeader(dice.Number(), dice.Number(), size)
            : base.ReplyHeader(request, size);

        public override ulong Status(VhostUserRequest request, bool success) => dice.Rolls(4) ? dice.Number() : base.Status(request, success);

        public override bool Serves(VhostUserRequest request) => !dice.Rolls(4);

        public override ulong QueueCount(int device) => dice.Rolls(4) ? dice.Number() : base.QueueCount(device);

        public override VirtioFeatures OfferedFeatures(VirtioFeatures device) =>
            dice.Rolls(4) ? (VirtioFeatures)(((ulong)dice.Number() << 32) | dice.Number()) : base.OfferedFeatures(device);
    }
}
