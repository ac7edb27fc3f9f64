using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// Hybrid vsock over Unix sockets, as Firecracker, cloud-hypervisor and vhost-device-vsock do it: guests reach
/// <c>PREFIX_PORT</c>; the host connects to <c>PREFIX</c> and says <c>CONNECT PORT</c>. Seqpacket uses sockets of that kind; the host
/// then connects to <c>PREFIX_seqpacket</c> (our convention, docs/reference-device.md).
/// </summary>
/// <param name="forEveryone">Whether users other than ours may connect to what is listened on; only where the folder keeps others out.</param>
public sealed class HybridHostPeer(Timeline timeline, string prefix, bool forEveryone = false) : IHostPeer
{
    private const UnixFileMode Everyone =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private readonly List<IDisposable> opened = [];

    public static string PathOf(string prefix, uint port) => $"{prefix}_{port}";

    public HostListener Listen(uint port, SocketType type = SocketType.Stream, int backlog = 128)
    {
        string path = PathOf(prefix, port);
        LocalSocket socket = LocalSocket.Create(KindOf(type));
        try
        {
            socket.Listen(path, backlog);
            if (forEveryone)
            {
                File.SetUnixFileMode(path, Everyone);
            }
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        HostListener listener = new(timeline, socket, path, port, type, opened);
        opened.Add(listener);
        return listener;
    }

    public HostConnection Connect(uint guestPort, SocketType type = SocketType.Stream)
    {
        HostConnection connection = OpenControl(type);
        connection.Send(System.Text.Encoding.ASCII.GetBytes($"CONNECT {guestPort}\n"));
        return connection;
    }

    public HostConnection OpenControl(SocketType type = SocketType.Stream)
    {
        string path = type == SocketType.Seqpacket ? prefix + "_seqpacket" : prefix;
        LocalSocket socket = LocalSocket.Create(KindOf(type));
        SocketOutcome outcome = SocketOutcome.Later;
        bool settled = timeline.WaitUntil(() => (outcome = socket.Connect(path)) != SocketOutcome.Later);
        if (!settled || outcome != SocketOutcome.Done)
        {
            int errno = socket.LastError;
            socket.Dispose();
            throw new ExpectationException(
                "host-socket-unreachable",
                $"the backend listens on its host socket {Path.GetFileName(path)}",
                settled ? $"connect failed with errno {errno}" : "the socket's backlog stayed full");
        }

        HostConnection connection = new(timeline, socket, HostFamily.Hybrid);
        opened.Add(connection);
        return connection;
    }

    public void Dispose()
    {
        foreach (IDisposable item in opened)
        {
            item.Dispose();
        }
    }

    private static LocalSocketKind KindOf(SocketType type) => type == SocketType.Seqpacket ? LocalSocketKind.Seqpacket : LocalSocketKind.Stream;
}
