using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// The independent judge of a device: it sees every chain and every packet of a session and reports what breaks a rule, whatever the
/// case was about. It accuses only where no legal device could have done the same; where the driver's own conduct leaves the device a
/// choice, it is silent. One thread; no allocation per packet.
/// </summary>
public sealed class Auditor : IRingObserver
{
    private readonly ulong guestCid;
    private readonly FindingList findings = new();
    private readonly RingLedger[] rings;
    private readonly Dictionary<FlowId, FlowLedger> flows = [];
    private int number;
    private long epoch;
    private int chainsWithoutPacket;
    private bool blind;
    private bool oddAddressesSent;

    /// <param name="guestCid">The CID the device serves.</param>
    /// <param name="accepted">Features in force.</param>
    /// <param name="firstPacket">Number of the first packet, so that findings point into a trace of several sessions.</param>
    public Auditor(ulong guestCid, VirtioFeatures accepted, int firstPacket = 1)
    {
        this.guestCid = guestCid;
        number = firstPacket - 1;
        bool inOrder = accepted.HasFlag(VirtioFeatures.InOrder);
        rings = [new(VsockQueue.Rx, inOrder, findings), new(VsockQueue.Tx, inOrder, findings), new(VsockQueue.Event, inOrder, findings)];
    }

    /// <summary>In order of discovery; bounded per requirement.</summary>
    public IReadOnlyList<Finding> Findings => findings.Items;

    /// <summary>A case posted an illegal chain or ring: bookkeeping of that queue is suspended.</summary>
    public void Taint(int queue) => rings[queue].Tainted = true;

    /// <summary>The session is over and everything was processed: chains that the device still holds in the tx ring are lost.</summary>
    public void EndOfSession() => rings[VsockQueue.Tx].ExpectAllReturned();

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
        rings[queue].Posted(id, buffers);
        chainsWithoutPacket += queue == VsockQueue.Tx ? 1 : 0;
    }

    public void Published(int queue)
    {
        if (queue == VsockQueue.Tx)
        {
            // A chain of unknown content can have opened or closed any flow.
            blind |= chainsWithoutPacket > 0;
            chainsWithoutPacket = 0;
        }
    }

    public void Kicked(int queue)
    {
    }

    public void Called(int queue, ulong count)
    {
    }

    public void Used(int queue, UsedChain chain)
    {
        ulong writable = rings[queue].WritableBytesOf(chain.Id);
        rings[queue].Used(chain, number + 1);
        if (queue == VsockQueue.Rx && chain.Length < VsockHeader.Size && writable >= VsockHeader.Size && !rings[queue].Tainted)
        {
            findings.Add("VS-X-08", number + 1, $"rx chain {chain.Id} came back with {chain.Length} bytes, less than a header");
        }
    }

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        number++;
        chainsWithoutPacket--;
        if (packet.Length < VsockHeader.Size)
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        oddAddressesSent |= header.SrcCid != guestCid || header.DstCid != Cid.Host;
        FlowId flowId = FlowId.OfGuestPacket(header);
        if (!flows.TryGetValue(flowId, out FlowLedger? flow))
        {
            flow = new FlowLedger();
            flows[flowId] = flow;
        }

        flow.Sent(header, packet.Length - VsockHeader.Size, epoch);

        // A packet that no driver may send leaves open what becomes of every flow between the same ports.
        if (header.Type is not (SocketType.Stream or SocketType.Seqpacket) || header.Op is < Op.Request or > Op.CreditRequest)
        {
            Suspend(flowId);
        }
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        number++;
        if (packet.Length < VsockHeader.Size)
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        int available = packet.Length - VsockHeader.Size;
        JudgeHeader(header, available);
        if (blind)
        {
            return;
        }

        FlowId flowId = FlowId.OfHostPacket(header);
        if (!flows.TryGetValue(flowId, out FlowLedger? flow))
        {
            if (header.Op == Op.Rst)
            {
                // Its type is free: it may mean the flow of the other type between the same ports.
                Suspend(flowId);
                return;
            }

            JudgeUnknownFlow(header, flowId);
            flow = new FlowLedger();
            flows[flowId] = flow;
        }

        flow.Received(header, (int)Math.Min(header.Len, (uint)available), number, epoch, findings);
    }

    public void Fenced() => epoch++;

    public void Violated(string requirement, int queue, string detail) => findings.Add(requirement, number, $"{VsockQueue.Name(queue)}: {detail}");

    private void Suspend(FlowId like)
    {
        foreach (SocketType type in (ReadOnlySpan<SocketType>)[SocketType.Stream, SocketType.Seqpacket])
        {
            if (flows.TryGetValue(like with { Type = type }, out FlowLedger? flow))
            {
                flow.Suspend();
            }
        }
    }

    private void JudgeHeader(in VsockHeader header, int available)
    {
        // An RST answers what was sent, so it may mirror what a case sent on purpose.
        bool mirrors = header.Op == Op.Rst;
        if (header.Op is < Op.Request or > Op.CreditRequest)
        {
            findings.Add("VS-X-10", number, $"operation {(ushort)header.Op} is not defined: {header}");
        }

        if (!mirrors && header.Type is not (SocketType.Stream or SocketType.Seqpacket))
        {
            findings.Add("VS-X-16", number, $"type {(ushort)header.Type} is not defined: {header}");
        }

        if (((header.SrcCid | header.DstCid) >> 32) != 0 && !(mirrors && oddAddressesSent))
        {
            findings.Add("VS-X-09", number, $"the upper 32 bits of a CID are not zero: {header}");
        }

        if ((header.DstCid != guestCid || header.SrcCid == guestCid) && !(mirrors && oddAddressesSent))
        {
            findings.Add("VS-X-13", number, $"a packet for guest {guestCid} must be addressed to it and come from elsewhere: {header}");
        }

        if (header.Len > (uint)available)
        {
            findings.Add("VS-X-11", number, $"len exceeds the {available} bytes that were delivered: {header}");
        }
        else if (header.Len != 0 && header.Op != Op.Rw)
        {
            findings.Add("VS-X-11", number, $"only RW carries a payload: {header}");
        }

        JudgeFlags(header);
    }

    private void JudgeFlags(in VsockHeader header)
    {
        uint known = (header.Op, header.Type) switch
        {
            (Op.Shutdown, _) => (uint)ShutdownFlags.Both,
            (Op.Rw, SocketType.Seqpacket) => (uint)(SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord),
            _ => 0,
        };
        if ((header.Flags & ~known) != 0)
        {
            findings.Add("VS-X-40", number, $"flags that have no meaning here: {header}", FindingSeverity.Note);
        }
    }

    private void JudgeUnknownFlow(in VsockHeader header, FlowId flowId)
    {
        FlowId other = flowId with { Type = header.Type == SocketType.Stream ? SocketType.Seqpacket : SocketType.Stream };
        if (header.Op is Op.Request)
        {
            return;
        }

        if (flows.ContainsKey(other) && !oddAddressesSent)
        {
            findings.Add("VS-X-16", number, $"the flow between these ports has the other type: {header}");
        }
    }
}
