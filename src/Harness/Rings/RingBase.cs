namespace Vsockspec.Rings;

/// <summary>
/// The start position of a ring as vhost-user's SET_VRING_BASE and GET_VRING_BASE carry it. Split: the next available index.
/// Packed: bits 0-14 available index, 15 available wrap counter, 16-30 used index, 31 used wrap counter.
/// </summary>
public static class RingBase
{
    /// <summary>The base of a ring that was never used; packed wrap counters start at 1 (virtio 1.4 section 2.8.1).</summary>
    public static uint Initial(RingLayout layout) => layout == RingLayout.Packed ? 0x8000_8000 : 0;

    /// <summary>The base of an idle packed ring: available and used position are the same.</summary>
    public static uint Packed(ushort index, bool wrap) => Packed(new PackedPosition(index, wrap), new PackedPosition(index, wrap));

    internal static uint Packed(PackedPosition avail, PackedPosition used) => Half(avail) | (Half(used) << 16);

    internal static (PackedPosition Avail, PackedPosition Used) DecodePacked(uint value, ushort size)
    {
        PackedPosition avail = new((ushort)(value & 0x7fff), (value & 0x8000) != 0);
        PackedPosition used = new((ushort)((value >> 16) & 0x7fff), (value & 0x8000_0000) != 0);
        if (avail.Index >= size || used.Index >= size)
        {
            throw new RingSetupException($"ring base 0x{value:x} points outside a packed ring of {size} entries");
        }

        return (avail, used);
    }

    private static uint Half(PackedPosition position) => position.Index | (position.Wrap ? 0x8000u : 0);
}

/// <summary>A place in a packed ring: descriptor index and the wrap counter there.</summary>
internal readonly record struct PackedPosition(ushort Index, bool Wrap)
{
    /// <summary>The AVAIL and USED bits of a descriptor that is made available here (virtio 1.4 section 2.8.1).</summary>
    public DescriptorFlags AvailableFlags => Wrap ? DescriptorFlags.Avail : DescriptorFlags.Used;

    /// <summary>The AVAIL and USED bits of a descriptor that is used here.</summary>
    public DescriptorFlags UsedFlags => Wrap ? DescriptorFlags.Avail | DescriptorFlags.Used : DescriptorFlags.None;

    public bool IsAvailable(DescriptorFlags flags) => Bits(flags) == AvailableFlags;

    public bool IsUsed(DescriptorFlags flags) => Bits(flags) == UsedFlags;

    /// <summary>The place <paramref name="entries"/> further; the wrap counter flips at every passage of the ring's end.</summary>
    public PackedPosition Advance(uint entries, ushort size)
    {
        uint index = Index + entries;
        if (index < size)
        {
            return new PackedPosition((ushort)index, Wrap);
        }

        return new PackedPosition((ushort)(index % size), Wrap ^ ((index / size) % 2 != 0));
    }

    /// <summary>The place <paramref name="entries"/> before, at most one lap back.</summary>
    public PackedPosition Retreat(ushort entries, ushort size) =>
        Index >= entries ? new PackedPosition((ushort)(Index - entries), Wrap) : new PackedPosition((ushort)(Index + size - entries), !Wrap);

    private static DescriptorFlags Bits(DescriptorFlags flags) => flags & (DescriptorFlags.Avail | DescriptorFlags.Used);
}
