using System.Buffers.Binary;
using Vsockspec.Audit;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

/// <summary>Capture files in memory.</summary>
internal static class CaptureFile
{
    public static readonly VsockHeader GuestHeader = new()
    {
        SrcCid = 3, DstCid = 2, SrcPort = 1024, DstPort = 1234, Type = SocketType.Stream, BufAlloc = 65536,
    };

    public static readonly VsockHeader HostHeader = GuestHeader with { SrcCid = 2, DstCid = 3, SrcPort = 1234, DstPort = 1024 };

    public static byte[] Encode(VsockHeader header)
    {
        byte[] packet = new byte[VsockHeader.Size + Math.Min(header.Len, 1 << 16)];
        header.Write(packet);
        return packet;
    }

    /// <summary>As a foreign program would write it: packets in vsockmon order, one microsecond apart.</summary>
    public static byte[] Pcapng(IEnumerable<VsockHeader> headers, string application = "dumpcap", long stepNanoseconds = 1000)
    {
        using MemoryStream stream = new();
        using PcapngWriter writer = new(stream, application);
        long time = 1_700_000_000_000_000_000;
        foreach (VsockHeader header in headers)
        {
            byte[] packet = Encode(header);
            writer.Write(time += stepNanoseconds, PacketDirection.Unknown, packet, (uint)packet.Length);
        }

        return stream.ToArray();
    }

    public static byte[] Pcap(IEnumerable<VsockHeader> headers, bool bigEndian, bool nanoseconds, uint linkType = VsockMonHeader.LinkType)
    {
        using MemoryStream stream = new();
        Number(nanoseconds ? 0xA1B23C4D : 0xA1B2C3D4);
        Short(2);
        Short(4);
        foreach (uint number in (uint[])[0, 0, 65612, linkType])
        {
            Number(number);
        }

        uint count = 0;
        foreach (VsockHeader header in headers)
        {
            byte[] packet = Encode(header);
            byte[] monitor = new byte[VsockMonHeader.Size];
            VsockMonHeader.Of(packet).Write(monitor);
            foreach (uint number in (uint[])[7, ++count, (uint)(monitor.Length + packet.Length), (uint)(monitor.Length + packet.Length)])
            {
                Number(number);
            }

            stream.Write(monitor);
            stream.Write(packet);
        }

        return stream.ToArray();

        void Number(uint value)
        {
            byte[] bytes = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value);
            stream.Write(bytes);
        }

        void Short(ushort value)
        {
            byte[] bytes = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, bigEndian ? BinaryPrimitives.ReverseEndianness(value) : value);
            stream.Write(bytes);
        }
    }

    public static List<CapturedPacket> Read(byte[] file)
    {
        using CaptureReader reader = new(new MemoryStream(file), "t.pcapng");
        List<CapturedPacket> packets = [];
        while (reader.TryRead(out CapturedPacket? packet))
        {
            packets.Add(packet);
        }

        return packets;
    }

    public static CaptureReport Judge(byte[] file, ulong? guestCid = null)
    {
        using CaptureReader reader = new(new MemoryStream(file), "t.pcapng");
        return CaptureAudit.Judge(reader, "t.pcapng", guestCid);
    }
}
