using Vsockspec.Interop;

namespace Vsockspec.Reference;

/// <summary>Storage for <see cref="ByteRing"/>s, on the pinned heap so that the kernel can be pointed at it. A few are kept for the next flow.</summary>
internal sealed class RingStorage(int bytes)
{
    private const int Kept = 8;

    private readonly Stack<byte[]> free = new(Kept);

    public int Bytes => bytes;

    public byte[] Rent() => free.TryPop(out byte[]? array) ? array : GC.AllocateUninitializedArray<byte>(bytes, pinned: true);

    public void Return(byte[] array)
    {
        if (free.Count < Kept)
        {
            free.Push(array);
        }
    }
}

/// <summary>A bounded first-in first-out byte buffer. It has no storage while it is empty from the start; most flows never need any.</summary>
internal sealed class ByteRing(RingStorage storage)
{
    private byte[]? bytes;
    private int start;

    public int Count { get; private set; }

    public int Room => storage.Bytes - Count;

    /// <summary>Where the next bytes go: up to <see cref="Room"/>, as one or two pieces; the first of them.</summary>
    public Span<byte> Tail()
    {
        bytes ??= storage.Rent();
        int end = start + Count;
        return end >= bytes.Length ? bytes.AsSpan(end - bytes.Length, start - (end - bytes.Length)) : bytes.AsSpan(end);
    }

    /// <summary>Counts bytes that were written to <see cref="Tail"/>.</summary>
    public void Commit(int count) => Count += count;

    /// <exception cref="InvalidOperationException">More than <see cref="Room"/>.</exception>
    public void Append(ReadOnlySpan<byte> source)
    {
        if (source.Length > Room)
        {
            throw new InvalidOperationException($"{source.Length} bytes for a ring with room for {Room}");
        }

        while (!source.IsEmpty)
        {
            Span<byte> tail = Tail();
            int piece = Math.Min(tail.Length, source.Length);
            source[..piece].CopyTo(tail);
            Commit(piece);
            source = source[piece..];
        }
    }

    /// <summary>Adds the first <paramref name="count"/> bytes to a gather list.</summary>
    public void Gather(IoVectors into, int count)
    {
        if (bytes is null)
        {
            return;
        }

        int first = Math.Min(count, bytes.Length - start);
        into.TryAdd(bytes.AsSpan(start, first));
        into.TryAdd(bytes.AsSpan(0, count - first));
    }

    public void Discard(int count)
    {
        Count -= count;
        start = Count == 0 ? 0 : (start + count) % storage.Bytes;
    }

    /// <summary>Forgets the content and gives the storage back.</summary>
    public void Release()
    {
        if (bytes is not null)
        {
            storage.Return(bytes);
            bytes = null;
        }

        Count = start = 0;
    }
}
