using System.Buffers.Text;
using System.Text;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>
/// A host application that has connected and not yet named its port with <c>CONNECT &lt;port&gt;\n</c>. Exactly the line is taken from a
/// stream; what follows belongs to the flow. Anything else than that line closes the connection.
/// </summary>
internal sealed class HostHandshake(ScatterSocket socket, SocketType type, HostListener listener) : IWatcher, IExpiring
{
    /// <summary>Longest line, newline included; <c>CONNECT 4294967295\n</c> has 19 bytes.</summary>
    public const int MaxLine = 32;

    public ScatterSocket Socket => socket;

    public SocketType Type => type;

    public int Watch { get; set; }

    /// <summary>Writes <c>OK &lt;port&gt;\n</c>; false when the host application is gone.</summary>
    public static bool TryAnswer(ScatterSocket socket, uint hostPort)
    {
        Span<byte> line = stackalloc byte[MaxLine];
        "OK "u8.CopyTo(line);
        Utf8Formatter.TryFormat(hostPort, line[3..], out int digits);
        line[3 + digits] = (byte)'\n';
        return socket.TrySend(line[..(4 + digits)]);
    }

    /// <summary>Decodes a whole line, newline included.</summary>
    public static bool TryParse(ReadOnlySpan<byte> line, out uint port)
    {
        port = 0;
        ReadOnlySpan<byte> verb = "CONNECT "u8;
        if (!line.StartsWith(verb) || line[^1] != (byte)'\n')
        {
            return false;
        }

        ReadOnlySpan<byte> number = line[verb.Length..^1];
        return Utf8Parser.TryParse(number, out port, out int used) && used == number.Length && Ascii.IsValid(number) && char.IsAsciiDigit((char)number[0]);
    }

    public void Ready(EpollEvents events)
    {
        Span<byte> buffer = stackalloc byte[MaxLine];
        ScatterResult peeked = type == SocketType.Seqpacket ? socket.Receive(buffer) : socket.Peek(buffer);
        if (peeked.WouldBlock)
        {
            return;
        }

        ReadOnlySpan<byte> seen = buffer[..peeked.Count];
        int end = seen.IndexOf((byte)'\n');
        if (end < 0 && peeked.Count is > 0 and < MaxLine && type == SocketType.Stream && (events & EpollEvents.PeerClosed) == 0)
        {
            return;
        }

        if (end < 0 || !TryParse(seen[..(end + 1)], out uint port))
        {
            listener.Close(this);
            return;
        }

        if (type == SocketType.Stream)
        {
            socket.Receive(buffer[..(end + 1)]);
        }

        listener.Finish(this, port);
    }

    public void Expire() => listener.Close(this);
}
