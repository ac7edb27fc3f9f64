namespace Vsockspec.Memory;

/// <summary>An address or range that is not in guest memory, or memory that cannot be mapped.</summary>
public sealed class GuestMemoryException(string message) : Exception(message);

/// <summary>
/// Guest-physical memory: a few regions with holes between them. Every access is bounds-checked; addresses come from the
/// other side and are not trusted. Reads and writes may run concurrently with the other side; ordering is the rings' business.
/// </summary>
public sealed unsafe class GuestMemory : IDisposable
{
    private readonly MemoryRegion[] regions;

    /// <summary>Takes ownership of the regions.</summary>
    public GuestMemory(IEnumerable<MemoryRegion> regions) => this.regions = [.. regions];

    public IReadOnlyList<MemoryRegion> Regions => regions;

    /// <summary>The bytes of a range that lies inside one region.</summary>
    /// <exception cref="GuestMemoryException">The range is not inside one region.</exception>
    public Span<byte> Slice(ulong guestAddress, uint length) =>
        TrySlice(guestAddress, length, out Span<byte> span) ? span : throw NotMapped(guestAddress, length);

    /// <summary>The bytes of a range that lies inside one region; false when it does not.</summary>
    public bool TrySlice(ulong guestAddress, uint length, out Span<byte> span)
    {
        foreach (MemoryRegion region in regions)
        {
            ulong offset = guestAddress - region.GuestAddress;
            if (offset < region.Size && length <= region.Size - offset && length <= int.MaxValue)
            {
                span = new Span<byte>(region.Start + offset, (int)length);
                return true;
            }
        }

        span = default;
        return false;
    }

    /// <summary>
    /// As much of the range as lies in the region of its first byte, at least one byte. A buffer may cross from one region
    /// into an adjacent one, so callers loop. False when the first byte is not mapped.
    /// </summary>
    public bool TrySlicePrefix(ulong guestAddress, uint length, out Span<byte> span)
    {
        foreach (MemoryRegion region in regions)
        {
            ulong offset = guestAddress - region.GuestAddress;
            if (offset < region.Size)
            {
                span = new Span<byte>(region.Start + offset, (int)Math.Min(Math.Min(length, region.Size - offset), int.MaxValue));
                return true;
            }
        }

        span = default;
        return false;
    }

    /// <summary>True when every byte of the range is mapped, possibly across adjacent regions.</summary>
    public bool Contains(ulong guestAddress, ulong length)
    {
        while (length > 0)
        {
            if (!TrySlicePrefix(guestAddress, (uint)Math.Min(length, int.MaxValue), out Span<byte> span))
            {
                return false;
            }

            length -= (ulong)span.Length;
            guestAddress += (ulong)span.Length;
        }

        return true;
    }

    /// <summary>Copies out of guest memory, across adjacent regions where needed.</summary>
    /// <exception cref="GuestMemoryException">A byte of the range is not mapped.</exception>
    public void Read(ulong guestAddress, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (!TrySlicePrefix(guestAddress, (uint)destination.Length, out Span<byte> span))
            {
                throw NotMapped(guestAddress, (ulong)destination.Length);
            }

            span.CopyTo(destination);
            destination = destination[span.Length..];
            guestAddress += (ulong)span.Length;
        }
    }

    /// <summary>Copies into guest memory, across adjacent regions where needed.</summary>
    /// <exception cref="GuestMemoryException">A byte of the range is not mapped; bytes before it were written.</exception>
    public void Write(ulong guestAddress, ReadOnlySpan<byte> source)
    {
        while (!source.IsEmpty)
        {
            if (!TrySlicePrefix(guestAddress, (uint)source.Length, out Span<byte> span))
            {
                throw NotMapped(guestAddress, (ulong)source.Length);
            }

            source[..span.Length].CopyTo(span);
            source = source[span.Length..];
            guestAddress += (ulong)span.Length;
        }
    }

    /// <summary>The guest-physical address of an address in the front end's process.</summary>
    public bool TryFromUserAddress(ulong userAddress, out ulong guestAddress)
    {
        foreach (MemoryRegion region in regions)
        {
            ulong offset = userAddress - region.UserAddress;
            if (offset < region.Size)
            {
                guestAddress = region.GuestAddress + offset;
                return true;
            }
        }

        guestAddress = 0;
        return false;
    }

    /// <summary>The front end's address of a guest-physical address.</summary>
    /// <exception cref="GuestMemoryException">The address is not mapped.</exception>
    public ulong ToUserAddress(ulong guestAddress)
    {
        foreach (MemoryRegion region in regions)
        {
            if (region.Contains(guestAddress))
            {
                return region.UserAddress + (guestAddress - region.GuestAddress);
            }
        }

        throw NotMapped(guestAddress, 1);
    }

    public void Dispose()
    {
        foreach (MemoryRegion region in regions)
        {
            region.Dispose();
        }
    }

    /// <summary>The bytes of a ring part, which must lie inside one region, for access with explicit ordering.</summary>
    internal byte* Pointer(ulong guestAddress, uint length)
    {
        fixed (byte* p = Slice(guestAddress, length))
        {
            return p;
        }
    }

    private static GuestMemoryException NotMapped(ulong guestAddress, ulong length) =>
        new($"guest address 0x{guestAddress:x} length {length} is not in guest memory");
}
