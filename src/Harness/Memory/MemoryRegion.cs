using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using Vsockspec.Interop;

namespace Vsockspec.Memory;

/// <summary>
/// One region of guest memory mapped into this process. Not thread-safe against <see cref="Dispose"/>: whoever owns the
/// memory stops its users first.
/// </summary>
public sealed unsafe class MemoryRegion : IDisposable
{
    private readonly byte* mapping;
    private readonly long mappingLength;
    private byte* start;

    private MemoryRegion(SafeFileHandle file, ulong guestAddress, ulong? userAddress, ulong size, ulong mmapOffset, byte* mapping, long mappingLength, long skip)
    {
        File = file;
        GuestAddress = guestAddress;
        Size = size;
        MmapOffset = mmapOffset;
        this.mapping = mapping;
        this.mappingLength = mappingLength;
        start = mapping + skip;
        UserAddress = userAddress ?? (ulong)start;
    }

    /// <summary>The memory object behind the region, to pass to the other side.</summary>
    public SafeFileHandle File { get; }

    /// <summary>Guest-physical address of the first byte.</summary>
    public ulong GuestAddress { get; }

    /// <summary>Address of the first byte in the front end's process.</summary>
    public ulong UserAddress { get; }

    /// <summary>Bytes.</summary>
    public ulong Size { get; }

    /// <summary>Offset of the first byte in <see cref="File"/>.</summary>
    public ulong MmapOffset { get; }

    /// <summary>The mapped bytes; <see langword="null"/> after <see cref="Dispose"/>.</summary>
    internal byte* Start => start;

    /// <summary>Creates memory of our own.</summary>
    /// <param name="userAddress">The address that a device is told; null for that of this mapping.</param>
    public static MemoryRegion Create(ulong guestAddress, ulong size, ulong mmapOffset = 0, ulong? userAddress = null)
    {
        SafeFileHandle file = MemFd.Create("vsockspec-guest", checked((long)(size + mmapOffset)));
        return Map(file, guestAddress, userAddress, size, mmapOffset);
    }

    /// <summary>
    /// Maps memory that a peer shared. Takes ownership of <paramref name="file"/>, also when it throws.
    /// </summary>
    /// <param name="userAddress">The address in the peer's process, or null for the address of this mapping.</param>
    /// <exception cref="GuestMemoryException">The file is too small, the sizes overflow or the mapping fails.</exception>
    public static MemoryRegion Map(SafeFileHandle file, ulong guestAddress, ulong? userAddress, ulong size, ulong mmapOffset)
    {
        try
        {
            const ulong Limit = 1UL << 46;
            if (size is 0 or > Limit || mmapOffset > Limit || guestAddress + size < guestAddress || userAddress + size < userAddress)
            {
                throw new GuestMemoryException($"memory region gpa=0x{guestAddress:x} size=0x{size:x} offset=0x{mmapOffset:x} is not a usable range");
            }

            long length = RandomAccess.GetLength(file);
            if ((ulong)length < mmapOffset + size)
            {
                throw new GuestMemoryException($"memory region ends at byte 0x{mmapOffset + size:x} of a file of 0x{length:x} bytes");
            }

            // mmap wants a page-aligned offset; map from the page below and skip the rest.
            long skip = (long)(mmapOffset % (ulong)Environment.SystemPageSize);
            long mapped = (long)size + skip;
            void* p = LibC.mmap(null, (size_t)(ulong)mapped, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_SHARED, (int)file.DangerousGetHandle(), (long)mmapOffset - skip);
            if (p == LibC.MAP_FAILED)
            {
                throw new GuestMemoryException(ErrnoException.Last("mmap").Message);
            }

            return new MemoryRegion(file, guestAddress, userAddress, size, mmapOffset, (byte*)p, mapped, skip);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public bool Contains(ulong guestAddress) => guestAddress - GuestAddress < Size;

    public void Dispose()
    {
        if (start != null)
        {
            start = null;
            _ = LibC.munmap(mapping, (size_t)(ulong)mappingLength);
            File.Dispose();
        }
    }
}
