using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// Judges everything that a device does on the rings of one session, whatever the session is about. The driver may send what it likes;
/// where that leaves open what the device should do, the auditor stops judging what depends on it: it accuses nobody falsely. It knows
/// only what the driver's side can see, and treats what was sent since the last fence as perhaps not processed yet.
/// </summary>
/// <remarks>One thread, that of the driver. No allocation per packet; one object per flow.</remarks>
public sealed class Auditor : IRingObserver
{
    private const int MaxFlows = 16 * 1024;

    private readonly ulong guestCid;
    private readonly VirtioFeatures features;
    private readonly FindingLog log = new();
    private readonly HeaderRules headers;
    private readonly PeerOddities oddities;
    private readonly ChainLedger[] queues;
    private readonly Dictionary<FlowKey, AuditedFlow> flows = [];
    private FlowKey lastKey;
    private AuditedFlow? lastFlow;
    private AuditStatistics statistics;
    private int packet;
    private long epoch;
    private long unannounced = -1;
    private bool seesEverything = true;

    /// <param name="guestCid">The CID that the device serves.</param>
    /// <param name="features">The accepted features.</param>
    /// <param name="firstPacket">Number of the session's first packet in the trace.</param>
    /// <param name="expectedChains">Chains of one queue that may be out at a time; for more of them there is an allocation.</param>
    public Auditor(ulong guestCid, VirtioFeatures features, int firstPacket = 1, int expectedChains = 64)
    {
        this.guestCid = guestCid;
        this.features = features;
        packet = firstPacket - 1;
        headers = new HeaderRules(log);
        oddities = new PeerOddities(guestCid);
        bool inOrder = (features & VirtioFeatures.InOrder) != 0;
        queues = [.. ((int[])[VsockQueue.Rx, VsockQueue.Tx, VsockQueue.Event]).Select(queue => new ChainLedger(queue, inOrder, log, expectedChains))];
    }

    /// <summary>Violations, the first hundred.</summary>
    public IReadOnlyList<Finding> Findings => log.Violations;

    /// <summary>How many violations there were.</summary>
    public long ViolationCount => log.ViolationCount;

    /// <summary>What was unusual but not illegal, each topic once.</summary>
    public IReadOnlyList<Finding> Notes => log.Notes;

    public AuditStatistics Statistics => statistics;

    /// <summary>
    /// The driver has put something illegal into this queue. Its bookkeeping is not judged any more; nor are flows, because nobody knows
    /// what the device took from it.
    /// </summary>
    public void Taint(int queue)
    {
        if ((uint)queue < (uint)queues.Length)
        {
            queues[queue].Taint();
        }
    }

    /// <summary>Call after a last fence, once tx chains had time to come back: chains that the device kept are reported.</summary>
    public void EndOfSession() => queues[VsockQueue.Tx].EndOfSession(epoch, packet);

    /// <summary>The same without a fence, after tx chains had all the time that a device is given: those that later ones have overtaken are reported.</summary>
    public void EndOfPatience() => queues[VsockQueue.Tx].EndOfPatience(packet);

    /// <summary>
    /// A new part of the session begins, with a trace of its own: what was found so far is forgotten, what is known of chains and flows is not.
    /// </summary>
    /// <param name="firstPacket">Number of the next packet.</param>
    public void BeginPart(int firstPacket = 1)
    {
        log.Clear();
        packet = firstPacket - 1;
    }

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
        if ((uint)queue >= (uint)queues.Length)
        {
            return;
        }

