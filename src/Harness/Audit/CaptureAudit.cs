using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// Judges both sides of the traffic in a capture file. A capture has no fences, may begin in the middle of a flow, may have lost packets,
/// and shows the order between the two directions only roughly; whatever one of these could explain is not held against anybody.
/// </summary>
public sealed class CaptureAudit
{
    // How far two packets of opposite directions may have changed places in a capture taken with vsockmon. In a trace that vsockspec
    // wrote itself what comes later was caused later.
    private const long ReorderNanoseconds = 10_000_000;
    private const int ReorderPackets = 16;
    private const long QuietNanoseconds = 1_000_000_000;
    private const int MaxFlows = 64 * 1024;

    private readonly CaptureReader reader;
    private readonly ulong? guestCid;
    private readonly bool orderIsExact;
    private readonly FindingLog log = new();
    private readonly FindingLog flowLog = new();
    private readonly HeaderRules headers;
    private readonly Dictionary<FlowKey, CapturedFlow> flows = [];
    private readonly SortedSet<ulong> guests = [];
    private readonly Queue<Doubt> doubts = new();
    private int packets;
    private int elsewhere;
    private int otherTransports;
    private int truncated;
    private int partFlows;
    private int unknownFlows;
    private long now;

    private CaptureAudit(CaptureReader reader, ulong? guestCid)
    {
        this.reader = reader;
        this.guestCid = guestCid;
        orderIsExact = reader.Application == "vsockspec";
        headers = new HeaderRules(log);
    }

    /// <summary>Judges a file.</summary>
    /// <param name="guestCid">Judge only this guest's traffic; null: every guest's.</param>
    /// <exception cref="CaptureException">The file cannot be read, is damaged, is not a vsock capture or holds no packets.</exception>
    public static CaptureReport Judge(string path, ulong? guestCid = null)
    {
        using CaptureReader reader = CaptureReader.Open(path);
        return Judge(reader, path, guestCid);
    }

    /// <inheritdoc cref="Judge(string, ulong?)"/>
    /// <param name="name">The file, for messages.</param>
    public static CaptureReport Judge(CaptureReader reader, string name, ulong? guestCid = null)
    {
        CaptureAudit audit = new(reader, guestCid);
        while (reader.TryRead(out CapturedPacket? packet))
        {
            audit.Take(packet);
        }

        if (audit.packets + audit.elsewhere + audit.otherTransports + audit.truncated == 0)
        {
            throw CaptureException.Of(name, "holds no packets; bring the vsockmon interface up (ip link set vsockmon0 up) before the traffic starts");
        }

        return audit.Report();
    }

    private void Take(CapturedPacket packet)
    {
        if (packet.Monitor.Transport != VsockMonTransport.Virtio)
        {
            otherTransports++;
            return;
        }

        int headerLength = packet.Monitor.TransportLength;
        if (headerLength < VsockHeader.Size || packet.Bytes.Length < headerLength)
        {
            truncated++;
            return;
        }

        VsockHeader header = VsockHeader.Read(packet.Bytes.Span);
        bool fromHost = (uint)header.SrcCid == Cid.Host;
        FlowKey key = fromHost ? FlowKey.OfHostPacket(header) : FlowKey.OfGuestPacket(header);
        key = key with { GuestCid = (uint)key.GuestCid, HostCid = (uint)key.HostCid };
        if (key.HostCid != Cid.Host || key.GuestCid is Cid.Hypervisor or Cid.Local or Cid.Host || (guestCid ?? key.GuestCid) != key.GuestCid)
        {
            elsewhere++;
            return;
        }

        packets++;
        _ = guests.Add(key.GuestCid);
        now = packet.UnixNanoseconds ?? now;

        // An RST may repeat what it answers.
        bool answers = header.Op == Op.Rst;
        bool sound = headers.Judge(header, packet.OriginalLength - (uint)headerLength, Owner(fromHost), answers, packet.Number);
        headers.JudgeUpperHalves(header, Owner(fromHost), answers, answers, packet.Number);
        SettleDoubts(packets);
        if (FlowOf(key) is not { } flow)
        {
            unknownFlows++;
            return;
        }

        if (!sound)
        {
            flow.IsUnclear = true;
            return;
        }

        Judge(new Turn(flow, key, fromHost ? flow.Host : flow.Guest, fromHost ? flow.Guest : flow.Host, fromHost, packet.Number), header);
        flow.LastTime = now;
        flow.WasSeen = true;
    }

    private CapturedFlow? FlowOf(FlowKey key)
    {
        if (!flows.TryGetValue(key, out CapturedFlow? flow) && flows.Count < MaxFlows)
        {
            flow = new CapturedFlow();
            flows.Add(key, flow);
        }

        return flow;
    }

