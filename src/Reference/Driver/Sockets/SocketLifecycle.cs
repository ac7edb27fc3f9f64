using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>How sockets are bound, connected and closed (virtio 1.4 section 5.10.6.5). Results are errno, 0 for success.</summary>
internal sealed class SocketLifecycle(
    AddressBook addresses,
    PacketSender sender,
    Timers timers,
    WakeList wakeups,
    DriverIdentity identity,
    DriverParts parts,
    TimeSpan closeTimeout)
{
    /// <summary>net.core.somaxconn of Linux.</summary>
    private const int MaxBacklog = 4096;

    /// <summary>VMADDR_CID_ANY and VMADDR_PORT_ANY.</summary>
    private const uint Any = uint.MaxValue;

    public VsockSocket Create(SocketType type) => new(type, wakeups, Expired);

    public int Bind(VsockSocket socket, uint cid, uint port)
    {
        if (socket.LocalPort is not null || socket.State != SocketState.Idle)
        {
            return LinuxErrno.Invalid;
        }

        if (cid != Any && cid != identity.GuestCid)
        {
            return LinuxErrno.AddressNotAvailable;
        }

        if (port == Any)
        {
            addresses.BindToAny(socket);
        }
        else if (!addresses.TryBind(socket, port))
        {
            return LinuxErrno.AddressInUse;
        }

        socket.IsBoundToCid = cid != Any;
        return 0;
    }

    public static int Listen(VsockSocket socket, int backlog)
    {
        if (socket.LocalPort is null || socket.State is not (SocketState.Idle or SocketState.Listening))
        {
            return LinuxErrno.Invalid;
        }

        socket.BacklogLimit = Math.Clamp(backlog, 1, MaxBacklog);
        socket.State = SocketState.Listening;
        return 0;
    }

    /// <summary>Sends REQUEST; how it ends, the socket's state and error tell.</summary>
    public int Connect(VsockSocket socket, uint cid, uint port)
    {
        switch (socket.State)
        {
            case SocketState.Connected:
                return LinuxErrno.IsConnected;
            case SocketState.Connecting:
                return LinuxErrno.Already;
            case SocketState.Idle:
                break;
            default:
                return LinuxErrno.Invalid;
        }

        if (cid == Any || port == Any)
        {
            return LinuxErrno.Invalid;
        }

        if (cid != Cid.Host || !identity.IsUp)
        {
            return LinuxErrno.NoDevice;
        }

        if (!parts.Features.InForce(identity.Features, socket.Type))
        {
            return LinuxErrno.SocketTypeNotSupported;
        }

        if (!sender.MayReceive)
        {
            return LinuxErrno.NoBufferSpace;
        }

        if (socket.LocalPort is null)
        {
            addresses.BindToAny(socket);
        }

        socket.HostPort = port;
        if (!addresses.TryOpen(socket))
        {
            // The flow before it is not over (VS-X-36).
            return LinuxErrno.AddressNotAvailable;
        }

        Begin(socket, SocketState.Connecting);
        timers.Set(socket, socket.Options.ConnectTimeout);
        sender.Control(socket, Op.Request);
        return 0;
    }

    /// <summary>The host has answered a REQUEST.</summary>
    public void Confirm(VsockSocket socket)
    {
        timers.Cancel(socket);
        socket.State = SocketState.Connected;
        socket.Change();
    }

    /// <summary>Takes a connection that the host opens.</summary>
    public VsockSocket Admit(VsockSocket listener, DriverFlowKey key)
    {
        VsockSocket socket = new(key.Type, wakeups, Expired) { LocalPort = key.LocalPort, HostPort = key.HostPort, IsBoundToCid = true };
        socket.Options.InheritFrom(listener.Options);
        addresses.TryOpen(socket);
        Begin(socket, SocketState.Connected);
        listener.Backlog.Enqueue(socket);
        listener.Change();
        return socket;
    }

    /// <summary>Gives up a connect: the host is told with RST, and the socket may try again.</summary>
    public void Abandon(VsockSocket socket, int errno)
    {
        sender.Control(socket, Op.Rst);
        End(socket, errno);
    }

    /// <param name="how">SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2.</param>
    public int Shutdown(VsockSocket socket, int how)
    {
        if (how is < 0 or > 2)
        {
            return LinuxErrno.Invalid;
        }

        if (socket.State != SocketState.Connected)
        {
            return LinuxErrno.NotConnected;
        }

        Announce(socket, socket.OwnShutdown | (ShutdownFlags)(how + 1));
        return 0;
    }

    /// <summary>The last descriptor is gone; the flow goes on until both ends know.</summary>
    public void Close(VsockSocket socket)
    {
        socket.IsClosed = true;
        addresses.Unbind(socket);
        switch (socket.State)
        {
            case SocketState.Listening:
                CloseListener(socket);
                break;
            case SocketState.Connecting:
                Abandon(socket, 0);
                break;
            case SocketState.Connected when socket.PeerShutdown == ShutdownFlags.Both:
                Reset(socket, 0);
                break;
            case SocketState.Connected:
                Announce(socket, ShutdownFlags.Both);
                break;
            case SocketState.Over:
                CloseEnded(socket);
                break;
            default:
                break;
        }

        socket.Change();
    }

    /// <summary>The rest of a message has gone: a SHUTDOWN that waited for it can follow.</summary>
    public void FollowMessage(VsockSocket socket)
    {
        if (socket.IsShutdownDue)
        {
            socket.IsShutdownDue = false;
            sender.Control(socket, Op.Shutdown, parts.Connections.FlagsOf(socket.OwnShutdown));
        }
    }

    /// <summary>When the host has ended both directions and nothing of it is left to be read, RST ends the flow (VS-X-34).</summary>
    public void AnswerShutdown(VsockSocket socket)
    {
        if (socket.State == SocketState.Connected
            && socket.PeerShutdown == ShutdownFlags.Both
            && parts.Connections.AnswersShutdown(socket.HasUnread))
        {
            Reset(socket, 0);
        }
    }

    /// <summary>Ends a flow with RST.</summary>
    public void Reset(VsockSocket socket, int errno)
    {
        sender.Control(socket, Op.Rst);
        End(socket, errno);
    }

    /// <summary>A flow is over, and nobody is told but the application.</summary>
    /// <param name="errno">What it is told; 0: only the end.</param>
    public void End(VsockSocket socket, int errno)
    {
        timers.Cancel(socket);
        if (parts.Connections.FreesEnds(isHeld: !socket.IsClosed))
        {
            addresses.EndFlow(socket);
        }

        bool wasConnected = socket.State == SocketState.Connected;
        socket.State = wasConnected ? SocketState.Over : SocketState.Idle;
        socket.OwnShutdown = wasConnected ? socket.OwnShutdown : ShutdownFlags.None;
        socket.IsShutdownDue = false;
        socket.IsUpdateParked = false;
        socket.Unsent.Clear();
        socket.Error = errno != 0 ? errno : socket.Error;
        socket.Change();
    }

    /// <summary>The transport was reset, or the device is lost: all flows end without a word to anybody (section 5.10.6.7).</summary>
    public void EndAll()
    {
        sender.Forget();
        foreach (VsockSocket socket in addresses.Flows.ToArray())
        {
            End(socket, LinuxErrno.ConnectionReset);
        }

        foreach (VsockSocket listener in addresses.Bound.Where(s => s.State == SocketState.Listening))
        {
            listener.Backlog.Clear();
        }
    }

    /// <summary>All listeners lose their port, as they do not.</summary>
    public void EndListeners()
    {
        foreach (VsockSocket listener in addresses.Bound.Where(s => s.State == SocketState.Listening).ToArray())
        {
            addresses.Unbind(listener);
        }
    }

    private void Begin(VsockSocket socket, SocketState state)
    {
        socket.State = state;
        socket.Own = new OwnWindow(socket.Options.BufAlloc);
        socket.Received = parts.Connections.BufferOf(socket.Key);
        socket.PeerShutdown = ShutdownFlags.None;
        socket.Error = 0;
    }

    private void Announce(VsockSocket socket, ShutdownFlags shutdown)
    {
        if (socket.OwnShutdown != shutdown)
        {
            socket.OwnShutdown = shutdown;
            socket.IsShutdownDue = true;
            if (!socket.Unsent.IsPending)
            {
                FollowMessage(socket);
            }

            if (shutdown == ShutdownFlags.Both)
            {
                timers.Set(socket, closeTimeout);
            }
        }

        socket.Change();
    }

    private void CloseEnded(VsockSocket socket)
    {
        if (!parts.Connections.FreesEnds(isHeld: true))
        {
            addresses.EndFlow(socket);
        }

        if (parts.Connections.TellsLateClose)
        {
            sender.Control(socket, Op.Rst);
        }
    }

    private void CloseListener(VsockSocket listener)
    {
        listener.State = SocketState.Idle;
        while (listener.Backlog.TryDequeue(out VsockSocket? waiting))
        {
            if (waiting.State == SocketState.Connected)
            {
                Reset(waiting, LinuxErrno.ConnectionReset);
            }
        }
    }

    private void GiveUp(VsockSocket socket)
    {
        if (parts.Connections.TimeoutEndsConnect)
        {
            Abandon(socket, LinuxErrno.TimedOut);
        }
        else
        {
            socket.Error = LinuxErrno.TimedOut;
            socket.Change();
        }
    }

    private void Expired(VsockSocket socket)
    {
        if (socket.State == SocketState.Connecting)
        {
            GiveUp(socket);
        }
        else if (socket.State == SocketState.Connected && parts.Connections.ResetsUnanswered)
        {
            Reset(socket, 0);
        }
    }
}
