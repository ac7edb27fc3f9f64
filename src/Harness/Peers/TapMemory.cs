using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Peers;

/// <summary>
/// The memory that a device behind a tap sees: all of the guest's, so that buffers are where the guest put them, and one region more for the
/// tap's own rings and indirect tables. One thread.
/// </summary>
internal sealed class TapMemory : IDisposable
{
    /// <summary>Most entries of an indirect table that is passed on; a longer ring has longer tables.</summary>
    private const int UsualTable = 1024;

    private const ulong Window = 16 << 20;
    private const ulong TableBytes = 8 << 20;
    private const int Windows = 3;

    /// <summary>Between the guest's memory and the tap's, so that no buffer reaches from one into the other.</summary>
    private const ulong Hole = 1 << 30;
    private const ulong Alignment = 2 << 20;

    public TapMemory(GuestMemory guest)
    {
        const ulong Size = Windows * Window;
        ulong guestEnd = 0;
        ulong userEnd = 0;
        ulong userStart = ulong.MaxValue;
        foreach (MemoryRegion region in guest.Regions)
        {
            guestEnd = Math.Max(guestEnd, region.GuestAddress + region.Size);
            userEnd = Math.Max(userEnd, region.UserAddress + region.Size);
            userStart = Math.Min(userStart, region.UserAddress);
        }

        // Nobody maps anything there: in messages these addresses only stand for parts of the region.
        ulong user = userStart > Size + Hole ? userStart - Size - Hole : userEnd + Hole;
        Own = new GuestMemory([MemoryRegion.Create(RoundUp(guestEnd + Hole), Size, userAddress: RoundDown(user))]);

        // Not disposed: its regions belong to the guest's memory and to Own.
        All = new GuestMemory([.. guest.Regions, .. Own.Regions]);
    }

    /// <summary>What the device is given.</summary>
    public GuestMemory All { get; }

    /// <summary>The tap's own part.</summary>
    public GuestMemory Own { get; }

    /// <summary>A ring like the guest's, cleared, in the tap's part. Whatever lay in the memory of this queue before is gone.</summary>
    public RingSetup AllocateRing(int queue, in RingSetup like, out TapTables tables)
    {
        GuestArena arena = new(Own);
        if (queue > 0)
        {
            _ = arena.Allocate((uint)queue * (uint)Window, 1);
        }

        RingSetup ring = RingAllocation.Allocate(arena, like.Layout, like.Size, like.EventIdx, like.Indirect, like.InOrder);
        uint entries = (uint)Math.Max(UsualTable, (int)like.Size);
        uint bytes = entries * SplitDescriptor.Size;
        int count = like.Indirect ? (int)Math.Min(like.Size, TableBytes / bytes) : 0;
        tables = new TapTables(count > 0 ? arena.Allocate((uint)count * bytes) : 0, count, entries);
        return ring;
    }

    public void Dispose() => Own.Dispose();

    private static ulong RoundUp(ulong address) => (address + Alignment - 1) & ~(Alignment - 1);

    private static ulong RoundDown(ulong address) => address & ~(Alignment - 1);
}

/// <summary>Places for indirect tables, all of one size.</summary>
internal sealed class TapTables(ulong start, int count, uint entries)
{
    private readonly Stack<int> free = new(Enumerable.Range(0, count));

    /// <summary>Most entries of one table.</summary>
    public uint Entries => entries;

    /// <summary>Takes a place; false when all are in use.</summary>
    public bool TryTake(out int place) => free.TryPop(out place);

    public void Free(int place) => free.Push(place);

    public ulong AddressOf(int place) => start + ((ulong)place * entries * SplitDescriptor.Size);
}
