using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <content>Packets from the guest.</content>
internal sealed partial class Flows
{
    /// <summary>Packets that need an answer can be processed.</summary>
    public bool CanReceive => outbox.HasRoomForReset && (parts.Delivery.TransmitsWithoutBuffers || outbox.IsEmpty);

    /// <summary>
    /// Processes one packet. False when it must be answered and there is no memory left to park the answer: then nothing has happened,
    /// and the packet is to come again (virtio 1.4 section 5.10.6.1).
    /// </summary>
    /// <param name="packet">Header and payload; has at least a header.</param>
    public bool Receive(in VsockHeader header, in ChainBytes packet)
    {
        if (!parts.Delivery.TransmitsWithoutBuffers && !outbox.IsEmpty)
        {
            return false;
        }

        if (!parts.Ingress.IsForHost(header, options.GuestCid))
        {
            return true;
        }

        if (!parts.Features.InForce(Accepted, header.Type))
        {
            return !parts.Ingress.AnswersUnservedType(header) || TryPark(header);
        }

        FlowKey key = parts.Ingress.FlowOf(header);
        if (!table.TryGet(key, out Connection? flow))
        {
            return header.Op == Op.Request ? Open(key, header) : !parts.Ingress.AnswersUnknownFlow(header) || TryPark(header);
        }

        if (flow.Phase == FlowPhase.Dead)
        {
            // Its RST is under way and answers everything.
            if (header.Op == Op.Rst)
            {
                Remove(flow);
            }

            return true;
        }

        if (parts.Credit.Learn(ref flow.Peer, header) && parts.Credit.Free(flow.Peer) > 0)
        {
            flow.AskedForCredit = false;
            if (flow.IsStalled)
            {
                flow.IsStalled = false;
                flow.HostReadable = true;
                outbox.Add(flow);
            }
        }

        Receive(flow, header, packet);
        return true;
    }

    private void Receive(Connection flow, in VsockHeader header, in ChainBytes packet)
    {
        switch (header.Op)
        {
            case Op.Rst:
                if (parts.Connections.HonoursReset)
                {
                    Remove(flow);
                }

                break;
            case Op.Response when flow.Phase == FlowPhase.Connecting:
                Answered(flow);
                break;
            case Op.Rw when flow.Phase != FlowPhase.Connecting:
                ReceiveData(flow, header, packet);
                break;
            case Op.CreditUpdate when flow.Phase != FlowPhase.Connecting:
                break;
            case Op.CreditRequest when flow.Phase != FlowPhase.Connecting:
                if (parts.Credit.AnswersCreditRequest)
                {
                    flow.Owed |= Owed.CreditUpdate;
                    outbox.Add(flow);
                }

                break;
            case Op.Shutdown when flow.Phase != FlowPhase.Connecting:
                flow.GuestShutdown = parts.Connections.Remember(flow.GuestShutdown, (ShutdownFlags)header.Flags & ShutdownFlags.Both);
                if (gather.Collects(flow))
                {
                    gather.Flush();
                }

                Settle(flow);
                break;
            default:
                // An operation that is unknown, or that nobody may send now: the two ends do not agree on the flow any more.
                Abort(flow);
                break;
        }
    }

    private bool Open(FlowKey key, in VsockHeader header)
    {
        if (!outbox.HasRoomForReset && parts.Delivery.KeepsEveryReply)
        {
            return false;
        }

        ScatterSocketKind kind = key.Type == SocketType.Seqpacket ? ScatterSocketKind.Seqpacket : ScatterSocketKind.Stream;
        bool full = !HasRoom(HandshakesUnderWay);
        ScatterSocket? socket = full || !parts.Connections.Accepts(key)
            ? null
            : ScatterSocket.TryConnect($"{options.Uds}_{key.HostPort}", kind, out _);
        if (socket is null)
        {
            return !parts.Connections.AnswersRefusedRequest(full) || TryPark(header);
        }

        Connection flow = Add(key, FlowPhase.Established, socket);
        parts.Credit.Learn(ref flow.Peer, header);
        flow.Owed = Owed.Response;
        outbox.Add(flow);
        return true;
    }

    private void ReceiveData(Connection flow, in VsockHeader header, in ChainBytes packet)
    {
        ulong available = packet.Length - VsockHeader.Size;
        uint length = parts.Ingress.PayloadLength(header, available);
        if (length > available || parts.Credit.IsOverrun(flow.Window, length) || !flow.GuestSends)
        {
            // Data that is not there, that there is no room for, or that the host application was told would not come.
            Abort(flow);
            return;
        }

        flow.Window.Received += parts.Credit.Charge(length);
        if (flow.Phase == FlowPhase.Closing)
        {
            // Was under way when the host application closed.
            return;
        }

        if (flow.HostRefused)
        {
            return;
        }

        WriteState state = flow.Host!.Write(flow, packet, length, (SeqpacketFlags)header.Flags);
        if (!gather.Collects(flow))
        {
            Passed(flow, state);
        }
    }

    /// <summary>Data of the guest was passed on, kept or lost.</summary>
    private void Passed(Connection flow, WriteState state)
    {
        if (flow.Host is not { } host)
        {
            return;
        }

        asked = flow;
        flow.Window.Forwarded += host.TakeForwarded();
        switch (state)
        {
            case WriteState.Overflow:
                Abort(flow);
                return;
            case WriteState.Refused when !flow.HostRefused:
                Refused(flow);
                return;
        }

        WatchRoom(flow, state == WriteState.Waiting);
        if (parts.Credit.IsUpdateDue(flow.Window, flow.Peer))
        {
            flow.Owed |= Owed.WindowUpdate;
            outbox.Add(flow);
        }

        if (flow.GuestShutdown != ShutdownFlags.None)
        {
            Settle(flow);
        }
    }

    /// <summary>Carries out what the guest's shutdown hints ask for, as far as data on its way to the host allows.</summary>
    private void Settle(Connection flow)
    {
        ShutdownFlags hints = flow.GuestShutdown;
        bool drained = flow.Host is not { IsDrained: false };
        if (flow.Host is { } host)
        {
            ShutdownFlags forwarded = parts.Connections.HalfCloses(hints);
            if ((forwarded & ShutdownFlags.Receive) != 0)
            {
                host.EndReceiving();
            }

            if ((forwarded & ShutdownFlags.Send) != 0 && drained)
            {
                if (host.HasPartialMessage && parts.Connections.ResetsAfterLoss)
                {
                    Abort(flow);
                    return;
                }

                host.EndSending();
            }
        }

        if (hints == ShutdownFlags.Both && parts.Connections.AnswersShutdown(drained))
        {
            Finish(flow);
        }
    }

    // Answers a packet of no flow with RST: the addresses swapped, nothing else to say.
    private bool TryPark(in VsockHeader header)
    {
        VsockHeader reset = new()
        {
            SrcCid = header.DstCid,
            DstCid = header.SrcCid,
            SrcPort = header.DstPort,
            DstPort = header.SrcPort,
            Type = header.Type,
            Op = Op.Rst,
        };
        return outbox.TryPark(reset) || !parts.Delivery.KeepsEveryReply;
    }
}
