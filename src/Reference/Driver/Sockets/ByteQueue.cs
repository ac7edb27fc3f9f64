namespace Vsockspec.Reference.Driver;

/// <summary>Bytes, first in, first out, in one array that grows as needed; whoever puts bytes in bounds them. Not thread-safe.</summary>
internal sealed class ByteQueue
{
    private const int Smallest = 4096;

    private byte[] bytes = [];
    private int start;

    public int Count { get; private set; }

    public void Add(ReadOnlySpan<byte> source)
    {
        Grow(Count + source.Length);
        int at = (start + Count) & (bytes.Length - 1);
        int first = Math.Min(source.Length, bytes.Length - at);
        source[..first].CopyTo(bytes.AsSpan(at));
        source[first..].CopyTo(bytes);
        Count += source.Length;
    }

    /// <summary>Copies from the front; the bytes stay.</summary>
    public void Peek(Span<byte> target)
    {
        if (target.IsEmpty)
        {
            return;
        }

        int first = Math.Min(target.Length, bytes.Length - start);
        bytes.AsSpan(start, first).CopyTo(target);
        bytes.AsSpan(0, target.Length - first).CopyTo(target[first..]);
    }

    public void Remove(int count)
    {
        Count -= count;
        start = Count == 0 ? 0 : (start + count) & (bytes.Length - 1);
    }

    private void Grow(int needed)
    {
        if (needed <= bytes.Length)
        {
            return;
        }

        byte[] larger = new byte[Math.Max(Smallest, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)needed))];
        Peek(larger.AsSpan(0, Count));
        bytes = larger;
        start = 0;
    }
}
