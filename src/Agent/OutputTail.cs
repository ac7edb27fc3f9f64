namespace Vsockspec.Agent;

/// <summary>The newest bytes of what was added, and how many there were in all.</summary>
/// <param name="limit">Bytes that are kept.</param>
internal sealed class OutputTail(int limit)
{
    private readonly byte[] _ring = new byte[limit];
    private int _next;

    public ulong Total { get; private set; }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        Total += (ulong)bytes.Length;
        bytes = bytes[^Math.Min(bytes.Length, _ring.Length)..];
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(bytes.Length, _ring.Length - _next);
            bytes[..count].CopyTo(_ring.AsSpan(_next));
            _next = (_next + count) % _ring.Length;
            bytes = bytes[count..];
        }
    }

    public byte[] ToArray() => Total < (ulong)_ring.Length ? _ring[.._next] : [.. _ring[_next..], .. _ring[.._next]];
}
