using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>What packets from the device do to sockets (virtio 1.4 section 5.10.6).</summary>
internal sealed class InboundPackets(
    AddressBook addresses,
    PacketSender sender,
    SocketLifecycle lifecycle,
    SocketData data,
    DriverIdentity identity,
    DriverParts parts)
{
    /// <param name="buffer">The device may go on changing it.</param>
    /// <param name="valid">What the device says it wrote, possibly not even a header.</param>
    public void Take(ReadOnlySpan<byte> buffer, int valid)
    {
        if (valid < VsockHeader.Size)
        {
            // Nobody can say whose packet it was to be.
            return;
        }

        VsockHeader header = parts.Ingress.Decode(buffer[..valid]);
        if (!parts.Ingress.IsForGuest(header, identity.GuestCid))
        {
            return;
        }

        if (!parts.Features.InForce(identity.Features, header.Type))
        {
            if (parts.Ingress.AnswersUnservedType(header))
            {
                sender.Refuse(header);
            }

            return;
        }

        if (addresses.Find(parts.Ingress.FlowOf(header)) is { } socket)
        {
            Take(socket, header, buffer[VsockHeader.Size..], valid - VsockHeader.Size);
        }
        else if (header.Op == Op.Request)
        {
            Request(header);
        }
        else if (parts.Ingress.AnswersUnknownFlow(header))
        {
            sender.Refuse(header);
        }
    }

    private void Take(VsockSocket socket, in VsockHeader header, ReadOnlySpan<byte> room, int written)
    {
        if (header.Op == Op.Rst)
        {
            TakeReset(socket);
            return;
        }

        if (parts.Ingress.PayloadBytes(header, written, room.Length) is not { } length)
        {
            // Its sender lost count, and so have we: data is missing from now on.
            lifecycle.Reset(socket, LinuxErrno.ConnectionReset);
            return;
        }

        bool isNews = parts.Credit.Learn(socket.Peer, header);
        if (socket.State == SocketState.Connecting)
        {
            TakeAnswer(socket, header.Op);
            return;
        }

        switch (header.Op)
        {
            case Op.Rw:
                TakeData(socket, header, room[..length]);
                break;
            case Op.CreditRequest or Op.CreditUpdate when parts.Credit.AnswersWithCredit(header.Op):
                sender.Control(socket, Op.CreditUpdate);
                break;
            case Op.Shutdown:
                socket.PeerShutdown = parts.Connections.Remember(socket.PeerShutdown, parts.Connections.Hint(header.Flags));
                socket.Change();
                break;
            default:
                // A REQUEST or RESPONSE that comes again, an op that nobody defined: the specification says nothing, and the flow is none the worse.
                break;
        }

        if (isNews && socket.State == SocketState.Connected && parts.Credit.ResumesWith(header))
        {
            data.Resume(socket);
        }

        lifecycle.AnswerShutdown(socket);
    }

    private void TakeReset(VsockSocket socket)
    {
        bool isConnecting = socket.State == SocketState.Connecting;
        if (parts.Connections.HonoursReset(isConnecting))
        {
            // The RST that answers a shutdown of both directions is no error.
            bool isAnswer = !isConnecting && (socket.OwnShutdown == ShutdownFlags.Both || socket.PeerShutdown == ShutdownFlags.Both);
            lifecycle.End(socket, isAnswer ? 0 : LinuxErrno.ConnectionReset);
        }
    }

    private void TakeAnswer(VsockSocket socket, Op op)
    {
        if (op == Op.Response)
        {
            lifecycle.Confirm(socket);
            data.Resume(socket);
        }
        else
        {
            // A host that says anything else before it has answered did not understand the REQUEST.
            lifecycle.Abandon(socket, LinuxErrno.ConnectionReset);
        }
    }

    private void TakeData(VsockSocket socket, in VsockHeader header, ReadOnlySpan<byte> payload)
    {
        if (socket.PeerShutdown.HasFlag(ShutdownFlags.Send))
        {
            // It said that it would not. What it then sends is nobody's.
            return;
        }

        if (!data.Accept(socket, payload, (SeqpacketFlags)header.Flags))
        {
            lifecycle.Reset(socket, LinuxErrno.NoBufferSpace);
        }
    }

    private void Request(in VsockHeader header)
    {
        DriverFlowKey key = parts.Ingress.FlowOf(header);
        VsockSocket? listener = addresses.ListenerOn(key.LocalPort) is { } found && found.Type == key.Type ? found : null;
        bool isFull = listener is not null && !parts.Connections.HasRoom(listener.Backlog.Count, listener.BacklogLimit);
        if (listener is null || isFull)
        {
            if (parts.Connections.AnswersRefusedRequest(isFull))
            {
                sender.Refuse(header);
            }

            return;
        }

        VsockSocket socket = lifecycle.Admit(listener, key);
        parts.Credit.Learn(socket.Peer, header);
        if (parts.Connections.Responds)
        {
            sender.Control(socket, Op.Response);
        }

        data.Resume(socket);
    }
}
