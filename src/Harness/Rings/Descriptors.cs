using System.Buffers.Binary;

namespace Vsockspec.Rings;

/// <summary>Descriptor flags, virtio 1.4 sections 2.7.5 (split) and 2.8.1 to 2.8.7 (packed).</summary>
[Flags]
public enum DescriptorFlags : ushort
{
    None = 0,
    Next = 1,
    Write = 2,
    Indirect = 4,

    /// <summary>Packed rings only.</summary>
    Avail = 1 << 7,

    /// <summary>Packed rings only.</summary>
    Used = 1 << 15,
}

/// <summary><c>struct virtq_desc</c>, 16 bytes, virtio 1.4 section 2.7.5. Holds whatever is in memory, legal or not.</summary>
public readonly record struct SplitDescriptor(ulong Address, uint Length, DescriptorFlags Flags, ushort Next)
{
    public const int Size = 16;

    public bool Is(DescriptorFlags flag) => (Flags & flag) != 0;

    public static SplitDescriptor Read(ReadOnlySpan<byte> source) => Decode(
        BinaryPrimitives.ReadUInt64LittleEndian(source),
        BinaryPrimitives.ReadUInt64LittleEndian(source[8..]));

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, Address);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], SecondWord);
    }

    internal ulong SecondWord => Length | ((ulong)Flags << 32) | ((ulong)Next << 48);

    internal static SplitDescriptor Decode(ulong first, ulong second) =>
        new(first, (uint)second, (DescriptorFlags)(ushort)(second >> 32), (ushort)(second >> 48));
}

/// <summary><c>struct virtq_used_elem</c>, 8 bytes, virtio 1.4 section 2.7.8.</summary>
public readonly record struct UsedElement(uint Id, uint Length)
{
    public const int Size = 8;
}

/// <summary><c>struct pvirtq_desc</c>, 16 bytes, virtio 1.4 section 2.8.13. Holds whatever is in memory, legal or not.</summary>
public readonly record struct PackedDescriptor(ulong Address, uint Length, ushort Id, DescriptorFlags Flags)
{
    public const int Size = 16;

    public bool Is(DescriptorFlags flag) => (Flags & flag) != 0;

    public static PackedDescriptor Read(ReadOnlySpan<byte> source) => Decode(
        BinaryPrimitives.ReadUInt64LittleEndian(source),
        BinaryPrimitives.ReadUInt64LittleEndian(source[8..]));

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, Address);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], SecondWord);
    }

    internal ulong SecondWord => Length | ((ulong)Id << 32) | ((ulong)Flags << 48);

    internal static PackedDescriptor Decode(ulong first, ulong second) =>
        new(first, (uint)second, (ushort)(second >> 32), (DescriptorFlags)(ushort)(second >> 48));
}

/// <summary>What one side of a packed ring asks of the other, virtio 1.4 section 2.8.10.</summary>
public enum EventMode
{
    Enable = 0,
    Disable = 1,

    /// <summary>For one descriptor; only with VIRTIO_F_EVENT_IDX.</summary>
    Desc = 2,
    Reserved = 3,
}

/// <summary><c>struct pvirtq_event_suppress</c>, 4 bytes, virtio 1.4 section 2.8.14: two le16, all bits kept.</summary>
/// <param name="OffWrap">Descriptor offset in bits 0 to 14, wrap counter in bit 15.</param>
/// <param name="Flags">Mode in bits 0 and 1; the rest is reserved.</param>
public readonly record struct EventSuppression(ushort OffWrap, ushort Flags)
{
    public const int Size = 4;

    public ushort Offset => (ushort)(OffWrap & 0x7fff);

    public bool Wrap => (OffWrap & 0x8000) != 0;

    public EventMode Mode => (EventMode)(Flags & 3);

    public static EventSuppression Of(EventMode mode) => new(0, (ushort)mode);

    /// <summary>Asks for a notification when the descriptor at <paramref name="position"/> is made available or used.</summary>
    internal static EventSuppression At(PackedPosition position) =>
        new((ushort)(position.Index | (position.Wrap ? 0x8000 : 0)), (ushort)EventMode.Desc);

    internal uint Word => OffWrap | ((uint)Flags << 16);

    internal static EventSuppression Decode(uint word) => new((ushort)word, (ushort)(word >> 16));
}
