using System.Runtime.InteropServices;

namespace Vsockspec.Transports;

/// <summary>The u64 of SET_VRING_KICK, CALL and ERR: which ring, and whether a descriptor comes along.</summary>
public readonly record struct VringDescriptor(byte Index, bool HasDescriptor)
{
    private const ulong NoDescriptor = 1UL << 8;

    public ulong Value => Index | (HasDescriptor ? 0 : NoDescriptor);

    /// <summary>Bits 9 and up are undefined and ignored.</summary>
    public static VringDescriptor Of(ulong value) => new((byte)value, (value & NoDescriptor) == 0);
}

/// <summary>"A vring state description": the ring index and a number whose meaning the request gives.</summary>
public readonly record struct VringState(uint Index, uint Number)
{
    public const int Size = 8;

    public static VringState Read(ReadOnlySpan<byte> source) => new(MemoryMarshal.Read<uint>(source), MemoryMarshal.Read<uint>(source[4..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, Index);
        MemoryMarshal.Write(destination[4..], Number);
    }
}

/// <summary>
/// "A vring address description" as <c>struct vhost_vring_addr</c> of linux/vhost_types.h lays it out: the document's
/// diagram has a size column that is not in the structure, and used comes before avail.
/// </summary>
/// <param name="Flags"><see cref="LogsUsedRing"/>.</param>
/// <param name="Descriptor">The front end's address of the descriptor table or packed ring.</param>
/// <param name="Used">Used ring or device event suppression.</param>
/// <param name="Available">Available ring or driver event suppression.</param>
/// <param name="Log">Where in the log the first byte of the used ring counts, as a guest-physical address.</param>
public readonly record struct VringAddress(uint Index, uint Flags, ulong Descriptor, ulong Used, ulong Available, ulong Log)
{
    public const int Size = 40;

    /// <summary>VHOST_VRING_F_LOG, a flag: writes to the used ring are logged.</summary>
    public const uint LogsUsedRing = 1;

    public static VringAddress Read(ReadOnlySpan<byte> source) => new(
        MemoryMarshal.Read<uint>(source),
        MemoryMarshal.Read<uint>(source[4..]),
        MemoryMarshal.Read<ulong>(source[8..]),
        MemoryMarshal.Read<ulong>(source[16..]),
        MemoryMarshal.Read<ulong>(source[24..]),
        MemoryMarshal.Read<ulong>(source[32..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, Index);
        MemoryMarshal.Write(destination[4..], Flags);
        MemoryMarshal.Write(destination[8..], Descriptor);
        MemoryMarshal.Write(destination[16..], Used);
        MemoryMarshal.Write(destination[24..], Available);
        MemoryMarshal.Write(destination[32..], Log);
    }
}

/// <summary>One memory region as SET_MEM_TABLE and ADD/REM_MEM_REG carry it.</summary>
public readonly record struct VhostUserRegion(ulong GuestAddress, ulong Length, ulong UserAddress, ulong MmapOffset)
{
    public const int Size = 32;

    /// <summary>Bytes before the first region of SET_MEM_TABLE (count and padding) and before the region of ADD/REM_MEM_REG (padding).</summary>
    public const int Prefix = 8;

    /// <summary>Most regions of one SET_MEM_TABLE.</summary>
    public const int MaxInTable = 8;

    public static VhostUserRegion Read(ReadOnlySpan<byte> source) => new(
        MemoryMarshal.Read<ulong>(source),
        MemoryMarshal.Read<ulong>(source[8..]),
        MemoryMarshal.Read<ulong>(source[16..]),
        MemoryMarshal.Read<ulong>(source[24..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, GuestAddress);
        MemoryMarshal.Write(destination[8..], Length);
        MemoryMarshal.Write(destination[16..], UserAddress);
        MemoryMarshal.Write(destination[24..], MmapOffset);
    }
}

/// <summary>"Virtio device config space": the fields before the bytes themselves.</summary>
/// <param name="Length">Bytes of configuration space that follow.</param>
/// <param name="Flags">0: writable fields; 1: live migration.</param>
public readonly record struct VhostUserConfigAccess(uint Offset, uint Length, uint Flags)
{
    public const int Size = 12;

    public const uint LiveMigration = 1;

    public static VhostUserConfigAccess Read(ReadOnlySpan<byte> source) => new(
        MemoryMarshal.Read<uint>(source),
        MemoryMarshal.Read<uint>(source[4..]),
        MemoryMarshal.Read<uint>(source[8..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, Offset);
        MemoryMarshal.Write(destination[4..], Length);
        MemoryMarshal.Write(destination[8..], Flags);
    }
}

/// <summary>
/// "Inflight description". The fields have 20 bytes; QEMU, libvhost-user and rust-vmm send the C structure with its four
/// bytes of padding, so that is what is written, and either is read.
/// </summary>
public readonly record struct VhostUserInflight(ulong MmapSize, ulong MmapOffset, ushort Queues, ushort QueueSize)
{
    public const int Size = 24;

    public const int UnpaddedSize = 20;

    public static VhostUserInflight Read(ReadOnlySpan<byte> source) => new(
        MemoryMarshal.Read<ulong>(source),
        MemoryMarshal.Read<ulong>(source[8..]),
        MemoryMarshal.Read<ushort>(source[16..]),
        MemoryMarshal.Read<ushort>(source[18..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, MmapSize);
        MemoryMarshal.Write(destination[8..], MmapOffset);
        MemoryMarshal.Write(destination[16..], Queues);
        MemoryMarshal.Write(destination[18..], QueueSize);
        MemoryMarshal.Write(destination[20..], 0u);
    }
}

/// <summary>"Log description" of SET_LOG_BASE.</summary>
public readonly record struct VhostUserLog(ulong MmapSize, ulong MmapOffset)
{
    public const int Size = 16;

    public static VhostUserLog Read(ReadOnlySpan<byte> source) => new(MemoryMarshal.Read<ulong>(source), MemoryMarshal.Read<ulong>(source[8..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, MmapSize);
        MemoryMarshal.Write(destination[8..], MmapOffset);
    }
}