    private void Judge(Turn turn, in VsockHeader header)
    {
        CapturedFlow flow = turn.Flow;
        partFlows += !flow.WasSeen && header.Op != Op.Request ? 1 : 0;
        if (header.Op == Op.Request)
        {
            Restart(ref turn, header);
        }
        else if (flow.IsWhole && header.Type != flow.Type)
        {
            if (header.Op != Op.Rst && !flow.IsUnclear)
            {
                Violation("VS-X-16", turn, header, $"has type {Names.Of(header.Type)}; the flow is of type {Names.Of(flow.Type)}");
            }

            flow.IsUnclear = true;
        }

        if (!flow.IsUnclear)
        {
            JudgeState(turn, header);
            JudgeClaims(turn, header);
            JudgeCredit(turn, header);
        }
    }

    private void Restart(ref Turn turn, in VsockHeader header)
    {
        CapturedFlow flow = turn.Flow;

        // Only the other side's RST, or a long silence, shows that nothing of an earlier connection is on its way.
        bool over = !flow.WasSeen || turn.Other.HasReset || now - flow.LastTime > QuietNanoseconds;
        if (!over && flow.IsWhole && !turn.Sender.HasReset && flowLog.IsNews("reuse"))
        {
            flowLog.Note("VS-X-36", turn.Packet, $"REQUEST on {turn.Key}, which is in use and was not reset");
        }

        flow.Restart(header.Type, over);
        turn = turn with { Sender = turn.FromHost ? flow.Host : flow.Guest, Other = turn.FromHost ? flow.Guest : flow.Host };
        turn.Sender.Requested = true;
    }

    private void JudgeState(Turn turn, in VsockHeader header)
    {
        CapturedEnd sender = turn.Sender;
        switch (header.Op)
        {
            case Op.Response:
                if (turn.Flow.IsWhole && (sender.Requested || sender.Responded))
                {
                    Violation("VS-X-28", turn, header, sender.Requested ? "answers the sender's own REQUEST" : "is the second one");
                    turn.Flow.IsUnclear = true;
                }

                sender.Begin();
                sender.Responded = true;
                break;
            case Op.Rst:
                sender.HasReset = true;
                break;
            case Op.Rw or Op.Shutdown when sender.HasReset:
                Violation("VS-X-33", turn, header, "comes after the sender's own RST");
                turn.Flow.IsUnclear = true;
                break;
            case Op.Shutdown:
                sender.Shutdown |= (ShutdownFlags)header.Flags;
                break;
            case Op.Rw when (sender.Shutdown & ShutdownFlags.Send) != 0:
                Violation("VS-X-31", turn, header, "comes after the sender's SHUTDOWN said it would send no more");
                break;
            case Op.Rw when turn.Flow.IsWhole && !turn.Flow.IsEstablished:
                Suspect(new Doubt(turn, DoubtKind.NotEstablished, 0, "VS-X-28", Describe(turn, header, "comes before the REQUEST was answered")));
                break;
        }
    }

    private void JudgeClaims(Turn turn, in VsockHeader header)
    {
        if (header.Op == Op.Rst)
        {
            return;
        }

        CapturedEnd sender = turn.Sender;
        if (header.FwdCnt - sender.LastFwdCnt > int.MaxValue)
        {
            Claim(turn, header, $"says fwd_cnt {header.FwdCnt} after {sender.LastFwdCnt}; it never decreases");
            turn.Flow.IsUnclear = true;
            return;
        }

        sender.LastFwdCnt = header.FwdCnt;
        if (turn.Flow.IsWhole && sender.Claims.Claim(header.FwdCnt) == ClaimFault.Ahead)
        {
            ulong claimed = sender.Claims.Forwarded + (header.FwdCnt - (uint)sender.Claims.Forwarded);
            string what = $"says fwd_cnt {header.FwdCnt}; the other side has sent {sender.Claims.Sent} bytes";
            if (turn.Flow.Type == SocketType.Stream)
            {
                Suspect(new Doubt(turn, DoubtKind.NotSent, claimed, ClaimId(turn), Describe(turn, header, what)));
            }
            else
            {
                Claim(turn, header, what);
            }
        }
    }

    private void JudgeCredit(Turn turn, in VsockHeader header)
    {
        if (header.Op == Op.Rst || !turn.Flow.IsWhole)
        {
            return;
        }

        // What this end says of its buffer is the other's credit; what it sends is the other's to receive.
        turn.Other.Credit.Advertise(header, 0);
        turn.Other.Claims.Send(header.Len);
        if (header.Op == Op.Rw && !turn.Sender.Credit.Send(header.Len, 0) && turn.Flow.IsEstablished)
        {
            string what = $"of {header.Len} bytes makes {turn.Sender.Credit.Sent} in all; the receiver's credit ends at {turn.Sender.Credit.Limit}";
            Suspect(new Doubt(turn, DoubtKind.NotAllowed, turn.Sender.Credit.Sent, turn.FromHost ? "VS-CRED-DEV-1" : "VS-CRED-DRV-1", Describe(turn, header, what)));
        }
    }

