namespace Vsockspec.Audit;

/// <summary>Numbers of the pcapng file format (draft-ietf-opsawg-pcapng).</summary>
internal static class PcapngFormat
{
    public const uint SectionHeader = 0x0A0D0D0A;
    public const uint InterfaceDescription = 1;
    public const uint SimplePacket = 3;
    public const uint InterfaceStatistics = 5;
    public const uint EnhancedPacket = 6;
    public const uint ByteOrderMagic = 0x1A2B3C4D;

    public const ushort EndOfOptions = 0;
    public const ushort Comment = 1;
    public const ushort UserApplication = 4;
    public const ushort InterfaceName = 2;
    public const ushort TimestampResolution = 9;
    public const ushort TimestampOffset = 14;
    public const ushort PacketFlags = 2;
    public const ushort PacketDropCount = 4;
    public const ushort InterfaceDrops = 5;
    public const ushort SystemDrops = 7;

    /// <summary>Type, both lengths.</summary>
    public const int BlockFrame = 12;
}
