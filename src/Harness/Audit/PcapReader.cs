namespace Vsockspec.Audit;

/// <summary>The classic pcap format: a header with the link type, then records (draft-ietf-opsawg-pcap).</summary>
internal sealed class PcapReader : IPacketFormat
{
    private const int HeaderRest = 20;
    private const int RecordHeader = 16;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private readonly ByteSource source;
    private readonly byte[] record = new byte[RecordHeader];
    private readonly uint nanosecondsPerUnit;
    private readonly int linkType;

    public PcapReader(ByteSource source, bool bigEndian, bool nanoseconds)
    {
        this.source = source;
        source.IsBigEndian = bigEndian;
        nanosecondsPerUnit = nanoseconds ? 1u : 1000u;
        byte[] header = source.Read(HeaderRest, "the file header");
        ushort version = source.UInt16(header);
        if (version != 2)
        {
            throw source.Bad("the version", $"is {version}; only 2 is known");
        }

        // The upper bits are about frame check sequences.
        linkType = (int)(source.UInt32(header.AsSpan(16)) & 0xFFFF);
        if (linkType != VsockMonHeader.LinkType)
        {
            throw LinkTypes.Foreign(source, linkType);
        }
    }

    public ulong Dropped => 0;

    public string Application => "";

    public bool TryRead(out RawPacket packet)
    {
        long offset = source.Position;
        if (!source.TryRead(record, "a packet's header"))
        {
            packet = default;
            return false;
        }

        long time = (source.UInt32(record) * NanosecondsPerSecond) + ((long)source.UInt32(record.AsSpan(4)) * nanosecondsPerUnit);
        byte[] bytes = source.Read(source.UInt32(record.AsSpan(8)), "a packet");
        packet = new RawPacket(linkType, time, bytes, source.UInt32(record.AsSpan(12)), offset);
        return true;
    }
}
