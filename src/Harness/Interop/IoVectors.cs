using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>
/// The pieces of memory of one scatter or gather call. One object is filled and emptied again and again, no allocation. It
/// holds addresses: every span added must be over memory that neither moves nor goes away before the call, which is guest
/// memory or an array on the pinned heap.
/// </summary>
public sealed unsafe class IoVectors
{
    /// <summary>Most pieces that Linux takes in one call (IOV_MAX).</summary>
    public const int Capacity = 1024;

    private readonly iovec[] pieces = GC.AllocateArray<iovec>(Capacity, pinned: true);

    public int Count { get; private set; }

    /// <summary>Bytes of all pieces.</summary>
    public int Bytes { get; private set; }

    public bool IsFull => Count == Capacity;

    internal iovec* Pieces => (iovec*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pieces));

    public void Clear() => Count = Bytes = 0;

    /// <summary>Adds a piece; an empty one takes no room.</summary>
    /// <returns>False when there is no room.</returns>
    public bool TryAdd(Span<byte> unmoving)
    {
        if (unmoving.IsEmpty)
        {
            return true;
        }

        if (IsFull || unmoving.Length > int.MaxValue - Bytes)
        {
            return false;
        }

        pieces[Count++] = new iovec { iov_base = Unsafe.AsPointer(ref MemoryMarshal.GetReference(unmoving)), iov_len = (uint)unmoving.Length };
        Bytes += unmoving.Length;
        return true;
    }

    /// <summary>The bytes of one piece.</summary>
    public Span<byte> this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            iovec piece = pieces[index];
            return new Span<byte>(piece.iov_base, (int)piece.iov_len);
        }
    }
}
