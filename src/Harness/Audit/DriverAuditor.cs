using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// Judges the packets of a driver that is not ours, a guest's, where <see cref="Auditor"/> judges those of its device. It sees a packet of the device before
/// the driver does and a packet of the driver after it was made, so whatever the driver may have known counts in its favour. A fence ends that.
/// </summary>
/// <remarks>One thread. No allocation per packet; one object per flow.</remarks>
public sealed class DriverAuditor : IRingObserver
{
    private const int MaxFlows = 16 * 1024;
    private const string Who = "the driver's ";

    private ulong guestCid;
    private ulong? formerCid;
    private long epoch;
    private readonly VirtioFeatures features;
    private readonly FindingLog log = new();
    private readonly HeaderRules headers;
    private readonly Dictionary<FlowKey, DrivenFlow> flows = [];
    private int packet;
    private bool deviceIsOdd;

    /// <param name="guestCid">The CID that the device serves.</param>
    /// <param name="features">The accepted features.</param>
    public DriverAuditor(ulong guestCid, VirtioFeatures features)
    {
        this.guestCid = guestCid;
        this.features = features;
        headers = new HeaderRules(log);
    }

    /// <summary>Violations of the driver, the first hundred.</summary>
    public IReadOnlyList<Finding> Findings => log.Violations;

    /// <summary>What was unusual but not illegal, each topic once.</summary>
    public IReadOnlyList<Finding> Notes => log.Notes;

    /// <summary>A new part of the session begins: see <see cref="Auditor.BeginPart"/>.</summary>
    public void BeginPart(int firstPacket = 1)
    {
        log.Clear();
        packet = firstPacket - 1;
    }

    /// <summary>The device has another CID for its guest from now on. Until the next fence the driver may not have learnt of it, and its flows begin anew.</summary>
    public void GuestCidChanged(ulong cid)
    {
        formerCid = guestCid;
        guestCid = cid;
        flows.Clear();
    }

    /// <summary>Something about the driver's rings that was found elsewhere.</summary>
    public void DriverErred(string requirement, int queue, string detail) =>
        log.Violation(requirement, packet, $"{Who}{VsockQueue.Name(queue)} queue: {detail}");

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
        {
            return;
        }

        this.packet++;
        if (packet.Length < VsockHeader.Size)
        {
            log.Violation("VS-X-08", this.packet, $"{Who}packet has {packet.Length} bytes; a header has {VsockHeader.Size}");
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        bool sound = headers.Judge(header, (ulong)(packet.Length - VsockHeader.Size), Who, deviceIsOdd, this.packet);
        sound &= JudgeAddresses(header);
        sound &= JudgeType(header);

        // What a driver makes of a packet that is no packet, and for which flow it takes it, is left open; so is what it still says of a flow of
        // its former CID, which is forgotten here.
        if (sound && !deviceIsOdd && header.SrcCid == guestCid && FlowOf(FlowKey.OfGuestPacket(header)) is { } flow)
        {
            Judge(flow, header);
        }
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
        {
            return;
        }

        this.packet++;
        if (packet.Length < VsockHeader.Size)
        {
            deviceIsOdd = true;
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        bool ordinary =
            header.SrcCid == Cid.Host && header.DstCid == guestCid && Serves(header.Type) && header.Op is >= Op.Request and <= Op.CreditRequest &&
            header.Len <= (uint)(packet.Length - VsockHeader.Size);
        deviceIsOdd |= !ordinary;
        if (FlowOf(FlowKey.OfHostPacket(header)) is { } flow)
        {
            flow.Received(header, ordinary, epoch);
        }
    }

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
    }

    public void Published(int queue)
    {
    }

    public void Kicked(int queue)
    {
    }

    public void Called(int queue, ulong count)
    {
    }

    public void Used(int queue, UsedChain chain)
    {
    }

    /// <summary>Whatever was odd has been answered, and whatever was told is known.</summary>
    public void Fenced()
    {
        deviceIsOdd = false;
        formerCid = null;
        epoch++;
    }

    public void Violated(string requirement, int queue, string detail)
    {
    }

    private bool Serves(SocketType type) => type switch
    {
        SocketType.Stream => (features & (VirtioFeatures.Stream | VirtioFeatures.NoImpliedStream)) != VirtioFeatures.NoImpliedStream,
        SocketType.Seqpacket => (features & VirtioFeatures.Seqpacket) != 0,
        _ => false,
    };

    private DrivenFlow? FlowOf(FlowKey key)
    {
        if (!flows.TryGetValue(key, out DrivenFlow? flow) && flows.Count < MaxFlows)
        {
            flow = new DrivenFlow();
            flows.Add(key, flow);
        }

        return flow;
    }

    private bool JudgeAddresses(in VsockHeader header)
    {
        // A reset that answers a packet with odd addresses repeats them.
        bool mayEcho = header.Op == Op.Rst && deviceIsOdd;
        headers.JudgeUpperHalves(header, Who, mayEcho, mayEcho, packet);
        if (header.SrcCid == guestCid || header.SrcCid == formerCid)
        {
            return true;
        }

        if (!mayEcho)
        {
            log.Violation("VS-RXTX-DRV-1", packet, $"{Who}{Names.Of(header.Op)} has src_cid {header.SrcCid}; the guest is {guestCid}");
        }

        return false;
    }

    private bool JudgeType(in VsockHeader header)
    {
        if (Serves(header.Type))
        {
            return true;
        }

        if (header.Type == SocketType.Seqpacket && !(header.Op == Op.Rst && deviceIsOdd))
        {
            log.Violation("VS-X-43", packet, $"{Who}{Names.Of(header.Op)} has type 2 (seqpacket), but SEQPACKET was not accepted");
        }

        return false;
    }

    private void Judge(DrivenFlow flow, in VsockHeader header)
    {
        if (header.Op == Op.Rw && !flow.IsUnclear)
        {
            JudgeData(flow, header);
        }

        ClaimFault fault = flow.Sent(header);
        if (flow.IsUnclear || fault == ClaimFault.None)
        {
            return;
        }

        string detail = $"{Who}{Names.Of(header.Op)} on {FlowKey.OfGuestPacket(header)} says fwd_cnt {header.FwdCnt}; the device has sent {flow.Claims.Sent} bytes and was told {(uint)flow.Claims.Forwarded}";
        if (fault == ClaimFault.Ahead && header.Type == SocketType.Stream)
        {
            log.Violation("VS-CRED-DRV-2", packet, detail);
        }
        else if (log.IsNews("claim"))
        {
            // Two threads of a guest may make packets in one order and queue them in the other.
            log.Note("VS-CRED-DRV-2", packet, detail);
        }
    }

    private void JudgeData(DrivenFlow flow, in VsockHeader header)
    {
        if (!flow.IsEstablished)
        {
            log.Violation("VS-X-28", packet, $"{Who}RW on {FlowKey.OfGuestPacket(header)} before its REQUEST was answered");
            flow.IsUnclear = true;
            return;
        }

        if ((flow.Shutdown & ShutdownFlags.Send) != 0)
        {
            log.Violation("VS-X-31", packet, $"{Who}RW of {header.Len} bytes on {FlowKey.OfGuestPacket(header)} after its SHUTDOWN said it would send no more");
        }

        if (!flow.Credit.Send(header.Len, epoch))
        {
            log.Violation(
                "VS-CRED-DRV-1",
                packet,
                $"{Who}RW of {header.Len} bytes on {FlowKey.OfGuestPacket(header)} makes {flow.Credit.Sent} in all; the device's credit ends at {flow.Credit.Limit}");
        }
    }
}
