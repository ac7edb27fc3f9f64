using System.Buffers.Binary;

namespace Vsockspec.Guests.Protocol;

/// <summary>
/// Finds the frames in a stream of bytes that may also hold console noise, damaged frames and half-written ones: what is no whole frame is
/// skipped byte by byte, so a frame inside is still found. Bounded: holds at most one frame and the piece that was added last. Not thread-safe.
/// </summary>
public sealed class FrameReader
{
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>Bytes that belonged to no frame, since the beginning.</summary>
    public long Skipped { get; private set; }

    /// <summary>True when the beginning of something that may become a frame waits for its rest.</summary>
    public bool IsHalfway => _end > _start;

    /// <summary>Takes in what was read; then call <see cref="TryRead"/> until it finds nothing more.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (_buffer.Length - _end < bytes.Length)
        {
            int held = _end - _start;
            byte[] target = _buffer.Length - held >= bytes.Length ? _buffer : new byte[Math.Max(_buffer.Length * 2, held + bytes.Length)];
            _buffer.AsSpan(_start, held).CopyTo(target);
            (_buffer, _start, _end) = (target, 0, held);
        }

        bytes.CopyTo(_buffer.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>The next whole frame, of any version.</summary>
    public bool TryRead(out Frame frame)
    {
        while (IsHalfway)
        {
            ReadOnlySpan<byte> held = _buffer.AsSpan(_start, _end - _start);
            int total = Measure(held);
            if (total > held.Length)
            {
                break;
            }

            if (total > 0 && IsIntact(held[..total]))
            {
                frame = new Frame(
                    held[4],
                    (FrameKind)held[5],
                    BinaryPrimitives.ReadUInt32LittleEndian(held[12..]),
                    held[FrameWriter.HeaderSize..(total - sizeof(uint))].ToArray());
                _start += total;
                return true;
            }

            Skip();
        }

        frame = default;
        return false;
    }

    /// <summary>
    /// Says that nothing more came for a while: a frame that is not whole by now never will be. What may follow inside it is then found by
    /// <see cref="TryRead"/>.
    /// </summary>
    public void GiveUpHalf()
    {
        if (IsHalfway)
        {
            Skip();
        }
    }

    /// <summary>How long a frame is that begins here; 0 when none does. More than is there while the header is not whole.</summary>
    private static int Measure(ReadOnlySpan<byte> held)
    {
        Span<byte> magic = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(magic, FrameWriter.Magic);
        int known = Math.Min(held.Length, magic.Length);
        if (!held[..known].SequenceEqual(magic[..known]))
        {
            return 0;
        }

        if (held.Length < FrameWriter.HeaderSize)
        {
            return FrameWriter.HeaderSize;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(held[8..]);
        return length <= AgentProtocol.MaxPayload && BinaryPrimitives.ReadUInt16LittleEndian(held[6..]) == FrameWriter.HeaderCheck(held)
            ? FrameWriter.Overhead + (int)length
            : 0;
    }

    private static bool IsIntact(ReadOnlySpan<byte> frame) =>
        Checksum.Of(frame[FrameWriter.HeaderSize..^sizeof(uint)]) == BinaryPrimitives.ReadUInt32LittleEndian(frame[^sizeof(uint)..]);

    private void Skip()
    {
        ReadOnlySpan<byte> rest = _buffer.AsSpan(_start + 1, _end - _start - 1);
        int next = rest.IndexOf((byte)(FrameWriter.Magic & 0xff));
        int skipped = next < 0 ? rest.Length + 1 : next + 1;
        _start += skipped;
        Skipped += skipped;
    }
}
