namespace Vsockspec.Memory;

/// <summary>
/// Hands out pieces of guest memory, front to back, region by region. Pieces are not returned one by one: a session
/// that needs fresh memory makes a fresh arena. Not thread-safe.
/// </summary>
public sealed class GuestArena(GuestMemory memory)
{
    private readonly ulong[] used = new ulong[memory.Regions.Count];

    public GuestMemory Memory => memory;

    /// <summary>Reserves <paramref name="length"/> bytes aligned to <paramref name="alignment"/> (a power of two) in the given region, or in the first with room.</summary>
    /// <exception cref="GuestMemoryException">There is no room.</exception>
    public ulong Allocate(uint length, uint alignment = 16, int? region = null)
    {
        for (int i = region ?? 0; i < used.Length; i++)
        {
            MemoryRegion candidate = memory.Regions[i];
            ulong address = (candidate.GuestAddress + used[i] + alignment - 1) & ~(alignment - 1UL);
            if (address + length <= candidate.GuestAddress + candidate.Size)
            {
                used[i] = address + length - candidate.GuestAddress;
                return address;
            }

            if (region is not null)
            {
                break;
            }
        }

        throw new GuestMemoryException($"no room for {length} bytes of guest memory");
    }
}
