using System.IO.Pipes;
using System.Net.Sockets;
using System.Text;
using Vsockspec.Interop;

namespace Vsockspec.Targets.Containers;

/// <summary>
/// A small shell that outlives this process, whatever ends it (SIGKILL, a crash), and then removes the containers that were left. It needs no program
/// that speaks HTTP and no helper container: it inherits a connection to the engine that has been used once, so that the engine keeps it open. As the
/// <see cref="Guardian"/> it learns of our end by the end of its standard input.
/// </summary>
internal sealed class ContainerGuardian
{
    // Lines: '+' or '-' (watch or release), then the name of a container. An engine that was just asked to make a container may answer "no such container"
    // and make it all the same: those are asked for once more.
    internal const string Script =
        """
        trap '' INT TERM HUP PIPE
        nl='
        '
        live=$nl
        while IFS= read -r line; do
          item=${line#?}
          case $line in
            +*) live=$live$item$nl ;;
            -*) case $live in *"$nl$item$nl"*) live=${live%%"$nl$item$nl"*}$nl${live#*"$nl$item$nl"} ;; esac ;;
          esac
        done
        remove() {
          printf 'DELETE /containers/%s?force=1&v=1 HTTP/1.1\r\nHost: engine\r\n\r\n' "$1" >&3
          while IFS= read -r answer; do
            case $answer in HTTP/1.?" 404"*) return 1 ;; HTTP/1.*) return 0 ;; esac
          done <&3
          return 0
        }
        set -f
        IFS=$nl
        missing=
        for item in $live; do remove "$item" || missing=$missing$item$nl; done
        [ -z "$missing" ] && exit
        sleep 1
        for item in $missing; do remove "$item"; done
        """;

    private const int StandardInput = 0;
    private const int StandardOutput = 1;
    private const int StandardError = 2;
    private const int Engine = 3;

    /// <summary>For one answer of the engine: it may be busy ending a container.</summary>
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly AnonymousPipeServerStream _line;

    private ContainerGuardian(AnonymousPipeServerStream line) => _line = line;

    /// <exception cref="EngineException">The engine does not answer, or the shell does not start.</exception>
    public static ContainerGuardian Start(string socket)
    {
        AnonymousPipeServerStream line = new(PipeDirection.Out, HandleInheritability.None);
        try
        {
            using Socket engine = Connect(socket);
            using FileStream nothing = new("/dev/null", FileMode.Open, FileAccess.ReadWrite);
            _ = Spawn.InSession(
                "/bin/sh",
                ["-c", Script],
                ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                (line.ClientSafePipeHandle, StandardInput),
                (nothing.SafeFileHandle, StandardOutput),
                (nothing.SafeFileHandle, StandardError),
                (engine.SafeHandle, Engine));
            line.DisposeLocalCopyOfClientHandle();
            return new ContainerGuardian(line);
        }
        catch (Exception e) when (e is SocketException or IOException or ErrnoException)
        {
            line.Dispose();
            throw new EngineException($"nobody can be set to remove containers of {socket} if vsockspec is killed: {e.Message}", inner: e);
        }
    }

    /// <param name="name">Of the container; it need not exist yet.</param>
    public void Watch(string name) => Tell($"+{name}");

    public void Release(string name) => Tell($"-{name}");

    private void Tell(string text)
    {
        lock (_gate)
        {
            try
            {
                _line.Write(Encoding.UTF8.GetBytes(text + '\n'));
                _line.Flush();
            }
            catch (IOException)
            {
                // Somebody killed the guardian: what we start is still removed by us, only not after a SIGKILL of ourselves.
            }
        }
    }

    /// <summary>A connection that has had one exchange: an engine closes one on which it waits long for the first request.</summary>
    private static Socket Connect(string path)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.ReceiveTimeout = (int)AnswerPatience.TotalMilliseconds;
            socket.SendTimeout = socket.ReceiveTimeout;
            socket.Connect(new UnixDomainSocketEndPoint(path));
            socket.Send("HEAD /_ping HTTP/1.1\r\nHost: engine\r\n\r\n"u8);
            ReadHead(socket);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Reads an answer without a body.</summary>
    private static void ReadHead(Socket socket)
    {
        const int Enough = 16 << 10;
        byte[] buffer = new byte[Enough];
        int length = 0;
        while (!buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
        {
            int n = length < Enough ? socket.Receive(buffer, length, Enough - length, SocketFlags.None) : 0;
            if (n == 0)
            {
                throw new IOException("the engine's answer to a ping has no end");
            }

            length += n;
        }
    }
}
