using CsCheck;
using NUnit.Framework;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Harness.Tests.Guests.Protocol;

/// <summary>Frames among noise: what is whole is found, what is not is skipped, and nothing that comes makes the reader wait for ever or grow.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class FrameTests
{
    private static readonly Gen<byte[]> GenPayload = Gen.Byte.Array[0, 300];

    private static readonly Gen<(FrameKind Kind, uint Id, byte[] Payload)> GenFrame =
        Gen.Select(Gen.Enum<FrameKind>(), Gen.UInt, GenPayload);

    [Test]
    public void Frames_InPiecesOfAnySize_AreRead() =>
        Gen.Select(GenFrame.Array[0, 20], Gen.Int[1, 40]).Sample((frames, piece) =>
        {
            byte[] stream = [.. frames.SelectMany(f => FrameWriter.ToBytes(f.Kind, f.Id, f.Payload))];
            FrameReader reader = new();
            AssertSame(Read(reader, stream, piece), frames);
            Assert.That((reader.Skipped, reader.IsHalfway), Is.EqualTo((0L, false)));
        });

    [Test]
    public void Frames_BetweenConsoleNoise_AreFound() =>
        Gen.Select(Gen.Select(GenFrame, Gen.Char[' ', '~'].Array[0, 200]).Array[0, 10], Gen.Int[1, 64]).Sample((parts, piece) =>
        {
            byte[] stream = [.. parts.SelectMany(p => p.Item2.Select(c => (byte)c).Concat(FrameWriter.ToBytes(p.Item1.Kind, p.Item1.Id, p.Item1.Payload)))];
            FrameReader reader = new();
            AssertSame(Read(reader, stream, piece), [.. parts.Select(p => p.Item1)]);
            Assert.That(reader.Skipped, Is.EqualTo(parts.Sum(p => p.Item2.Length)));
        });

    [Test]
    public void Frame_AfterAHalfWrittenOne_IsFound() =>
        Gen.Select(GenFrame, GenFrame, Gen.Double[0, 1]).Sample((half, whole, share) =>
        {
            byte[] first = FrameWriter.ToBytes(half.Kind, half.Id, half.Payload);
            byte[] stream = [.. first.Take((int)(share * (first.Length - 1))), .. FrameWriter.ToBytes(whole.Kind, whole.Id, whole.Payload)];
            if (stream.AsSpan().StartsWith(first))
            {
                // What is missing happens to be what the next frame begins with: the half one is whole.
                return;
            }

            FrameReader reader = new();
            List<Frame> found = Read(reader, stream, stream.Length);

            // The line falls silent: the reader is told so until it holds nothing.
            for (int i = 0; i < stream.Length && reader.IsHalfway; i++)
            {
                reader.GiveUpHalf();
                found.AddRange(Drain(reader));
            }

            AssertSame(found, [whole]);
        });

    [Test]
    public void Frame_WithAnyByteChanged_IsNotRead() =>
        Gen.Select(GenFrame, Gen.Int[0, 10_000], Gen.Byte[1, 255]).Sample((frame, at, change) =>
        {
            byte[] bytes = FrameWriter.ToBytes(frame.Kind, frame.Id, frame.Payload);
            bytes[at % bytes.Length] ^= change;
            FrameReader reader = new();
            Assert.That(Read(reader, bytes, bytes.Length), Is.Empty);
        });

    [Test]
    public void Frame_OfAnotherVersion_IsReadWithItsVersion()
    {
        FrameReader reader = new();
        reader.Add(FrameWriter.ToBytes(FrameKind.Hello, 0, "anything"u8, version: 9));
        Assert.That(reader.TryRead(out Frame frame), Is.True);
        Assert.That(frame.Version, Is.EqualTo(9));
    }

    [Test]
    public void Frame_ThatAnnouncesMoreThanAFrameMayHave_IsSkippedAtOnce()
    {
        byte[] bytes = FrameWriter.ToBytes(FrameKind.Request, 1, new byte[8]);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), AgentProtocol.MaxPayload + 1);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), FrameWriter.HeaderCheck(bytes));
        FrameReader reader = new();
        reader.Add(bytes);
        Assert.That(reader.TryRead(out _), Is.False);
        Assert.That((reader.Skipped, reader.IsHalfway), Is.EqualTo(((long)bytes.Length, false)));
    }

    [Test]
    public void Noise_OfAnyKind_IsNeverHeldBeyondOneFrame() =>
        Gen.Byte.Array[0, 5000].Sample(noise =>
        {
            FrameReader reader = new();
            Read(reader, noise, 977);
            while (reader.IsHalfway)
            {
                reader.GiveUpHalf();
                Drain(reader);
            }

            Assert.That(reader.Skipped, Is.LessThanOrEqualTo(noise.Length));
        });

    [Test]
    public void Payload_LongerThanAllowed_IsRefusedByTheWriter() =>
        Assert.That(() => FrameWriter.ToBytes(FrameKind.Request, 1, new byte[AgentProtocol.MaxPayload + 1]), Throws.ArgumentException);

    private static List<Frame> Read(FrameReader reader, byte[] stream, int piece)
    {
        List<Frame> found = [];
        foreach (byte[] part in stream.Chunk(Math.Max(1, piece)))
        {
            reader.Add(part);
            found.AddRange(Drain(reader));
        }

        return found;
    }

    private static List<Frame> Drain(FrameReader reader)
    {
        List<Frame> found = [];
        while (reader.TryRead(out Frame frame))
        {
            found.Add(frame);
        }

        return found;
    }

    private static void AssertSame(IReadOnlyList<Frame> found, IReadOnlyList<(FrameKind Kind, uint Id, byte[] Payload)> sent)
    {
        Assert.That(found.Select(f => (f.Version, f.Kind, f.Id)), Is.EqualTo(sent.Select(s => (AgentProtocol.Version, s.Kind, s.Id))));
        Assert.That(found.Select(f => f.Payload), Is.EqualTo(sent.Select(s => s.Payload)));
    }
}
