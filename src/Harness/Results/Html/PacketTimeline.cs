using Vsockspec.Audit;
using Vsockspec.Wire;

namespace Vsockspec.Results.Html;

/// <summary>What one side of a flow has said and sent by now; counters run modulo 2^32.</summary>
/// <param name="BufAlloc">Its receive buffer, bytes.</param>
/// <param name="FwdCnt">Bytes that it says it has taken in.</param>
/// <param name="TxCnt">Bytes that it has sent.</param>
/// <param name="HasSpoken">False before its first packet.</param>
internal readonly record struct SideCounters(uint BufAlloc, uint FwdCnt, uint TxCnt, bool HasSpoken)
{
    /// <summary>How many bytes this side may send still, by what <paramref name="peer"/> said last; negative when it sent too many, null while the peer has said nothing.</summary>
    public long? MaySend(SideCounters peer) => peer.HasSpoken ? peer.BufAlloc - (long)(TxCnt - peer.FwdCnt) : null;

    /// <summary>The side after a packet of its own. RST ends the flow, and what it says of credit means nothing.</summary>
    public SideCounters With(in VsockHeader header) =>
        header.Op == Op.Rst ? this : new(header.BufAlloc, header.FwdCnt, TxCnt + (header.Op == Op.Rw ? header.Len : 0), true);
}

/// <summary>One packet as the report shows it.</summary>
/// <param name="Microseconds">Since the first packet of the trace; null when the file does not say.</param>
/// <param name="Header">Null for bytes that are too few for a header.</param>
/// <param name="Length">Bytes of the packet.</param>
/// <param name="Flow">Index in <see cref="PacketTimeline.Flows"/>; -1 for a packet of none that is followed.</param>
/// <param name="Chain">How its descriptors lay; null when the file does not say.</param>
/// <param name="Notes">What the auditor said of it.</param>
internal sealed record TimelinePacket(
    int Number,
    double? Microseconds,
    bool IsToDevice,
    VsockHeader? Header,
    uint Length,
    int Flow,
    SideCounters Guest,
    SideCounters Host,
    string? Chain,
    IReadOnlyList<string> Notes);

/// <summary>
/// The first and the last packets of a trace, each with the counters of its flow after it. The trace is not trusted: what is wrong with it is
/// <see cref="Problem"/>, what is too much is left out.
/// </summary>
internal sealed class PacketTimeline
{
    private const int MaxPackets = 200_000;
    private const int MaxFlows = 1024;
    private readonly Dictionary<FlowId, int> numbers = [];
    private readonly List<FlowId> flows = [];
    private readonly List<(SideCounters Guest, SideCounters Host)> counters = [];
    private readonly List<TimelinePacket> first = [];
    private readonly Queue<TimelinePacket> last = [];
    private long? startedAt;

    private PacketTimeline()
    {
    }

    /// <summary>The beginning of the trace.</summary>
    public IReadOnlyList<TimelinePacket> First => first;

    /// <summary>The end of the trace; what is in <see cref="First"/> is not repeated.</summary>
    public IReadOnlyCollection<TimelinePacket> Last => last;

    /// <summary>Packets in the trace.</summary>
    public int Count { get; private set; }

    public int LeftOut => Count - first.Count - last.Count;

    public IReadOnlyList<FlowId> Flows => flows;

    /// <summary>Why the trace could not be read to its end; null when it was.</summary>
    public string? Problem { get; private set; }

    /// <summary>Reads a trace; at most <paramref name="head"/> and <paramref name="tail"/> packets are kept.</summary>
    public static PacketTimeline Read(string file, int head, int tail)
    {
        PacketTimeline timeline = new();
        try
        {
            using CaptureReader reader = CaptureReader.Open(file);
            while (reader.TryRead(out CapturedPacket? packet))
            {
                if (timeline.Count == MaxPackets)
                {
                    timeline.Problem = $"only the first {MaxPackets} packets were read";
                    break;
                }

                timeline.Add(packet, head, tail);
            }
        }
        catch (CaptureException e)
        {
            // The path of the machine at hand is nobody's business.
            timeline.Problem = e.Message.Replace(file, Path.GetFileName(file), StringComparison.Ordinal);
        }

        return timeline;
    }

    private void Add(CapturedPacket packet, int head, int tail)
    {
        Count++;
        TimelinePacket shown = Follow(packet);
        if (first.Count < head)
        {
            first.Add(shown);
            return;
        }

        last.Enqueue(shown);
        if (last.Count > tail)
        {
            last.Dequeue();
        }
    }

    private TimelinePacket Follow(CapturedPacket packet)
    {
        startedAt ??= packet.UnixNanoseconds;
        double? microseconds = packet.UnixNanoseconds is { } time && startedAt is { } start ? (time - start) / 1000.0 : null;
        string? chain = packet.Comments.FirstOrDefault(c => c.StartsWith(ChainOutline.Prefix, StringComparison.Ordinal))?[ChainOutline.Prefix.Length..];
        string[] notes = [.. packet.Comments.Where(c => !c.StartsWith(ChainOutline.Prefix, StringComparison.Ordinal))];
        if (packet.Bytes.Length < VsockHeader.Size)
        {
            return new(packet.Number, microseconds, packet.Direction != PacketDirection.Inbound, null, packet.OriginalLength, -1, default, default, chain, notes);
        }

        VsockHeader header = VsockHeader.Read(packet.Bytes.Span);
        bool toDevice = packet.Direction switch
        {
            PacketDirection.Outbound => true,
            PacketDirection.Inbound => false,
            _ => header.SrcCid != Cid.Host,
        };
        int flow = NumberOf(toDevice ? FlowId.OfGuestPacket(header) : FlowId.OfHostPacket(header));
        (SideCounters guest, SideCounters host) = flow < 0 ? default : Advance(flow, header, toDevice);
        return new(packet.Number, microseconds, toDevice, header, packet.OriginalLength, flow, guest, host, chain, notes);
    }

    /// <summary>A REQUEST begins a connection, whose counters are new.</summary>
    private (SideCounters Guest, SideCounters Host) Advance(int flow, in VsockHeader header, bool toDevice)
    {
        (SideCounters guest, SideCounters host) = header.Op == Op.Request ? default : counters[flow];
        return counters[flow] = toDevice ? (guest.With(header), host) : (guest, host.With(header));
    }

    private int NumberOf(FlowId flow)
    {
        if (numbers.TryGetValue(flow, out int number))
        {
            return number;
        }

        if (flows.Count == MaxFlows)
        {
            return -1;
        }

        flows.Add(flow);
        counters.Add(default);
        return numbers[flow] = flows.Count - 1;
    }
}
