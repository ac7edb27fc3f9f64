using System.Buffers.Binary;

namespace Vsockspec.Wire;

/// <summary>
/// <c>struct virtio_vsock_hdr</c>, virtio 1.4 section 5.10.6: 44 bytes, little-endian, packed. A value: it holds whatever
/// was on the wire, legal or not.
/// </summary>
public readonly record struct VsockHeader
{
    /// <summary>Bytes of the header on the wire.</summary>
    public const int Size = 44;

    public ulong SrcCid { get; init; }

    public ulong DstCid { get; init; }

    public uint SrcPort { get; init; }

    public uint DstPort { get; init; }

    /// <summary>Payload bytes that follow the header.</summary>
    public uint Len { get; init; }

    public SocketType Type { get; init; }

    public Op Op { get; init; }

    /// <summary>Meaning depends on <see cref="Op"/>: see <see cref="ShutdownFlags"/> and <see cref="SeqpacketFlags"/>.</summary>
    public uint Flags { get; init; }

    /// <summary>The sender's total receive buffer in bytes.</summary>
    public uint BufAlloc { get; init; }

    /// <summary>The sender's free-running count of received payload bytes, modulo 2^32.</summary>
    public uint FwdCnt { get; init; }

    /// <summary>Decodes the first <see cref="Size"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="source"/> is shorter than <see cref="Size"/>.</exception>
    public static VsockHeader Read(ReadOnlySpan<byte> source)
    {
        source = source[..Size];
        return new VsockHeader
        {
            SrcCid = BinaryPrimitives.ReadUInt64LittleEndian(source),
            DstCid = BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
            SrcPort = BinaryPrimitives.ReadUInt32LittleEndian(source[16..]),
            DstPort = BinaryPrimitives.ReadUInt32LittleEndian(source[20..]),
            Len = BinaryPrimitives.ReadUInt32LittleEndian(source[24..]),
            Type = (SocketType)BinaryPrimitives.ReadUInt16LittleEndian(source[28..]),
            Op = (Op)BinaryPrimitives.ReadUInt16LittleEndian(source[30..]),
            Flags = BinaryPrimitives.ReadUInt32LittleEndian(source[32..]),
            BufAlloc = BinaryPrimitives.ReadUInt32LittleEndian(source[36..]),
            FwdCnt = BinaryPrimitives.ReadUInt32LittleEndian(source[40..]),
        };
    }

    /// <summary>Encodes into the first <see cref="Size"/> bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="destination"/> is shorter than <see cref="Size"/>.</exception>
    public void Write(Span<byte> destination)
    {
        destination = destination[..Size];
        BinaryPrimitives.WriteUInt64LittleEndian(destination, SrcCid);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], DstCid);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[16..], SrcPort);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[20..], DstPort);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[24..], Len);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[28..], (ushort)Type);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[30..], (ushort)Op);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[32..], Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[36..], BufAlloc);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[40..], FwdCnt);
    }

    /// <summary>One line for people: <c>RW 3:1024→2:1234 stream len=5 flags=0 buf_alloc=262144 fwd_cnt=0</c>.</summary>
    public override string ToString() =>
        $"{Names.Of(Op)} {SrcCid}:{SrcPort}→{DstCid}:{DstPort} {Names.Of(Type)} len={Len} flags=0x{Flags:x} buf_alloc={BufAlloc} fwd_cnt={FwdCnt}";
}
