using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Reference;

/// <summary>
/// The bytes of a chain's readable or writable buffers as one sequence, whatever their number and lengths: a device makes no
/// assumption about how a message is cut into descriptors (virtio 1.4 section 2.7.4.1).
/// </summary>
internal readonly ref struct ChainBytes(GuestMemory memory, ReadOnlySpan<RingBuffer> buffers, ulong length)
{
    private readonly ReadOnlySpan<RingBuffer> buffers = buffers;

    public ulong Length { get; } = length;

    /// <summary>Copies the first bytes out; false when there are fewer.</summary>
    public bool TryRead(Span<byte> destination)
    {
        foreach (ref readonly RingBuffer buffer in buffers)
        {
            uint piece = Math.Min(buffer.Length, (uint)destination.Length);
            memory.Read(buffer.Address, destination[..(int)piece]);
            destination = destination[(int)piece..];
            if (destination.IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Copies to the first bytes; false when there are fewer.</summary>
    public bool TryWrite(ReadOnlySpan<byte> source)
    {
        foreach (ref readonly RingBuffer buffer in buffers)
        {
            uint piece = Math.Min(buffer.Length, (uint)source.Length);
            memory.Write(buffer.Address, source[..(int)piece]);
            source = source[(int)piece..];
            if (source.IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Adds the range to a scatter or gather list and returns how many bytes of it found room there.</summary>
    public uint AddTo(IoVectors pieces, uint offset, uint count)
    {
        uint added = 0;
        ulong skip = offset;
        foreach (ref readonly RingBuffer buffer in buffers)
        {
            if (skip >= buffer.Length)
            {
                skip -= buffer.Length;
                continue;
            }

            ulong address = buffer.Address + skip;
            uint left = (uint)Math.Min(buffer.Length - skip, count - added);
            skip = 0;
            while (left > 0)
            {
                // A buffer may run from one memory region into the next.
                if (!memory.TrySlicePrefix(address, left, out Span<byte> span) || !pieces.TryAdd(span))
                {
                    return added;
                }

                added += (uint)span.Length;
                address += (uint)span.Length;
                left -= (uint)span.Length;
            }

            if (added == count)
            {
                break;
            }
        }

        return added;
    }

    /// <summary>Copies a range into a byte ring, which must have room for it.</summary>
    public void CopyTo(ByteRing ring, uint offset, uint count)
    {
        ulong skip = offset;
        foreach (ref readonly RingBuffer buffer in buffers)
        {
            if (skip >= buffer.Length)
            {
                skip -= buffer.Length;
                continue;
            }

            ulong address = buffer.Address + skip;
            uint left = (uint)Math.Min(buffer.Length - skip, count);
            skip = 0;
            count -= left;
            while (left > 0 && memory.TrySlicePrefix(address, left, out Span<byte> span))
            {
                ring.Append(span);
                address += (uint)span.Length;
                left -= (uint)span.Length;
            }

            if (count == 0)
            {
                return;
            }
        }
    }

    /// <summary>Copies in from ordinary memory at an offset; the chain must be long enough.</summary>
    public void CopyFrom(ReadOnlySpan<byte> source, uint offset)
    {
        ulong skip = offset;
        foreach (ref readonly RingBuffer buffer in buffers)
        {
            if (skip >= buffer.Length)
            {
                skip -= buffer.Length;
                continue;
            }

            int piece = (int)Math.Min(buffer.Length - skip, (uint)source.Length);
            memory.Write(buffer.Address + skip, source[..piece]);
            skip = 0;
            source = source[piece..];
            if (source.IsEmpty)
            {
                return;
            }
        }
    }
}
