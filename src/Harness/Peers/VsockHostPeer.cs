using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// The host application on AF_VSOCK sockets, for a device in this machine's kernel. Guests reach its listeners under any CID of the host;
/// it reaches the guest by its CID.
/// </summary>
/// <param name="guestCid">Whom <see cref="Connect"/> calls.</param>
/// <param name="permit">Shows that the family is ours to use.</param>
public sealed class VsockHostPeer(Timeline timeline, ulong guestCid, VsockPermit permit) : IHostPeer
{
    private readonly List<IDisposable> opened = [];

    /// <summary>
    /// Bytes of buffer of sockets made from now on (SO_VM_SOCKETS_BUFFER_SIZE), which the guest sees as buf_alloc; null leaves the kernel's
    /// own size, 256 KiB.
    /// </summary>
    public ulong? BufferSize { get; set; }

    /// <exception cref="ErrnoException">The port is taken.</exception>
    public HostListener Listen(uint port, SocketType type = SocketType.Stream, int backlog = 128)
    {
        LocalSocket socket = NewSocket(type);
        try
        {
            socket.Listen(new VsockAddress((uint)Cid.Any32, port), backlog);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        HostListener listener = new(timeline, socket, path: null, port, type, opened);
        opened.Add(listener);
        return listener;
    }

    public HostConnection Connect(uint guestPort, SocketType type = SocketType.Stream)
    {
        LocalSocket socket = NewSocket(type);
        socket.SetVsockConnectTimeout(timeline.Patience);
        if (socket.Connect(new VsockAddress((uint)guestCid, guestPort)) == SocketOutcome.Failed)
        {
            int errno = socket.LastError;
            socket.Dispose();
            throw new ExpectationException(
                "host-connect-refused", $"a host application can begin to connect to CID {guestCid}", $"connect failed at once: {ErrnoException.Describe(errno)}");
        }

        HostConnection connection = new(timeline, socket, HostFamily.Vsock);
        opened.Add(connection);
        return connection;
    }

    /// <summary>Null: a vsock socket has no handshake of its own.</summary>
    public HostConnection? OpenControl(SocketType type = SocketType.Stream) => null;

    public void Dispose()
    {
        foreach (IDisposable item in opened)
        {
            item.Dispose();
        }
    }

    private LocalSocket NewSocket(SocketType type)
    {
        LocalSocket socket = LocalSocket.Create(type == SocketType.Seqpacket ? LocalSocketKind.Seqpacket : LocalSocketKind.Stream, permit);
        if (BufferSize is { } size)
        {
            socket.SetVsockBuffer(size);
        }

        return socket;
    }
}
