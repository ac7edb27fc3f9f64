using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <content>Events of host sockets.</content>
internal sealed partial class Flows
{
    private const EpollEvents HostEvents = EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.EdgeTriggered;

    /// <summary>Host connections that have not become flows yet; they count as such.</summary>
    public int HandshakesUnderWay { get; set; }

    /// <summary>A host application asked for a port of the guest. The socket becomes the flow's.</summary>
    public void Connect(ScatterSocket socket, SocketType type, uint guestPort)
    {
        if (!parts.Features.InForce(Accepted, type) || !HasRoom(0))
        {
            socket.Dispose();
            return;
        }

        Connection flow = Add(new FlowKey(guestPort, table.NextHostPort(guestPort), type), FlowPhase.Connecting, socket);
        flow.Owed = Owed.Request;
        if (parts.Connections.ConfirmsUnanswered)
        {
            HostHandshake.TryAnswer(socket, flow.Key.HostPort);
        }

        outbox.Add(flow);
        timers.Set(flow, options.ConnectTimeout);
    }

    public void HostReady(Connection flow, EpollEvents events)
    {
        if (flow.Host is not { } host)
        {
            return;
        }

        if ((events & (EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.HangUp | EpollEvents.Error)) != 0)
        {
            flow.HostReadable = !flow.HostEnded || host.IsHungUp;
            flow.HostShut |= (events & (EpollEvents.PeerClosed | EpollEvents.HangUp)) != 0;
        }

        if (flow.WatchesRoom && (events & (EpollEvents.Writable | EpollEvents.HangUp | EpollEvents.Error)) != 0)
        {
            Passed(flow, host.Flush());
        }

        outbox.Add(flow);
    }

    public void Expired(Connection flow)
    {
        switch (flow.Phase)
        {
            case FlowPhase.Connecting when (flow.Owed & Owed.Request) != 0:
                // The guest never heard of it.
                Remove(flow);
                break;
            case FlowPhase.Connecting:
                Abort(flow);
                break;
            default:
                if (parts.Connections.ResetsAfterTimeout)
                {
                    Abort(flow);
                }

                break;
        }
    }

    /// <summary>The guest accepted a flow that a host application asked for.</summary>
    private void Answered(Connection flow)
    {
        flow.Phase = FlowPhase.Established;
        timers.Cancel(flow);
        if (!parts.Connections.ConfirmsUnanswered && !HostHandshake.TryAnswer(flow.Host!.Socket, flow.Key.HostPort))
        {
            Refused(flow);
        }

        outbox.Add(flow);
    }

    /// <summary>
    /// The host application takes no more data and some was lost. What it sent before still goes to the guest, then the flow is reset; at
    /// the latest after the close timeout.
    /// </summary>
    private void Refused(Connection flow)
    {
        flow.HostRefused = true;
        flow.HostReadable = true;
        WatchRoom(flow, false);
        if (parts.Connections.TellsOfRefusal)
        {
            Tell(flow, flow.OurShutdown | ShutdownFlags.Receive);
            timers.Set(flow, options.CloseTimeout);
        }
    }

    /// <summary>There is no more to read from the host socket.</summary>
    private void Ended(Connection flow)
    {
        HostEnd host = flow.Host!;
        bool closed = host.IsHungUp;
        flow.HostReadable = false;
        bool lost = flow.HostRefused || (closed && !host.IsDrained);
        if (lost && parts.Connections.ResetsAfterLoss)
        {
            Abort(flow);
            return;
        }

        flow.HostEnded = true;
        ShutdownFlags told = flow.OurShutdown | parts.Connections.HostEnds(closed);
        Tell(flow, told);
        if (closed)
        {
            ReleaseHost(flow);
            flow.Phase = FlowPhase.Closing;
            timers.Set(flow, options.CloseTimeout);
            Settle(flow);
        }
    }

    private void Tell(Connection flow, ShutdownFlags shutdown)
    {
        if (shutdown != flow.OurShutdown)
        {
            flow.OurShutdown = shutdown;
            flow.Owed |= Owed.Shutdown;
            outbox.Add(flow);
        }
    }

    private void WatchRoom(Connection flow, bool wanted)
    {
        if (flow.WatchesRoom != wanted && flow.Host is not null)
        {
            flow.WatchesRoom = wanted;
            loop.Change(flow.Watch, wanted ? HostEvents | EpollEvents.Writable : HostEvents);
        }
    }
}
