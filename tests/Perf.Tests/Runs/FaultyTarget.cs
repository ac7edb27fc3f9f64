using Vsockspec.Reference;
using Vsockspec.Rings;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Tests.Runs;

/// <summary>What goes wrong in the middle of a transfer.</summary>
public enum Fault
{
    None,
    Stalls,
    Dies,
    Corrupts,

    /// <summary>The last byte of the first MiB is left out, and nothing says so.</summary>
    EndsShort,
}

/// <summary>The reference device on a thread of this process, which goes wrong in one of its queues.</summary>
/// <param name="faultOf">What becomes of an instance; they are counted from 0.</param>
/// <param name="after">Packets of the queue that go well before, over all sessions that are not sound; where a byte is left out, it is always the same one.</param>
internal sealed class FaultyTarget(Func<int, Fault> faultOf, int after = 100) : IDeviceTarget
{
    /// <summary>Index of the queue in which it goes wrong.</summary>
    public int Queue { get; init; } = VsockQueue.Tx;

    /// <summary>Sessions of an instance in which nothing goes wrong.</summary>
    public int SoundSessions { get; init; }

    /// <summary>Instances that were started.</summary>
    public int Started { get; private set; }

    public string Name => "faulty";

    public string? Version => null;

    public TargetRole Role => TargetRole.Device;

    public string Transport => "vhost-user";

    public string? Digest => null;

    public IReadOnlyList<string>? Claims => null;

    public bool CanRestart => true;

    /// <summary>Not to be offered.</summary>
    public VirtioFeatures Withheld { get; init; }

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        Fault fault = faultOf(Started++);
        ReferenceOptions options = new()
        {
            Socket = Path.Combine(place.Folder, "device.sock"),
            Uds = Path.Combine(place.Folder, "host.sock"),
            GuestCid = place.GuestCid,
            BufferBytes = 1 << 20,
            WithheldFeatures = Withheld,
        };
        int left = after;
        int sessions = 0;
        DeviceParts parts = new()
        {
            Ring = (queue, ring) => queue == Queue && fault != Fault.None && sessions++ >= SoundSessions
                ? fault == Fault.EndsShort ? new ShortRing(ring) : new FaultyRing(ring, fault, () => --left < 0)
                : ring,
        };
        return new Instance(options, ReferenceDevice.Start(options, parts, _ => { }));
    }

    private sealed class Instance(ReferenceOptions options, ReferenceDevice device) : IVhostUserInstance
    {
        public string Socket => options.Socket!;

        public string Uds => options.Uds;

        public ulong GuestCid => options.GuestCid;

        public int? ProcessId => null;

        public bool HasExited => device.Fault is not null;

        public string? ExitStatus => device.Fault is { } fault ? $"an exception: {fault.Message}" : null;

        public IReadOnlyList<string> LastLines => [];

        public void Dispose() => device.Dispose();
    }

    private abstract class RingAround(DeviceRing inner) : DeviceRing(inner.Memory, inner.Setup)
    {
        public override uint Base => inner.Base;

        /// <summary>What was taken last.</summary>
        protected DeviceChain? Last { get; private set; }

        public override TakeResult TryTake(DeviceChain chain)
        {
            Last = chain;
            return inner.TryTake(chain);
        }

        public override void Untake(DeviceChain chain) => inner.Untake(chain);

        public override void Complete(ushort id, ushort ringEntries, uint written) => inner.Complete(id, ringEntries, written);

        public override void PublishUsed() => inner.PublishUsed();

        public override bool CallNeeded() => inner.CallNeeded();

        public override bool EnableKicks() => inner.EnableKicks();

        public override void DisableKicks() => inner.DisableKicks();
    }

    private sealed class FaultyRing(DeviceRing inner, Fault fault, Func<bool> isDue) : RingAround(inner)
    {
        private bool goesWrong;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            goesWrong = result == TakeResult.Chain && isDue();
            if (!goesWrong)
            {
                return result;
            }

            switch (fault)
            {
                case Fault.Dies:
                    throw new InvalidOperationException("broken on purpose");
                case Fault.Stalls:
                    Untake(chain);
                    return TakeResult.Empty;
                default:
                    if (chain.ReadableCount > 0)
                    {
                        RingBuffer last = chain.Readable[^1];
                        Memory.Slice(last.Address + last.Length - 1, 1)[0] ^= 1;
                    }

                    return result;
            }
        }

        /// <summary>Of what goes to the guest the last byte written is the wrong one; a header alone is left as it is.</summary>
        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (goesWrong && written > VsockHeader.Size)
            {
                uint before = 0;
                foreach (RingBuffer buffer in Last!.Writable)
                {
                    if (written - 1 < before + buffer.Length)
                    {
                        Memory.Slice(buffer.Address + (written - 1 - before), 1)[0] ^= 1;
                        break;
                    }

                    before += buffer.Length;
                }
            }

            base.Complete(id, ringEntries, written);
        }

        /// <summary>A device that stands still does not look again either.</summary>
        public override bool EnableKicks() => base.EnableKicks() && !(goesWrong && fault == Fault.Stalls);
    }

    /// <summary>Makes the packet with the last byte of the first MiB a byte shorter. The header is in the first buffer of each chain, as our driver has it.</summary>
    private sealed class ShortRing(DeviceRing inner) : RingAround(inner)
    {
        private const long Mebibyte = 1 << 20;
        private long carried;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            if (result == TakeResult.Chain && chain.ReadableCount > 0)
            {
                _ = Shortens(chain.Readable[0]);
            }

            return result;
        }

        public override void Complete(ushort id, ushort ringEntries, uint written) =>
            base.Complete(id, ringEntries, written > VsockHeader.Size && Shortens(Last!.Writable[0]) ? written - 1 : written);

        private bool Shortens(in RingBuffer first)
        {
            Span<byte> bytes = Memory.Slice(first.Address, VsockHeader.Size);
            VsockHeader header = VsockHeader.Read(bytes);
            long before = carried;
            carried += header.Len;
            bool isDue = before < Mebibyte && carried >= Mebibyte;
            if (isDue)
            {
                (header with { Len = header.Len - 1 }).Write(bytes);
            }

            return isDue;
        }
    }
}
