using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>Where host applications connect to reach a port of the guest. The socket file is removed on dispose.</summary>
internal sealed class HostListener : IWatcher, IExpiring, IDisposable
{
    private const int Backlog = 128;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly ReferenceOptions options;
    private readonly SocketType type;
    private readonly EventLoop loop;
    private readonly Timers timers;
    private readonly Flows flows;
    private readonly ScatterSocket socket;
    private readonly HashSet<HostHandshake> handshakes = [];
    private readonly int watch;

    /// <exception cref="ErrnoException">The path is taken or cannot be used.</exception>
    public HostListener(ReferenceOptions options, SocketType type, EventLoop loop, Timers timers, Flows flows)
    {
        this.options = options;
        this.type = type;
        this.loop = loop;
        this.timers = timers;
        this.flows = flows;
        string path = type == SocketType.Seqpacket ? options.Uds + "_seqpacket" : options.Uds;
        socket = ScatterSocket.Listen(path, type == SocketType.Seqpacket ? ScatterSocketKind.Seqpacket : ScatterSocketKind.Stream, Backlog);
        watch = loop.Watch(socket.Fd, EpollEvents.Readable | EpollEvents.EdgeTriggered, this);
    }

    public void Ready(EpollEvents events)
    {
        while (socket.TryAccept(out int errno) is var accepted)
        {
            if (accepted is null)
            {
                if (errno != 0)
                {
                    // Out of descriptors or memory: the connection waits in the backlog, and no edge will tell of it again.
                    timers.Set(this, RetryAfter);
                }

                return;
            }

            Begin(accepted);
        }
    }

    public void Expire() => Ready(EpollEvents.Readable);

    /// <summary>The line was not one, did not come in time, or the host application went away.</summary>
    public void Close(HostHandshake handshake)
    {
        End(handshake);
        handshake.Socket.Dispose();
    }

    /// <summary>The host application named the port.</summary>
    public void Finish(HostHandshake handshake, uint port)
    {
        End(handshake);
        flows.Connect(handshake.Socket, handshake.Type, port);
    }

    public void Dispose()
    {
        foreach (HostHandshake handshake in handshakes.ToArray())
        {
            Close(handshake);
        }

        timers.Cancel(this);
        loop.Unwatch(watch);
        socket.Dispose();
    }

    private void Begin(ScatterSocket accepted)
    {
        if (!flows.HasRoom(flows.HandshakesUnderWay))
        {
            accepted.Dispose();
            return;
        }

        HostHandshake handshake = new(accepted, type, this);
        handshakes.Add(handshake);
        flows.HandshakesUnderWay++;
        timers.Set(handshake, options.ConnectTimeout);
        handshake.Watch = loop.Watch(accepted.Fd, EpollEvents.Readable | EpollEvents.PeerClosed | EpollEvents.EdgeTriggered, handshake);
    }

    private void End(HostHandshake handshake)
    {
        handshakes.Remove(handshake);
        flows.HandshakesUnderWay--;
        timers.Cancel(handshake);
        loop.Unwatch(handshake.Watch);
    }
}
