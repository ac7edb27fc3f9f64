using System.Buffers.Binary;
using System.Text;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// Writes packets as pcapng with LINKTYPE_VSOCK: each behind the 32-byte <c>struct af_vsockmon_hdr</c> of <c>linux/vsockmon.h</c>, which
/// Wireshark's vsock dissector reads.
/// </summary>
public sealed class PcapngWriter : IDisposable
{
    public const ushort LinkTypeVsock = 271;

    /// <summary>Bytes of <c>struct af_vsockmon_hdr</c>, its two reserved bytes included.</summary>
    public const int MonitorHeaderSize = 32;

    private const uint SectionHeaderBlock = 0x0A0D0D0A;
    private const uint InterfaceBlock = 1;
    private const uint EnhancedPacketBlock = 6;
    private const ushort OptionComment = 1;
    private const ushort OptionUserApplication = 4;
    private const ushort OptionTimestampResolution = 9;
    private const ushort OptionPacketFlags = 2;
    private readonly Stream output;
    private readonly MemoryStream body = new();

    /// <summary>Writes the section and interface headers. The stream stays the caller's.</summary>
    public PcapngWriter(Stream output, string? comment = null)
    {
        this.output = output;
        WriteNumber(0x1A2B3C4D);
        WriteShorts(1, 0);
        WriteNumber(ulong.MaxValue);
        WriteOption(OptionUserApplication, Encoding.UTF8.GetBytes("vsockspec"));
        if (comment is not null)
        {
            WriteOption(OptionComment, Encoding.UTF8.GetBytes(comment));
        }

        EndBlock(SectionHeaderBlock, hasOptions: true);
        WriteShorts(LinkTypeVsock, 0);
        WriteNumber(0u);
        WriteOption(OptionTimestampResolution, [9]);
        EndBlock(InterfaceBlock, hasOptions: true);
    }

    /// <summary>Writes one packet. A packet too short for a virtio header is written with what there is and no addresses.</summary>
    /// <param name="originalLength">Bytes of the packet before it was cut.</param>
    public void Write(DateTime time, bool fromDevice, ReadOnlySpan<byte> packet, int originalLength, string? comment)
    {
        ulong nanoseconds = (ulong)(time - DateTime.UnixEpoch).Ticks * 100;
        WriteNumber(0u);
        WriteNumber((uint)(nanoseconds >> 32));
        WriteNumber((uint)nanoseconds);
        WriteNumber((uint)(packet.Length + MonitorHeaderSize));
        WriteNumber((uint)(originalLength + MonitorHeaderSize));
        Span<byte> monitor = stackalloc byte[MonitorHeaderSize];
        EncodeMonitorHeader(packet, monitor);
        body.Write(monitor);
        body.Write(packet);
        Pad();
        Span<byte> flags = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(flags, fromDevice ? 1u : 2u);
        WriteOption(OptionPacketFlags, flags);
        if (comment is not null)
        {
            WriteOption(OptionComment, Encoding.UTF8.GetBytes(comment));
        }

        EndBlock(EnhancedPacketBlock, hasOptions: true);
    }

    public void Dispose() => body.Dispose();

    /// <summary>The vsockmon header that stands before a virtio packet.</summary>
    public static void EncodeMonitorHeader(ReadOnlySpan<byte> packet, Span<byte> monitor)
    {
        monitor[..MonitorHeaderSize].Clear();
        if (packet.Length < VsockHeader.Size)
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        BinaryPrimitives.WriteUInt64LittleEndian(monitor, header.SrcCid);
        BinaryPrimitives.WriteUInt64LittleEndian(monitor[8..], header.DstCid);
        BinaryPrimitives.WriteUInt32LittleEndian(monitor[16..], header.SrcPort);
        BinaryPrimitives.WriteUInt32LittleEndian(monitor[20..], header.DstPort);
        BinaryPrimitives.WriteUInt16LittleEndian(monitor[24..], MonitorOp(header.Op));
        const ushort TransportVirtio = 2;
        BinaryPrimitives.WriteUInt16LittleEndian(monitor[26..], TransportVirtio);
        BinaryPrimitives.WriteUInt16LittleEndian(monitor[28..], VsockHeader.Size);
    }

    private static ushort MonitorOp(Op op) => op switch
    {
        Op.Request or Op.Response => 1,
        Op.Rst or Op.Shutdown => 2,
        Op.CreditUpdate or Op.CreditRequest => 3,
        Op.Rw => 4,
        _ => 0,
    };

    private void WriteOption(ushort code, ReadOnlySpan<byte> value)
    {
        WriteShorts(code, (ushort)value.Length);
        body.Write(value);
        Pad();
    }

    private void EndBlock(uint type, bool hasOptions)
    {
        if (hasOptions)
        {
            WriteNumber(0u);
        }

        const int Frame = 12;
        Span<byte> word = stackalloc byte[8];
        uint total = (uint)body.Length + Frame;
        BinaryPrimitives.WriteUInt32LittleEndian(word, type);
        BinaryPrimitives.WriteUInt32LittleEndian(word[4..], total);
        output.Write(word);
        output.Write(body.GetBuffer().AsSpan(0, (int)body.Length));
        output.Write(word[4..]);
        body.SetLength(0);
    }

    private void Pad()
    {
        while (body.Length % 4 != 0)
        {
            body.WriteByte(0);
        }
    }

    private void WriteShorts(ushort first, ushort second) => WriteNumber(first | ((uint)second << 16));

    private void WriteNumber(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        body.Write(bytes);
    }

    private void WriteNumber(ulong value)
    {
        WriteNumber((uint)value);
        WriteNumber((uint)(value >> 32));
    }
}
