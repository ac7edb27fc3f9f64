using System.Text;

namespace Vsockspec.Audit;

/// <summary>The pcapng format: sections with interfaces and packets (draft-ietf-opsawg-pcapng). Blocks of unknown types are passed over.</summary>
internal sealed class PcapngReader : IPacketFormat
{
    private const int NanosecondExponent = 9;
    private const uint DirectionBits = 3;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private readonly ByteSource source;
    private readonly List<Interface> interfaces = [];
    private readonly Dictionary<uint, ulong> statedDrops = [];
    private readonly byte[] start = new byte[8];
    private ulong drops;

    // The first four bytes of the file are read already.
    public PcapngReader(ByteSource source)
    {
        this.source = source;
        byte[] length = source.Read(4, "the section header");
        BeginSection(length);
    }

    public ulong Dropped
    {
        get
        {
            ulong total = drops;
            foreach (ulong stated in statedDrops.Values)
            {
                total += stated;
            }

            return total;
        }
    }

    public string Application { get; private set; } = "";

    /// <summary>Of the section that was begun last, about all of it.</summary>
    public IReadOnlyList<string> Comments { get; private set; } = [];

    public bool TryRead(out RawPacket packet)
    {
        while (true)
        {
            long offset = source.Position;
            if (!source.TryRead(start, "a block's header"))
            {
                packet = default;
                return false;
            }

            // The section header's type reads the same in both byte orders.
            uint type = source.UInt32(start);
            if (type == PcapngFormat.SectionHeader)
            {
                BeginSection(start.AsSpan(4).ToArray());
                continue;
            }

            uint length = CheckedLength(source.UInt32(start.AsSpan(4)));
            if (type is not (PcapngFormat.InterfaceDescription or PcapngFormat.EnhancedPacket or PcapngFormat.SimplePacket or PcapngFormat.InterfaceStatistics))
            {
                source.Skip(length - PcapngFormat.BlockFrame, "a block");
                EndBlock(length);
                continue;
            }

            byte[] body = source.Read(length - PcapngFormat.BlockFrame, "a block");
            EndBlock(length);
            switch (type)
            {
                case PcapngFormat.InterfaceDescription:
                    AddInterface(body);
                    break;
                case PcapngFormat.InterfaceStatistics:
                    ReadStatistics(body);
                    break;
                case PcapngFormat.EnhancedPacket:
                    packet = ReadEnhanced(body, offset);
                    return true;
                default:
                    packet = ReadSimple(body, offset);
                    return true;
            }
        }
    }

    private void BeginSection(byte[] lengthBytes)
    {
        byte[] body = source.Read(16, "a section header");
        source.IsBigEndian = false;
        uint magic = source.UInt32(body);
        if (magic != PcapngFormat.ByteOrderMagic)
        {
            source.IsBigEndian = true;
            if (source.UInt32(body) != PcapngFormat.ByteOrderMagic)
            {
                throw source.Bad("the byte-order magic", $"of the section is 0x{magic:x8}");
            }
        }

        ushort version = source.UInt16(body.AsSpan(4));
        if (version != 1)
        {
            throw source.Bad("the version", $"of the section is {version}; only 1 is known");
        }

        uint length = CheckedLength(source.UInt32(lengthBytes));
        const int Fixed = PcapngFormat.BlockFrame + 16;
        if (length < Fixed)
        {
            throw source.Bad("the length", $"of the section header is {length}, less than {Fixed}");
        }

        byte[] options = source.Read(length - Fixed, "a section header");
        EndBlock(length);
        interfaces.Clear();
        List<string> comments = [];
        foreach ((ushort code, ReadOnlyMemory<byte> value) in Options(options))
        {
            switch (code)
            {
                case PcapngFormat.UserApplication:
                    Application = Encoding.UTF8.GetString(value.Span);
                    break;
                case PcapngFormat.Comment:
                    comments.Add(Encoding.UTF8.GetString(value.Span));
                    break;
            }
        }

        Comments = comments;
    }

    private uint CheckedLength(uint length)
    {
        if (length < PcapngFormat.BlockFrame || length % 4 != 0)
        {
            throw source.Bad("the length", $"of the block is {length}; it is at least {PcapngFormat.BlockFrame} and divisible by 4");
        }

        return length;
    }

    private void EndBlock(uint length)
    {
        uint again = source.UInt32(source.Read(4, "a block's end"));
        if (again != length)
        {
            throw source.Bad("the length", $"at the block's end is {again}, at its start {length}");
        }
    }

    private void AddInterface(byte[] body)
    {
        Require(body, 8, "an interface description");
        int resolution = 6;
        bool isBinary = false;
        long offset = 0;
        foreach ((ushort code, ReadOnlyMemory<byte> value) in Options(body.AsMemory(8)))
        {
            switch (code)
            {
                case PcapngFormat.TimestampResolution when value.Length >= 1:
                    isBinary = (value.Span[0] & 0x80) != 0;
                    resolution = value.Span[0] & 0x7F;
                    break;
                case PcapngFormat.TimestampOffset when value.Length >= 8:
                    offset = (long)source.UInt64(value.Span);
                    break;
            }
        }

        interfaces.Add(new Interface(source.UInt16(body), source.UInt32(body.AsSpan(4)), resolution, isBinary, offset));
    }

