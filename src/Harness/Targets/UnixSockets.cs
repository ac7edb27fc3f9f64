using System.Net.Sockets;

namespace Vsockspec.Targets;

/// <summary>Who listens on Unix sockets, without connecting to them: a back-end may serve only one front-end in its life.</summary>
internal static class UnixSockets
{
    /// <summary>sun_path has 108 bytes, the last one for the terminator.</summary>
    public const int MaxPathLength = 107;

    private const uint AcceptsConnections = 0x10000;

    /// <summary>
    /// True when a socket of this network namespace listens under the path, as <c>/proc/net/unix</c> shows it
    /// (<c>__SO_ACCEPTCON</c> in the flags column, linux/net.h).
    /// </summary>
    /// <param name="workingDirectory">From where a relative path in the table is read.</param>
    public static bool IsListening(string path, string workingDirectory) => IsListening(path, workingDirectory, "/proc/net/unix");

    /// <summary>The same of the network namespace of another process.</summary>
    /// <param name="path">As that process names it.</param>
    /// <exception cref="IOException">The process is gone.</exception>
    public static bool IsListening(string path, string workingDirectory, HostProcess process) => IsListening(path, workingDirectory, $"/proc/{process.Id}/net/unix");

    /// <exception cref="TargetException">The path does not fit into a socket address.</exception>
    public static void RefuseLongPath(string path)
    {
        if (path.Length > MaxPathLength)
        {
            throw new TargetException($"the socket path {path} is longer than {MaxPathLength} bytes; use a shorter TMPDIR", manifest: true);
        }
    }

    private static bool IsListening(string path, string workingDirectory, string table)
    {
        foreach (string line in File.ReadLines(table))
        {
            // Num RefCount Protocol Flags Type St Inode Path
            string[] columns = line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length == 8
                && uint.TryParse(columns[3], System.Globalization.NumberStyles.HexNumber, null, out uint flags)
                && (flags & AcceptsConnections) != 0
                && !columns[7].StartsWith('@')
                && Path.GetFullPath(columns[7], workingDirectory) == path)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Connects and hangs up at once. Needed for a listener in another network namespace (a container), which the table does not show.
    /// </summary>
    public static bool AcceptsConnection(string path)
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
