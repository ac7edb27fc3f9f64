using System.Diagnostics.CodeAnalysis;

namespace Vsockspec.Audit;

/// <summary>
/// Reads the packets of a pcapng or pcap file, of either byte order, that was taken on a vsockmon interface. Nothing in the file is
/// trusted; the only exception that its contents cause is <see cref="CaptureException"/>.
/// </summary>
public sealed class CaptureReader : IDisposable
{
    private readonly Stream stream;
    private readonly ByteSource source;
    private readonly IPacketFormat format;
    private int number;

    /// <param name="stream">Owned from here on.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="CaptureException">It is not a capture, or one of something else.</exception>
    public CaptureReader(Stream stream, string name)
    {
        this.stream = stream;
        source = new ByteSource(stream, name);
        try
        {
            format = Recognise(source);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Packets that the capturing side says it lost, as far as read.</summary>
    public ulong Dropped => format.Dropped;

    /// <summary>The program that wrote the file; empty when the file does not say.</summary>
    public string Application => format.Application;

    /// <summary>Packets of other interfaces in the same file.</summary>
    public int Foreign { get; private set; }

    /// <exception cref="CaptureException">The file cannot be opened, is not a capture, or one of something else.</exception>
    public static CaptureReader Open(string path)
    {
        try
        {
            return new CaptureReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw CaptureException.Of(path, e is FileNotFoundException or DirectoryNotFoundException ? "does not exist; check the path" : $"cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>The next packet of a vsockmon interface; false at the end.</summary>
    /// <exception cref="CaptureException">The file is damaged here.</exception>
    public bool TryRead([NotNullWhen(true)] out CapturedPacket? packet)
    {
        while (format.TryRead(out RawPacket raw))
        {
            number++;
            if (raw.LinkType != VsockMonHeader.LinkType)
            {
                Foreign++;
                continue;
            }

            if (raw.Bytes.Length < VsockMonHeader.Size)
            {
                throw CaptureException.At(
                    source.Name,
                    raw.Offset,
                    $"packet {number} has {raw.Bytes.Length} bytes, a vsockmon header has {VsockMonHeader.Size}; take the capture without a snap length");
            }

            VsockMonHeader monitor = VsockMonHeader.Read(raw.Bytes.Span);
            uint original = Math.Max(raw.OriginalLength, (uint)raw.Bytes.Length) - VsockMonHeader.Size;
            packet = new CapturedPacket(number, raw.UnixNanoseconds, monitor, raw.Bytes[VsockMonHeader.Size..], original)
            {
                Direction = raw.Direction,
                Comments = raw.Comments ?? [],
            };
            return true;
        }

        packet = null;
        return false;
    }

    public void Dispose() => stream.Dispose();

    private static IPacketFormat Recognise(ByteSource source)
    {
        byte[] magic = new byte[4];
        if (!source.TryRead(magic, "its first number"))
        {
            throw CaptureException.Of(source.Name, "is empty; take the capture again");
        }

        uint number = source.UInt32(magic);
        return number switch
        {
            PcapngFormat.SectionHeader => new PcapngReader(source),
            0xA1B2C3D4 => new PcapReader(source, bigEndian: false, nanoseconds: false),
            0xD4C3B2A1 => new PcapReader(source, bigEndian: true, nanoseconds: false),
            0xA1B23C4D => new PcapReader(source, bigEndian: false, nanoseconds: true),
            0x4D3CB2A1 => new PcapReader(source, bigEndian: true, nanoseconds: true),
            _ when (number & 0xFFFF) == 0x8B1F => throw CaptureException.Of(source.Name, "is compressed; unpack it with gunzip first"),
            _ => throw CaptureException.At(source.Name, 0, $"the first number 0x{number:x8} is neither that of pcapng nor of pcap; give a file written by tshark, dumpcap or tcpdump"),
        };
    }
}

/// <summary>A packet of any link type.</summary>
internal readonly record struct RawPacket(int LinkType, long? UnixNanoseconds, ReadOnlyMemory<byte> Bytes, uint OriginalLength, long Offset)
{
    public PacketDirection Direction { get; init; }

    /// <summary>Null: none.</summary>
    public IReadOnlyList<string>? Comments { get; init; }
}

/// <summary>A file format.</summary>
internal interface IPacketFormat
{
    ulong Dropped { get; }

    string Application { get; }

    bool TryRead(out RawPacket packet);
}

/// <summary>What to say of a capture of something else.</summary>
internal static class LinkTypes
{
    public static CaptureException Foreign(ByteSource source, int found) => CaptureException.At(
        source.Name,
        source.Position,
        $"the link type is {found}{NameOf(found)}, not {VsockMonHeader.LinkType} (vsock); take the capture on a vsockmon interface "
        + "(ip link add type vsockmon; tcpdump -i vsockmon0 -w FILE)");

    private static string NameOf(int type) => type switch
    {
        1 => " (Ethernet)",
        101 => " (raw IP)",
        113 or 276 => " (Linux cooked, as -i any takes it)",
        _ => "",
    };
}