    private void ReadStatistics(byte[] body)
    {
        Require(body, 12, "interface statistics");
        foreach ((ushort code, ReadOnlyMemory<byte> value) in Options(body.AsMemory(12)))
        {
            if (code is PcapngFormat.InterfaceDrops or PcapngFormat.SystemDrops && value.Length >= 8)
            {
                // Later blocks repeat the totals.
                statedDrops[(source.UInt32(body) << 8) | code] = Math.Min(source.UInt64(value.Span), uint.MaxValue);
            }
        }
    }

    private RawPacket ReadEnhanced(byte[] body, long offset)
    {
        const int Fixed = 20;
        Require(body, Fixed, "a packet");
        Interface from = InterfaceOf(source.UInt32(body));
        ulong time = ((ulong)source.UInt32(body.AsSpan(4)) << 32) | source.UInt32(body.AsSpan(8));
        uint captured = source.UInt32(body.AsSpan(12));
        if (captured > body.Length - Fixed)
        {
            throw source.Bad("the captured length", $"of the packet is {captured}, but its block holds {body.Length - Fixed} bytes");
        }

        int optionsAt = Math.Min(Fixed + (int)((captured + 3) & ~3u), body.Length);
        PacketDirection direction = PacketDirection.Unknown;
        List<string>? comments = null;
        foreach ((ushort code, ReadOnlyMemory<byte> value) in Options(body.AsMemory(optionsAt)))
        {
            switch (code)
            {
                case PcapngFormat.PacketDropCount when value.Length >= 8:
                    drops += Math.Min(source.UInt64(value.Span), uint.MaxValue);
                    break;
                case PcapngFormat.PacketFlags when value.Length >= 4:
                    uint way = source.UInt32(value.Span) & DirectionBits;
                    direction = way <= (uint)PacketDirection.Outbound ? (PacketDirection)way : PacketDirection.Unknown;
                    break;
                case PcapngFormat.Comment when (comments?.Count ?? 0) < CapturedPacket.MaxComments:
                    (comments ??= []).Add(Encoding.UTF8.GetString(value.Span));
                    break;
            }
        }

        return new RawPacket(from.LinkType, from.TimeOf(time), body.AsMemory(Fixed, (int)captured), source.UInt32(body.AsSpan(16)), offset)
        {
            Direction = direction,
            Comments = comments,
        };
    }

    private RawPacket ReadSimple(byte[] body, long offset)
    {
        Require(body, 4, "a simple packet");
        Interface from = InterfaceOf(0);
        uint original = source.UInt32(body);
        uint limit = from.SnapLength == 0 ? uint.MaxValue : from.SnapLength;
        int captured = (int)Math.Min(Math.Min(original, limit), (uint)(body.Length - 4));
        return new RawPacket(from.LinkType, null, body.AsMemory(4, captured), original, offset);
    }

    private Interface InterfaceOf(uint index)
    {
        if (index >= interfaces.Count)
        {
            throw source.Bad("the interface", $"of the packet is {index}, but {interfaces.Count} were described before");
        }

        Interface found = interfaces[(int)index];
        if (found.LinkType != VsockMonHeader.LinkType && !interfaces.Exists(i => i.LinkType == VsockMonHeader.LinkType))
        {
            throw LinkTypes.Foreign(source, found.LinkType);
        }

        return found;
    }

    private void Require(byte[] body, int length, string what)
    {
        if (body.Length < length)
        {
            throw source.Bad("the length", $"of {what} is {body.Length}, less than {length}");
        }
    }

    private IEnumerable<(ushort Code, ReadOnlyMemory<byte> Value)> Options(ReadOnlyMemory<byte> rest)
    {
        while (rest.Length >= 4)
        {
            ushort code = source.UInt16(rest.Span);
            int length = source.UInt16(rest.Span[2..]);
            if (code == PcapngFormat.EndOfOptions)
            {
                yield break;
            }

            if (length > rest.Length - 4)
            {
                throw source.Bad("an option", $"(code {code}) of the block before has {length} bytes where {rest.Length - 4} are left");
            }

            yield return (code, rest.Slice(4, length));
            rest = rest[Math.Min(4 + ((length + 3) & ~3), rest.Length)..];
        }
    }

    /// <param name="Resolution">Negative exponent of 10, or of 2, of the unit of time in seconds.</param>
    /// <param name="Offset">Seconds to add.</param>
    private readonly record struct Interface(int LinkType, uint SnapLength, int Resolution, bool IsBinary, long Offset)
    {
        public long TimeOf(ulong units)
        {
            double perUnit = IsBinary ? Math.Pow(2, -Resolution) * NanosecondsPerSecond : Math.Pow(10, NanosecondExponent - Resolution);
            Int128 nanoseconds = IsBinary || Resolution > NanosecondExponent
                ? (Int128)(units * perUnit)
                : units * (Int128)(long)Math.Round(perUnit);
            return (long)Int128.Clamp(nanoseconds + ((Int128)Offset * NanosecondsPerSecond), long.MinValue, long.MaxValue);
        }
    }
}
