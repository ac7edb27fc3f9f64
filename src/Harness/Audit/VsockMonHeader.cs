using System.Buffers.Binary;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>What a packet does, coarsely; <c>AF_VSOCK_OP_*</c> of <c>linux/vsockmon.h</c>.</summary>
public enum VsockMonOp : ushort
{
    Unknown = 0,

    /// <summary>REQUEST, RESPONSE.</summary>
    Connect = 1,

    /// <summary>RST, SHUTDOWN.</summary>
    Disconnect = 2,

    /// <summary>CREDIT_UPDATE, CREDIT_REQUEST.</summary>
    Control = 3,

    /// <summary>RW.</summary>
    Payload = 4,
}

/// <summary>What follows the header; <c>AF_VSOCK_TRANSPORT_*</c>.</summary>
public enum VsockMonTransport : ushort
{
    Unknown = 0,
    NoInfo = 1,

    /// <summary>A <see cref="VsockHeader"/>.</summary>
    Virtio = 2,
}

/// <summary>
/// <c>struct af_vsockmon_hdr</c> of <c>linux/vsockmon.h</c>, little-endian, in front of every packet of link type
/// <see cref="LinkType"/>. 32 bytes with the two reserved ones, as the kernel and Wireshark have it; the drawing at tcpdump.org omits them.
/// </summary>
/// <param name="TransportLength">Bytes of the transport header between this one and the payload.</param>
public readonly record struct VsockMonHeader(
    ulong SrcCid, ulong DstCid, uint SrcPort, uint DstPort, VsockMonOp Op, VsockMonTransport Transport, ushort TransportLength)
{
    public const int Size = 32;

    /// <summary>LINKTYPE_VSOCK.</summary>
    public const int LinkType = 271;

    /// <summary>The header of a packet on a virtio ring. One too short for a <see cref="VsockHeader"/> becomes a payload of unknown origin.</summary>
    public static VsockMonHeader Of(ReadOnlySpan<byte> packet)
    {
        if (packet.Length < VsockHeader.Size)
        {
            return default;
        }

        VsockHeader header = VsockHeader.Read(packet);
        VsockMonOp op = header.Op switch
        {
            Wire.Op.Request or Wire.Op.Response => VsockMonOp.Connect,
            Wire.Op.Rst or Wire.Op.Shutdown => VsockMonOp.Disconnect,
            Wire.Op.CreditUpdate or Wire.Op.CreditRequest => VsockMonOp.Control,
            Wire.Op.Rw => VsockMonOp.Payload,
            _ => VsockMonOp.Unknown,
        };
        return new VsockMonHeader(header.SrcCid, header.DstCid, header.SrcPort, header.DstPort, op, VsockMonTransport.Virtio, VsockHeader.Size);
    }

    /// <summary>Decodes the first <see cref="Size"/> bytes.</summary>
    public static VsockMonHeader Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(source),
        BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[16..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[20..]),
        (VsockMonOp)BinaryPrimitives.ReadUInt16LittleEndian(source[24..]),
        (VsockMonTransport)BinaryPrimitives.ReadUInt16LittleEndian(source[26..]),
        BinaryPrimitives.ReadUInt16LittleEndian(source[28..]));

    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        BinaryPrimitives.WriteUInt64LittleEndian(destination, SrcCid);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], DstCid);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[16..], SrcPort);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[20..], DstPort);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[24..], (ushort)Op);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[26..], (ushort)Transport);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[28..], TransportLength);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[30..], 0);
    }
}
