using System.Buffers.Binary;

namespace Vsockspec.Guests.Protocol;

/// <summary>
/// A frame as bytes, little-endian: magic (4), version (1), kind (1), checksum of the rest of the header (2), length of the payload (4),
/// id (4), payload, CRC-32C of the payload (4). The header has a checksum of its own so that a damaged length is not waited for.
/// </summary>
public static class FrameWriter
{
    /// <summary>Bytes that no text on a console has: not ASCII, not UTF-8.</summary>
    internal const uint Magic = 0xa7f1_56fe;

    internal const int HeaderSize = 16;
    internal const int Overhead = HeaderSize + sizeof(uint);

    /// <exception cref="ArgumentException">The payload is longer than <see cref="AgentProtocol.MaxPayload"/>.</exception>
    public static byte[] ToBytes(FrameKind kind, uint id, ReadOnlySpan<byte> payload, byte version = AgentProtocol.Version)
    {
        if (payload.Length > AgentProtocol.MaxPayload)
        {
            throw new ArgumentException($"a payload has at most {AgentProtocol.MaxPayload} bytes, this one has {payload.Length}", nameof(payload));
        }

        byte[] bytes = new byte[Overhead + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        bytes[4] = version;
        bytes[5] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), id);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), HeaderCheck(bytes));
        payload.CopyTo(bytes.AsSpan(HeaderSize));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(HeaderSize + payload.Length), Checksum.Of(payload));
        return bytes;
    }

    /// <summary>Over everything in the header but the magic number and the checksum itself.</summary>
    internal static ushort HeaderCheck(ReadOnlySpan<byte> header)
    {
        uint sum = Checksum.Add(Checksum.Add(Checksum.Begin, header[4..6]), header[8..HeaderSize]);
        return (ushort)(sum ^ (sum >> 16));
    }
}
