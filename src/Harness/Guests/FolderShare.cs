using System.ComponentModel;
using System.Net.Sockets;
using Tmds.Linux;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// A virtiofsd that serves one folder of this machine to one lab. It ends with its one connection, which is made before it starts and which QEMU inherits: so it ends by itself also when we are
/// gone before QEMU is there.
/// </summary>
internal sealed class FolderShare : IDisposable
{
    private readonly TargetProcess _daemon;

    private readonly Socket _connection;

    private FolderShare(TargetProcess daemon, Socket connection)
    {
        _daemon = daemon;
        _connection = connection;
    }

    public IReadOnlyList<string> LastLines => _daemon.LastLines;

    public bool HasExited => _daemon.HasExited;

    /// <summary>
    /// Starts the daemon on a socket that listens already: there is something to connect to, and QEMU's virtiofsd leaves no file of its own under
    /// /run, as it does for a socket it makes.
    /// </summary>
    /// <param name="socket">Path for the socket, which is not there yet.</param>
    /// <exception cref="LabException">The daemon does not start.</exception>
    public static FolderShare Start(LabTools tools, string folder, string socket)
    {
        // In a user namespace virtiofsd cannot open the files of others with O_NOATIME, as overlayfs opens them: EPERM at the first program.
        if (LibC.geteuid() != 0)
        {
            throw new LabException("the lab needs root, for virtiofsd shares this machine's files with it: run it with sudo, or in a container");
        }

        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Socket connection = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            UnixDomainSocketEndPoint place = new(socket);
            listener.Bind(place);
            listener.Listen(1);
            connection.Connect(place);
            using Inheritance inherited = new(listener.SafeHandle);
            TargetProcess daemon = TargetProcess.Start(
                CommandLine(tools, folder, inherited.Fd),
                new Dictionary<string, string>(StringComparer.Ordinal),
                "/");
            return new FolderShare(daemon, connection);
        }
        catch (Win32Exception e)
        {
            connection.Dispose();
            throw new LabException($"{tools.VirtioFs}: {e.Message}; install it again: sudo apt-get install -y --reinstall qemu-system-common", e);
        }
    }

    /// <summary>Programs that are started while this lives inherit the connection.</summary>
    public Inheritance Inherit() => new(_connection.SafeHandle);

    /// <summary>Somebody else has the connection; the daemon ends with theirs.</summary>
    public void Leave() => _connection.Dispose();

    /// <summary>
    /// QEMU's virtiofsd takes all its settings as -o; the one in Rust understands these too. cache=always is for what does not change while the
    /// lab runs; what is written goes through to this machine either way. chroot instead of namespaces works in containers.
    /// </summary>
    internal static IReadOnlyList<string> CommandLine(LabTools tools, string folder, int socket) =>
        [tools.VirtioFs, $"--fd={socket}", "-o", $"source={Escape(folder)}", "-o", "cache=always", "-o", "sandbox=chroot"];

    public void Dispose()
    {
        _daemon.Dispose();
        _connection.Dispose();
    }

    /// <summary>A comma ends an option, unless it is escaped (fuse_opt_parse).</summary>
    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);
}
