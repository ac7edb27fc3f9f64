using System.Buffers.Binary;
using System.Numerics;

namespace Vsockspec.Guests.Protocol;

/// <summary>CRC-32C (RFC 3720 appendix B.4), which processors compute.</summary>
public static class Checksum
{
    public const uint Begin = 0xffff_ffff;

    public static uint Of(ReadOnlySpan<byte> bytes) => End(Add(Begin, bytes));

    public static uint Add(uint state, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte b in bytes)
        {
            state = BitOperations.Crc32C(state, b);
        }

        return state;
    }

    public static uint End(uint state) => ~state;
}
