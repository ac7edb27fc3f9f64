using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>Places the parts of a ring in guest memory.</summary>
public static class RingAllocation
{
    /// <summary>Reserves and clears the three parts of a ring, each at its required alignment.</summary>
    /// <param name="region">The memory region to use, or null for the first with room, part by part.</param>
    /// <exception cref="RingSetupException">The size is illegal for the layout.</exception>
    /// <exception cref="GuestMemoryException">There is no room.</exception>
    public static RingSetup Allocate(
        GuestArena arena,
        RingLayout layout,
        ushort size,
        bool eventIdx = false,
        bool indirect = false,
        bool inOrder = false,
        int? region = null)
    {
        RingSetup setup = new(layout, size, 0, 0, 0, eventIdx, indirect, inOrder);
        RingSetupException.ThrowUnlessSize(setup);
        return layout == RingLayout.Packed
            ? setup with
            {
                DescriptorArea = Cleared(arena, PackedRingMemory.DescriptorBytes(size), PackedRingMemory.DescriptorAlignment, region),
                DriverArea = Cleared(arena, EventSuppression.Size, PackedRingMemory.EventAlignment, region),
                DeviceArea = Cleared(arena, EventSuppression.Size, PackedRingMemory.EventAlignment, region),
            }
            : setup with
            {
                DescriptorArea = Cleared(arena, SplitRingMemory.DescriptorBytes(size), SplitRingMemory.DescriptorAlignment, region),
                DriverArea = Cleared(arena, SplitRingMemory.DriverBytes(size), SplitRingMemory.DriverAlignment, region),
                DeviceArea = Cleared(arena, SplitRingMemory.DeviceBytes(size), SplitRingMemory.DeviceAlignment, region),
            };
    }

    private static ulong Cleared(GuestArena arena, uint bytes, uint alignment, int? region)
    {
        ulong address = arena.Allocate(bytes, alignment, region);
        arena.Memory.Slice(address, bytes).Clear();
        return address;
    }
}
