using Vsockspec.Wire;

namespace Vsockspec.Rings;

/// <summary>
/// How a driver cuts a contiguous range, header and payload, into the buffers of a chain. A device must make no assumption
/// about it (virtio 1.4 section 2.7.4.1). A range that runs from one memory region into the adjacent one needs no shape of
/// its own: it is just an address. The default value is <see cref="OneBuffer"/>.
/// </summary>
public readonly record struct ChainShape
{
    // Lengths of the first two buffers and of all later ones; 0 means: the rest.
    private readonly uint first;
    private readonly uint second;
    private readonly uint later;
    private readonly bool zeroLengthPieces;

    private ChainShape(uint first, uint second, uint later, bool zeroLengthPieces)
    {
        this.first = first;
        this.second = second;
        this.later = later;
        this.zeroLengthPieces = zeroLengthPieces;
    }

    /// <summary>Everything in one buffer.</summary>
    public static ChainShape OneBuffer => default;

    /// <summary>The header alone, then the payload.</summary>
    public static ChainShape HeaderThenPayload => CutAt(VsockHeader.Size);

    /// <summary>The first <paramref name="bytes"/>, then the rest: within the header, at its end or within the payload.</summary>
    public static ChainShape CutAt(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        return new ChainShape((uint)bytes, 0, 0, zeroLengthPieces: false);
    }

    /// <summary>The header in two buffers, <paramref name="bytes"/> (1 to 43) in the first, then the payload.</summary>
    public static ChainShape SplitHeaderAt(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bytes, VsockHeader.Size);
        return new ChainShape((uint)bytes, (uint)(VsockHeader.Size - bytes), 0, zeroLengthPieces: false);
    }

    /// <summary>Buffers of <paramref name="size"/> bytes, the last one shorter.</summary>
    public static ChainShape Pieces(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        return new ChainShape((uint)size, (uint)size, (uint)size, zeroLengthPieces: false);
    }

    /// <summary>The header alone, then the payload in buffers of <paramref name="size"/> bytes.</summary>
    public static ChainShape HeaderThenPieces(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        return new ChainShape(VsockHeader.Size, (uint)size, (uint)size, zeroLengthPieces: false);
    }

    /// <summary>The same cuts with a buffer of length 0 before every piece and after the last.</summary>
    public ChainShape WithZeroLengthPieces() => new(first, second, later, zeroLengthPieces: true);

    /// <summary>Buffers that a range of <paramref name="length"/> bytes becomes.</summary>
    public int CountFor(uint length)
    {
        int pieces = 0;
        uint left = length;
        do
        {
            left -= PieceLength(pieces++, left);
        }
        while (left > 0);
        return zeroLengthPieces ? (2 * pieces) + 1 : pieces;
    }

    /// <summary>Cuts a range into buffers; an empty range becomes one buffer of length 0.</summary>
    /// <param name="address">Guest-physical address of the first byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="deviceWrites">Kind of every buffer.</param>
    /// <param name="into">Room for <see cref="CountFor"/> buffers.</param>
    /// <returns>The number of buffers.</returns>
    /// <exception cref="ArgumentException"><paramref name="into"/> is too small.</exception>
    public int Cut(ulong address, uint length, bool deviceWrites, Span<RingBuffer> into)
    {
        if (first == 0 && !zeroLengthPieces)
        {
            Add(into, 0, new RingBuffer(address, length, deviceWrites));
            return 1;
        }

        int count = 0;
        int pieces = 0;
        uint left = length;
        do
        {
            uint piece = PieceLength(pieces++, left);
            if (zeroLengthPieces)
            {
                Add(into, count++, new RingBuffer(address, 0, deviceWrites));
            }

            Add(into, count++, new RingBuffer(address, piece, deviceWrites));
            address += piece;
            left -= piece;
        }
        while (left > 0);

        if (zeroLengthPieces)
        {
            Add(into, count++, new RingBuffer(into[count - 2].Address, 0, deviceWrites));
        }

        return count;
    }

    /// <summary>A name for reports: <c>one-buffer</c>, <c>44+rest</c>, <c>1+43+rest</c>, <c>pieces-of-7+zero-length</c>.</summary>
    public override string ToString()
    {
        string name = this switch
        {
            { first: 0 } => "one-buffer",
            { second: 0 } => $"{first}+rest",
            { later: 0 } => $"{first}+{second}+rest",
            _ when first == later => $"pieces-of-{first}",
            _ => $"{first}+pieces-of-{later}",
        };
        return zeroLengthPieces ? name + "+zero-length" : name;
    }

    private static void Add(Span<RingBuffer> into, int index, RingBuffer buffer)
    {
        if (index >= into.Length)
        {
            throw new ArgumentException($"no room for more than {into.Length} buffers", nameof(into));
        }

        into[index] = buffer;
    }

    private uint PieceLength(int piece, uint left)
    {
        uint wanted = piece switch
        {
            0 => first,
            1 => second,
            _ => later,
        };
        return wanted == 0 || wanted > left ? left : wanted;
    }
}
