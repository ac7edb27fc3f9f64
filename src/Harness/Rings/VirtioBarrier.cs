using System.Buffers.Binary;

namespace Vsockspec.Rings;

/// <summary>
/// Access to ring fields that both sides touch at the same time, little-endian on every machine. An index or a flags field
/// that hands something over is stored with release and loaded with acquire ordering (virtio 1.4 sections 2.7.13.3.1 and
/// 2.8.21.1.1); between storing what the other side may be waiting for and looking whether it waits, a full barrier is
/// needed (sections 2.7.13.4.1 and 2.8.21.3.1), because a store may otherwise be delayed past a later load.
/// </summary>
internal static unsafe class VirtioBarrier
{
    public static void Full() => Interlocked.MemoryBarrier();

    public static ushort LoadAcquire(ushort* field) => LittleEndian(Volatile.Read(ref *field));

    public static void StoreRelease(ushort* field, ushort value) => Volatile.Write(ref *field, LittleEndian(value));

    public static uint LoadAcquire(uint* field) => LittleEndian(Volatile.Read(ref *field));

    public static void StoreRelease(uint* field, uint value) => Volatile.Write(ref *field, LittleEndian(value));

    public static ushort Load16(byte* at) => BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(at, 2));

    public static void Store16(byte* at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(at, 2), value);

    public static void Store32(byte* at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(at, 4), value);

    public static ulong Load64(byte* at) => BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(at, 8));

    public static void Store64(byte* at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(new Span<byte>(at, 8), value);

    private static ushort LittleEndian(ushort value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);

    private static uint LittleEndian(uint value) => BitConverter.IsLittleEndian ? value : BinaryPrimitives.ReverseEndianness(value);
}
