using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>A listening host application.</summary>
public sealed class HostListener : IDisposable
{
    private readonly Timeline timeline;
    private readonly LocalSocket socket;
    private readonly string? path;
    private readonly ICollection<IDisposable> opened;

    /// <param name="path">The socket's file, removed with it; null when it has none.</param>
    /// <param name="opened">
    /// Keeps what is accepted until the peer is disposed: a connection that nobody holds would be closed whenever the garbage collector finds it.
    /// </param>
    internal HostListener(Timeline timeline, LocalSocket socket, string? path, uint port, SocketType type, ICollection<IDisposable> opened)
    {
        this.opened = opened;
        this.timeline = timeline;
        this.socket = socket;
        this.path = path;
        Port = port;
        Type = type;
    }

    public uint Port { get; }

    public SocketType Type { get; }

    /// <summary>For callers that poll.</summary>
    public int Fd => socket.Fd;

    /// <summary>A connection that is waiting, or null.</summary>
    public HostConnection? TryAccept()
    {
        if (socket.Accept() is not { } accepted)
        {
            return null;
        }

        HostConnection connection = new(timeline, accepted, Family);
        opened.Add(connection);
        return connection;
    }

    private HostFamily Family => path is null ? HostFamily.Vsock : HostFamily.Hybrid;

    /// <summary>Waits for the connection that the device must make.</summary>
    public HostConnection Accept()
    {
        HostConnection? connection = null;
        return timeline.WaitUntil(() => (connection = TryAccept()) is not null, new PollEntry(socket.Fd, PollEvents.Readable))
            ? connection!
            : throw new ExpectationException(
                "no-host-connection",
                $"the device connects to host port {Port}",
                $"no connection within {timeline.Patience.TotalSeconds:0.###} s");
    }

    public void Dispose()
    {
        if (!socket.IsClosed)
        {
            socket.Dispose();
            if (path is not null)
            {
                File.Delete(path);
            }
        }
    }
}