        queues[queue].Post(id, buffers, epoch);
        if (queue == VsockQueue.Tx)
        {
            NoticeUnseenPacket();
            unannounced = id;
        }
    }

    public void Published(int queue)
    {
        if ((uint)queue >= (uint)queues.Length)
        {
            return;
        }

        queues[queue].Publish();
        if (queue == VsockQueue.Tx)
        {
            NoticeUnseenPacket();
        }
    }

    public void Kicked(int queue)
    {
        statistics.RxKicks += queue == VsockQueue.Rx ? 1 : 0;
        statistics.TxKicks += queue == VsockQueue.Tx ? 1 : 0;
    }

    public void Called(int queue, ulong count)
    {
        statistics.RxCalls += queue == VsockQueue.Rx ? count : 0;
        statistics.TxCalls += queue == VsockQueue.Tx ? count : 0;
    }

    public void Used(int queue, UsedChain chain)
    {
        if ((uint)queue < (uint)queues.Length)
        {
            queues[queue].Use(chain, packet);
        }
    }

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        unannounced = -1;
        if (packet.IsEmpty)
        {
            return;
        }

        this.packet++;
        statistics.PacketsSent++;
        if (packet.Length < VsockHeader.Size)
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        bool whole = header.Len <= (uint)(packet.Length - VsockHeader.Size);
        if (whole)
        {
            queues[VsockQueue.Tx].Announce(id);
        }

        Count(header);
        bool served = Serves(header.Type);
        bool ordinary = oddities.Learn(header, served) && served && whole && header.Op is >= Op.Request and <= Op.CreditRequest;
        ordinary &= header.Op == Op.Rw || header.Len == 0;
        if (FlowOf(FlowKey.OfGuestPacket(header)) is not { } flow)
        {
            return;
        }

        if (ordinary)
        {
            flow.Sent(header, epoch);
        }
        else
        {
            flow.SentOddity(header, epoch);
        }
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
        {
            if (log.IsNews("empty-rx"))
            {
                log.Note("B-46", this.packet, $"rx chain {id} came back empty");
            }

            return;
        }

        this.packet++;
        statistics.PacketsReceived++;
        if (queues[VsockQueue.Rx].IsTainted)
        {
            return;
        }

        if (packet.Length < VsockHeader.Size)
        {
            if (queues[VsockQueue.Rx].LastWritable >= VsockHeader.Size)
            {
                log.Violation("VS-X-08", this.packet, $"rx chain {id} came back with {packet.Length} bytes; a header has {VsockHeader.Size}");
            }

            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        ulong room = (ulong)(packet.Length - VsockHeader.Size);
        bool sound = headers.Judge(header, room, "", oddities.Types, this.packet);
        sound &= JudgeAddresses(header);
        sound &= JudgeType(header);
        if (header.Len < room && (features & VirtioFeatures.InOrder) == 0 && log.IsNews("long-used-len"))
        {
            log.Note("VQ-16", this.packet, $"used.len is {packet.Length}, {room - header.Len} bytes more than header and payload");
        }

        if (sound)
        {
            CountReceived(header);
            if (!queues[VsockQueue.Tx].IsTainted && FlowOf(FlowKey.OfHostPacket(header)) is { } flow)
            {
                Judge(flow, header);
            }
        }
    }

    public void Fenced()
    {
        epoch++;
        statistics.Fences++;
    }

    public void Renewed(int queue)
    {
        if ((uint)queue < (uint)queues.Length)
        {
            queues[queue].Renew();
            unannounced = queue == VsockQueue.Tx ? -1 : unannounced;
        }
    }

    public void Violated(string requirement, int queue, string detail) => log.Violation(requirement, packet, $"{VsockQueue.Name(queue)}: {detail}");

    private bool Serves(SocketType type) => type switch
    {
        // Without any feature of the device type there are streams (VS-FEAT-DEV-2); SEQPACKET may bring them along (VS-FEAT-DEV-3).
        SocketType.Stream => (features & (VirtioFeatures.Stream | VirtioFeatures.NoImpliedStream)) != VirtioFeatures.NoImpliedStream,
        SocketType.Seqpacket => (features & VirtioFeatures.Seqpacket) != 0,
        _ => false,
    };

    // A chain that the driver built by hand may be a packet for any flow.
    private void NoticeUnseenPacket()
    {
        if (unannounced >= 0)
        {
            unannounced = -1;
            seesEverything = false;
        }
    }

    private AuditedFlow? FlowOf(in FlowKey key)
    {
        // Packets of a flow mostly follow each other.
        if (lastFlow is not null && lastKey == key)
        {
            return lastFlow;
        }

        if (!flows.TryGetValue(key, out AuditedFlow? flow) && flows.Count < MaxFlows)
        {
            flow = new AuditedFlow();
            flows.Add(key, flow);
        }

        lastKey = key;
        return lastFlow = flow;
    }

    private bool JudgeAddresses(in VsockHeader header)
    {
        bool srcIsEcho = oddities.SentTo(header.SrcCid);
        bool dstIsEcho = oddities.SentFrom(header.DstCid);
        headers.JudgeUpperHalves(header, "", srcIsEcho, dstIsEcho, packet);
        if (header.DstCid != guestCid && header.DstCid <= uint.MaxValue && !dstIsEcho)
        {
            log.Violation("VS-X-13", packet, $"{Names.Of(header.Op)} has dst_cid {header.DstCid}; the guest is {guestCid}");
        }

        if (header.SrcCid is not Cid.Host and <= uint.MaxValue && !srcIsEcho)
        {
            JudgeForeignSource(header);
        }

        return (header.SrcCid == Cid.Host || srcIsEcho) && (header.DstCid == guestCid || dstIsEcho);
    }

    private void JudgeForeignSource(in VsockHeader header)
    {
        if (header.SrcCid == guestCid)
        {
            log.Violation("VS-X-13", packet, $"{Names.Of(header.Op)} has the guest's own CID {guestCid} as src_cid");
        }
        else if (Cid.IsReserved(header.SrcCid))
        {
            log.Violation("VS-X-06", packet, $"{Names.Of(header.Op)} has src_cid {header.SrcCid}, which is nobody's; the host is {Cid.Host}");
        }
        else if (log.IsNews("foreign-source"))
        {
            log.Note("VS-X-06", packet, $"{Names.Of(header.Op)} has src_cid {header.SrcCid}; the host is {Cid.Host}");
        }
    }

    private bool JudgeType(in VsockHeader header)
    {
        if (Serves(header.Type) || header.Type is not (SocketType.Stream or SocketType.Seqpacket))
        {
            return true;
        }

        if (header.Op == Op.Rst && oddities.Types)
        {
            return false;
        }

        if (header.Type == SocketType.Seqpacket)
        {
            log.Violation("VS-X-43", packet, $"{Names.Of(header.Op)} has type 2 (seqpacket), but SEQPACKET was not accepted");
        }
        else if (log.IsNews("unimplied-stream"))
        {
            log.Note("VS-X-43", packet, $"{Names.Of(header.Op)} has type 1 (stream), but only NO_IMPLIED_STREAM was accepted");
        }

        return false;
    }

    private void Judge(AuditedFlow flow, in VsockHeader header)
    {
        if (!seesEverything)
        {
            return;
        }

        if (header.Op == Op.Request)
        {
            if (!flow.Offer(header.Type, epoch))
            {
                log.Violation("VS-X-36", packet, $"REQUEST on {FlowKey.OfHostPacket(header)}, which is in use and was not reset");
            }
        }

        if (flow.IsUnclear)
        {
            return;
        }

        if (flow.Phase is not (FlowPhase.None or FlowPhase.Dead) && header.Type != flow.Type)
        {
            JudgeOtherType(flow, header);
            return;
        }

        if (JudgeState(flow, header))
        {
            JudgeCredit(flow, header);
        }

        if (header.Op == Op.Rst)
        {
            JudgeReset(flow, header);
        }
    }

    private void JudgeOtherType(AuditedFlow flow, in VsockHeader header)
    {
        flow.IsUnclear = true;
        if (header.Op != Op.Rst)
        {
            log.Violation(
                "VS-X-16",
                packet,
                $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} has type {Names.Of(header.Type)}; the flow is of type {Names.Of(flow.Type)}");
        }
        else if (log.IsNews("rst-type"))
        {
            log.Note("B-10", packet, $"RST on {FlowKey.OfHostPacket(header)} has type {Names.Of(header.Type)}; the flow is of type {Names.Of(flow.Type)}");
        }
    }

    /// <summary>True when the packet belongs to a connection whose credit counts.</summary>
    private bool JudgeState(AuditedFlow flow, in VsockHeader header)
    {
        if (header.Op == Op.Rst)
        {
            return false;
        }

        if (flow.ResetIsProcessed(epoch))
        {
            log.Violation("VS-X-33", packet, $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} after the device had processed the driver's RST");
            flow.IsUnclear = true;
            return false;
        }

        switch (flow.Phase)
        {
            case FlowPhase.None:
                return JudgeUnknown(flow, header);
            case FlowPhase.Dead when flow.WasPoked && header.Op is Op.CreditUpdate or Op.CreditRequest:
                return false;
            case FlowPhase.Dead when flow.WeReset && header.Op is Op.CreditUpdate:
                return false;
            case FlowPhase.Dead:
                log.Violation("VS-X-33", packet, $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} after the device's own RST");
                return false;
            case FlowPhase.Asked when header.Op == Op.Response:
                flow.Accepted();
                return true;
            case FlowPhase.Asked or FlowPhase.Offered when header.Op == Op.Rw:
                log.Violation("VS-X-28", packet, $"RW on {FlowKey.OfHostPacket(header)} before its REQUEST was answered");
                flow.IsUnclear = true;
                return false;
            case FlowPhase.Asked:
                if (log.IsNews("early-control"))
                {
                    log.Note("B-11", packet, $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} before its REQUEST was answered");
                }

                break;
            case FlowPhase.Established or FlowPhase.Offered when header.Op == Op.Response:
                log.Violation("VS-X-28", packet, $"RESPONSE on {FlowKey.OfHostPacket(header)}, where the driver has no unanswered REQUEST");
                return false;
            case FlowPhase.Established when header.Op is Op.Rw:
                JudgeShutdown(flow, header);
                break;
        }

        if (header.Op == Op.Shutdown)
        {
            flow.DeviceShutdown |= (ShutdownFlags)header.Flags;
        }

        return true;
    }

    private bool JudgeUnknown(AuditedFlow flow, in VsockHeader header)
    {
        if (header.Op is Op.Rw or Op.Response)
        {
            log.Violation("VS-X-28", packet, $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)}, which nobody asked for");
        }
        else if (log.IsNews("unknown-flow"))
        {
            log.Note("B-03", packet, $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)}, which nobody asked for");
        }

        flow.IsUnclear = true;
        return false;
    }

    private void JudgeShutdown(AuditedFlow flow, in VsockHeader header)
    {
        if ((flow.DeviceShutdown & ShutdownFlags.Send) != 0)
        {
            log.Violation("VS-X-31", packet, $"RW of {header.Len} bytes on {FlowKey.OfHostPacket(header)} after the device's SHUTDOWN said it would send no more");
        }

        if ((flow.OurShutdown & ShutdownFlags.Receive) != 0 && flow.ShutdownEpoch < epoch && log.IsNews("rw-to-closed-end"))
        {
            log.Note("B-20", packet, $"RW of {header.Len} bytes on {FlowKey.OfHostPacket(header)} after the driver's SHUTDOWN said it would receive no more");
        }
    }

    private void JudgeCredit(AuditedFlow flow, in VsockHeader header)
    {
        if (header.Op == Op.Rw && !flow.Credit.Send(header.Len, epoch))
        {
            log.Violation(
                "VS-CRED-DEV-1",
                packet,
                $"RW of {header.Len} bytes on {FlowKey.OfHostPacket(header)} makes {flow.Credit.Sent} in all; the driver's credit ends at {flow.Credit.Limit}");
        }

        if (header.BufAlloc == 0 && log.IsNews("no-buffer"))
        {
            log.Note("B-54", packet, $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} advertises no buffer at all");
        }

        ClaimFault fault = flow.Claims.Claim(header.FwdCnt);
        if (fault == ClaimFault.None)
        {
            return;
        }

        string detail = fault == ClaimFault.Ahead
            ? $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} says fwd_cnt {header.FwdCnt}; the driver has sent {flow.Claims.Sent} bytes"
            : $"{Names.Of(header.Op)} on {FlowKey.OfHostPacket(header)} says fwd_cnt {header.FwdCnt} after {(uint)flow.Claims.Forwarded}; it never decreases";

        // The rule speaks of stream flows only; seqpacket ones have the same counters but no MUST.
        if (flow.Type == SocketType.Stream)
        {
            log.Violation("VS-CRED-DEV-2", packet, detail);
        }
        else if (log.IsNews("seqpacket-claim"))
        {
            log.Note("VS-CRED-DEV-2", packet, detail);
        }
    }

    private void JudgeReset(AuditedFlow flow, in VsockHeader header)
    {
        if (flow.Phase == FlowPhase.Established && header is { BufAlloc: 0, FwdCnt: 0 } && log.IsNews("rst-without-credit"))
        {
            log.Note("B-61", packet, $"RST of the established flow {FlowKey.OfHostPacket(header)} carries no credit fields");
        }

        flow.Died();
    }

    private void Count(in VsockHeader header)
    {
        statistics.BytesSent += header.Op == Op.Rw ? header.Len : 0;
        statistics.CreditUpdatesSent += header.Op == Op.CreditUpdate ? 1 : 0;
    }

    private void CountReceived(in VsockHeader header)
    {
        statistics.BytesReceived += header.Op == Op.Rw ? header.Len : 0;
        statistics.CreditUpdatesReceived += header.Op == Op.CreditUpdate ? 1 : 0;
        statistics.CreditRequestsReceived += header.Op == Op.CreditRequest ? 1 : 0;
    }
}