    private void Claim(Turn turn, in VsockHeader header, string what)
    {
        // The rule speaks of stream flows only.
        if (header.Type == SocketType.Stream)
        {
            Violation(ClaimId(turn), turn, header, what);
        }
        else if (flowLog.IsNews("seqpacket-claim"))
        {
            flowLog.Note(ClaimId(turn), turn.Packet, Describe(turn, header, what));
        }
    }

    /// <summary>Something that is a violation unless a packet that follows at once explains it.</summary>
    private void Suspect(Doubt doubt)
    {
        if (orderIsExact)
        {
            flowLog.Violation(doubt.Requirement, doubt.Turn.Packet, doubt.Detail);
        }
        else
        {
            doubts.Enqueue(doubt with { Generation = doubt.Turn.Flow.Generation, SinceTime = now, SincePacket = packets });
        }
    }

    private void SettleDoubts(int atPacket)
    {
        while (doubts.TryPeek(out Doubt? doubt)
            && (now - doubt.SinceTime > ReorderNanoseconds || (now == doubt.SinceTime && atPacket - doubt.SincePacket > ReorderPackets)))
        {
            Settle(doubts.Dequeue());
        }
    }

    private void Settle(Doubt doubt)
    {
        bool explained = doubt.Generation != doubt.Turn.Flow.Generation || doubt.Kind switch
        {
            DoubtKind.NotEstablished => doubt.Turn.Flow.IsEstablished,
            DoubtKind.NotSent => doubt.Turn.Sender.Claims.Sent >= doubt.Needed,
            _ => doubt.Turn.Sender.Credit.IsUnclear || doubt.Turn.Sender.Credit.Limit >= doubt.Needed,
        };
        if (!explained)
        {
            flowLog.Violation(doubt.Requirement, doubt.Turn.Packet, doubt.Detail);
        }
    }

    private void Violation(string requirement, Turn turn, in VsockHeader header, string what) =>
        flowLog.Violation(requirement, turn.Packet, Describe(turn, header, what));

    private static string Owner(bool fromHost) => fromHost ? "the host's " : "the guest's ";

    private static string ClaimId(Turn turn) => turn.FromHost ? "VS-CRED-DEV-2" : "VS-CRED-DRV-2";

    private static string Describe(Turn turn, in VsockHeader header, string what) =>
        $"{Owner(turn.FromHost)}{Names.Of(header.Op)} on {turn.Key} {what}";

    private CaptureReport Report()
    {
        while (doubts.TryDequeue(out Doubt? doubt))
        {
            Settle(doubt);
        }

        bool lossy = reader.Dropped > 0;
        IEnumerable<Finding> violations = lossy ? log.Violations : log.Violations.Concat(flowLog.Violations).OrderBy(f => f.Packet).Take(FindingLog.Limit);
        IEnumerable<Finding> notes = lossy ? log.Notes : log.Notes.Concat(flowLog.Notes).OrderBy(f => f.Packet);
        return new CaptureReport(
            packets,
            flows.Count,
            [.. guests],
            [.. violations],
            log.ViolationCount + (lossy ? 0 : flowLog.ViolationCount),
            [.. notes],
            [.. NotJudged()]);
    }

    private IEnumerable<string> NotJudged()
    {
        yield return "the rings: used lengths, whether every chain came back once and in order, writes outside buffers (VQ-*, PK-*, FE-12)";
        yield return "notifications (VQ-12 to VQ-15)";
        yield return "which features were accepted, so whether a socket type was in force (FE-*, VS-X-43)";
        yield return "a window that its owner made smaller: the capture does not show when the other side heard of it";
        if (reader.Dropped > 0)
        {
            yield return $"state and credit of all flows: the capture lost {reader.Dropped} packets";
        }

        if (partFlows > 0)
        {
            yield return $"the handshake and credit of {partFlows} flow(s) that began before the capture";
        }

        if (unknownFlows > 0)
        {
            yield return $"{unknownFlows} packet(s) of flows beyond the first {MaxFlows}";
        }

        if (truncated > 0)
        {
            yield return $"{truncated} packet(s) cut before the end of their header";
        }

        if (otherTransports > 0)
        {
            yield return $"{otherTransports} packet(s) of other transports than virtio";
        }

        if (elsewhere > 0)
        {
            yield return guestCid is { } cid ? $"{elsewhere} packet(s) that are not between guest {cid} and the host" : $"{elsewhere} packet(s) that are not between a guest and the host";
        }

        if (reader.Foreign > 0)
        {
            yield return $"{reader.Foreign} packet(s) of interfaces that are not vsockmon";
        }
    }

    private enum DoubtKind
    {
        NotEstablished,
        NotSent,
        NotAllowed,
    }

    /// <param name="Sender">The end that sent the packet.</param>
    private readonly record struct Turn(CapturedFlow Flow, FlowKey Key, CapturedEnd Sender, CapturedEnd Other, bool FromHost, int Packet);

    private sealed record Doubt(Turn Turn, DoubtKind Kind, ulong Needed, string Requirement, string Detail)
    {
        public int Generation { get; init; }

        public long SinceTime { get; init; }

        public int SincePacket { get; init; }
    }
}
