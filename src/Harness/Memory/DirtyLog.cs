using Microsoft.Win32.SafeHandles;

namespace Vsockspec.Memory;

/// <summary>
/// The log of dirty pages that a front end shares for a migration: one bit for each page of 4096 bytes of guest-physical addresses,
/// lowest bit first (QEMU docs/interop/vhost-user.rst, "Migration"). Both sides change it at the same time, so every change is atomic.
/// </summary>
public sealed unsafe class DirtyLog : IDisposable
{
    /// <summary>Bytes of guest memory that one bit stands for.</summary>
    public const ulong PageSize = 4096;

    private const ulong PagesPerByte = 8;

    private readonly MemoryRegion region;

    private DirtyLog(MemoryRegion region) => this.region = region;

    /// <summary>The memory object behind the log, to pass to the other side.</summary>
    public SafeFileHandle File => region.File;

    /// <summary>Address of the log in this process, as a kernel wants it.</summary>
    public ulong UserAddress => region.UserAddress;

    /// <summary>Bytes of the log.</summary>
    public ulong Size => region.Size;

    /// <summary>Offset of the log in <see cref="File"/>.</summary>
    public ulong MmapOffset => region.MmapOffset;

    /// <summary>Creates a clean log for all addresses below <paramref name="limit"/>.</summary>
    public static DirtyLog Create(ulong limit, ulong mmapOffset = 0) =>
        new(MemoryRegion.Create(0, (limit + (PageSize * PagesPerByte) - 1) / (PageSize * PagesPerByte), mmapOffset));

    /// <summary>Maps a log that a front end shared. Takes ownership of <paramref name="file"/>, also when it throws.</summary>
    /// <exception cref="GuestMemoryException">The file is too small, the sizes overflow or the mapping fails.</exception>
    public static DirtyLog Map(SafeFileHandle file, ulong size, ulong mmapOffset) =>
        new(MemoryRegion.Map(file, guestAddress: 0, userAddress: null, size, mmapOffset));

    /// <summary>Marks the pages of a range as written. What lies beyond the log is not remembered: its size is the front end's word.</summary>
    public void Mark(ulong address, ulong length)
    {
        if (length == 0)
        {
            return;
        }

        ulong last = (address + length - 1) / PageSize;
        for (ulong page = address / PageSize; page <= last && page / PagesPerByte < Size; page++)
        {
            ref byte bits = ref region.Start[page / PagesPerByte];
            byte seen = Volatile.Read(ref bits);
            byte before;
            do
            {
                before = seen;
                seen = Interlocked.CompareExchange(ref bits, (byte)(before | BitOf(page)), before);
            }
            while (seen != before);
        }
    }

    /// <summary>True when the page of an address is marked.</summary>
    public bool IsMarked(ulong address)
    {
        ulong page = address / PageSize;
        return page / PagesPerByte < Size && (Volatile.Read(ref region.Start[page / PagesPerByte]) & BitOf(page)) != 0;
    }

    /// <summary>The address of the first page that is marked; null when none is.</summary>
    public ulong? FirstMarked()
    {
        for (ulong at = 0; at < Size; at++)
        {
            byte bits = Volatile.Read(ref region.Start[at]);
            if (bits != 0)
            {
                return ((at * PagesPerByte) + (ulong)System.Numerics.BitOperations.TrailingZeroCount(bits)) * PageSize;
            }
        }

        return null;
    }

    /// <summary>Forgets all marks, as a front end does once it has copied the pages.</summary>
    public void Clear()
    {
        for (ulong at = 0; at < Size; at++)
        {
            _ = Interlocked.Exchange(ref region.Start[at], 0);
        }
    }

    public void Dispose() => region.Dispose();

    private static byte BitOf(ulong page) => (byte)(1 << (int)(page % PagesPerByte));
}
