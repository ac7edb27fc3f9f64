using System.Buffers.Binary;
using System.Text;

namespace Vsockspec.Audit;

/// <summary>Which way a packet went, seen from the side that recorded it.</summary>
public enum PacketDirection
{
    Unknown = 0,

    /// <summary>From the device.</summary>
    Inbound = 1,

    /// <summary>To the device.</summary>
    Outbound = 2,
}

/// <summary>Writes a pcapng file with one interface of link type 271 and times in nanoseconds, which tshark decodes as vsock.</summary>
public sealed class PcapngWriter : IDisposable
{
    private const int MaxCommentBytes = 16 * 1024;
    private readonly Stream stream;
    private readonly MemoryStream block = new();

    /// <summary>Writes the section header and the interface.</summary>
    /// <param name="stream">Stays the caller's.</param>
    /// <param name="comments">About the whole file.</param>
    public PcapngWriter(Stream stream, string application, params IEnumerable<string> comments)
    {
        this.stream = stream;
        UInt32(PcapngFormat.ByteOrderMagic);
        UInt16(1);
        UInt16(0);
        UInt32(uint.MaxValue);
        UInt32(uint.MaxValue);
        foreach (string comment in comments)
        {
            Option(PcapngFormat.Comment, Text(comment));
        }

        Option(PcapngFormat.UserApplication, Text(application));
        EndOptions();
        Flush(PcapngFormat.SectionHeader);

        UInt16(VsockMonHeader.LinkType);
        UInt16(0);
        UInt32(0);
        Option(PcapngFormat.InterfaceName, "vsock"u8);
        Option(PcapngFormat.TimestampResolution, [9]);
        EndOptions();
        Flush(PcapngFormat.InterfaceDescription);
    }

    /// <summary>Writes one packet.</summary>
    /// <param name="unixNanoseconds">When.</param>
    /// <param name="packet">Virtio header and payload, possibly cut short.</param>
    /// <param name="originalLength">Bytes of the packet before it was cut.</param>
    /// <param name="comments">About this packet.</param>
    public void Write(
        long unixNanoseconds, PacketDirection direction, ReadOnlySpan<byte> packet, uint originalLength, params IEnumerable<string> comments)
    {
        UInt32(0);
        UInt32((uint)((ulong)unixNanoseconds >> 32));
        UInt32((uint)unixNanoseconds);
        UInt32((uint)(VsockMonHeader.Size + packet.Length));
        UInt32(VsockMonHeader.Size + originalLength);
        Span<byte> monitor = stackalloc byte[VsockMonHeader.Size];
        VsockMonHeader.Of(packet).Write(monitor);
        block.Write(monitor);
        block.Write(packet);
        Pad();
        foreach (string comment in comments)
        {
            Option(PcapngFormat.Comment, Text(comment));
        }

        Span<byte> flags = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(flags, (uint)direction);
        Option(PcapngFormat.PacketFlags, flags);
        EndOptions();
        Flush(PcapngFormat.EnhancedPacket);
    }

    public void Dispose() => block.Dispose();

    private static byte[] Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length <= MaxCommentBytes ? bytes : bytes[..MaxCommentBytes];
    }

    private void Option(ushort code, ReadOnlySpan<byte> value)
    {
        UInt16(code);
        UInt16((ushort)value.Length);
        block.Write(value);
        Pad();
    }

    private void EndOptions()
    {
        UInt16(PcapngFormat.EndOfOptions);
        UInt16(0);
    }

    private void Pad()
    {
        while (block.Length % 4 != 0)
        {
            block.WriteByte(0);
        }
    }

    private void Flush(uint type)
    {
        Span<byte> number = stackalloc byte[4];
        uint length = (uint)block.Length + PcapngFormat.BlockFrame;
        BinaryPrimitives.WriteUInt32LittleEndian(number, type);
        stream.Write(number);
        BinaryPrimitives.WriteUInt32LittleEndian(number, length);
        stream.Write(number);
        stream.Write(block.GetBuffer().AsSpan(0, (int)block.Length));
        stream.Write(number);
        block.SetLength(0);
    }

    private void UInt16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        block.Write(bytes);
    }

    private void UInt32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        block.Write(bytes);
    }
}
