using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Vsockspec.Interop;

namespace Vsockspec.Peers;

/// <summary>How the host application's side of a connection stands.</summary>
public enum HostEnd
{
    /// <summary>More may come.</summary>
    Open,

    /// <summary>Read returned end of file.</summary>
    EndOfFile,

    /// <summary>Read failed, typically ECONNRESET.</summary>
    Error,
}

/// <summary>What became of a connection that the host began.</summary>
public enum HostOutcome
{
    UnderWay,
    Established,

    /// <summary>Closed, or failed, without having been established.</summary>
    Refused,
}

/// <summary>One connection as the host application sees it. Waits happen on the case's timeline, so the rings keep moving meanwhile.</summary>
public sealed class HostConnection : IDisposable
{
    private const int MaxHandshakeLine = 64;
    private readonly Timeline timeline;
    private readonly LocalSocket socket;
    private readonly IOutbox outbox;
    private bool pumped;
    private byte[]? scratch;

    internal HostConnection(Timeline timeline, LocalSocket socket, HostFamily family)
    {
        this.timeline = timeline;
        this.socket = socket;
        Family = family;
        outbox = family == HostFamily.Vsock && socket.Kind == LocalSocketKind.Seqpacket ? new WaitingOutbox(socket, timeline.Patience) : new PolledOutbox(socket);
    }

    public HostFamily Family { get; }

    /// <summary>For data that is dropped; made when it is needed, for there may be thousands of connections.</summary>
    private byte[] Scratch => scratch ??= new byte[64 * 1024];

    /// <summary>What reading has told so far.</summary>
    public HostEnd End { get; private set; }

    /// <summary>For callers that poll.</summary>
    public int Fd => socket.Fd;

    /// <summary>Payload bytes read so far, the handshake line apart.</summary>
    public long BytesRead { get; private set; }

    /// <summary>As <see cref="LocalSocket.RequestSendBuffer"/>; vsock's sockets have buffers of another kind, which stay as they are.</summary>
    public void RequestSendBuffer(int bytes)
    {
        if (Family == HostFamily.Hybrid)
        {
            socket.RequestSendBuffer(bytes);
        }
    }

    /// <summary>Waits until the connection that the host began is complete, and returns the host's port.</summary>
    public uint ExpectEstablished() => Family == HostFamily.Hybrid ? ExpectOk() : ExpectConnected();

    /// <summary>Waits until the connection that the host began is established or refused, and accepts either.</summary>
    /// <exception cref="ExpectationException">The answer on the hybrid socket is none.</exception>
    public HostOutcome Settle()
    {
        if (Family == HostFamily.Vsock)
        {
            SocketOutcome outcome = SocketOutcome.Later;
            _ = timeline.WaitUntil(() => (outcome = socket.FinishConnect()) != SocketOutcome.Later, new PollEntry(socket.Fd, PollEvents.Writable));
            return outcome switch
            {
                SocketOutcome.Done => HostOutcome.Established,
                SocketOutcome.Later => HostOutcome.UnderWay,
                _ => HostOutcome.Refused,
            };
        }

        string line = ReadHandshakeLine();
        return line.StartsWith("OK ", StringComparison.Ordinal) ? HostOutcome.Established
            : line.Length > 0 ? throw new ExpectationException("bad-handshake-answer", "the answer 'OK <port>' on the host socket, or its end", $"'{line}' ({End})")
            : End == HostEnd.Open ? HostOutcome.UnderWay
            : HostOutcome.Refused;
    }

    /// <summary>Reads the <c>OK port</c> answer.</summary>
    private uint ExpectOk()
    {
        string line = ReadHandshakeLine();
        return line.StartsWith("OK ", StringComparison.Ordinal)
            && uint.TryParse(line.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out uint port)
                ? port
                : throw new ExpectationException("bad-handshake-answer", "the answer 'OK <port>' on the host socket", $"'{line}' ({End})");
    }

    private uint ExpectConnected()
    {
        SocketOutcome outcome = SocketOutcome.Later;
        bool settled = timeline.WaitUntil(() => (outcome = socket.FinishConnect()) != SocketOutcome.Later, new PollEntry(socket.Fd, PollEvents.Writable));
        if (outcome == SocketOutcome.Done)
        {
            return socket.LocalAddress().Port;
        }

        if (settled)
        {
            End = HostEnd.Error;
        }

        throw new ExpectationException(
            "host-connect-failed",
            "the host application's connect succeeds after the guest's RESPONSE",
            settled ? $"connect failed: {ErrnoException.Describe(socket.LastError)}" : $"connect still waits after {timeline.Patience.TotalSeconds:0.###} s");
    }

    /// <summary>Waits until the device closes the host connection, as it must when the guest refuses.</summary>
    public void ExpectClosed(string code, string expected)
    {
        if (!TryWaitForEnd())
        {
            throw new ExpectationException(code, expected, $"the host connection stayed open for {timeline.Patience.TotalSeconds:0.###} s");
        }
    }

    /// <summary>Reads and drops data until end of file or an error; false when neither came in time.</summary>
    public bool TryWaitForEnd() =>
        timeline.WaitUntil(
            () =>
            {
                while (End == HostEnd.Open && TryReceive(Scratch, out _))
                {
                }

                return End != HostEnd.Open;
            },
            new PollEntry(socket.Fd, PollEvents.Readable));

    /// <summary>
    /// Sends all of it as an application does that waits in write(2): what the socket does not take now follows while the timeline runs.
    /// How much a host's socket takes beyond the guest's window is the host's own affair. For seqpacket it is one message.
    /// </summary>
    /// <exception cref="ExpectationException">The socket refuses.</exception>
    public void Send(ReadOnlySpan<byte> data)
    {
        if (outbox.Post(data) is var errno and not 0)
        {
            throw new ExpectationException(
                "host-write-failed", $"the host application can write {data.Length} bytes", $"write failed with {ErrnoException.Describe(errno)}");
        }

        if (!outbox.IsEmpty && !pumped)
        {
            pumped = true;
            timeline.Add(outbox);
        }
    }

    /// <summary>Waits until all that was given to <see cref="Send"/> is taken.</summary>
    public void ExpectAllTaken()
    {
        if (!timeline.WaitUntil(() => outbox.IsEmpty))
        {
            throw new ExpectationException(
                "host-write-stuck",
                "the device takes all that the host application writes",
                $"{outbox.Untaken} bytes were not taken within {timeline.Patience.TotalSeconds:0.###} s");
        }
    }

    /// <summary>
    /// Sends what the socket takes now. False when it fails (EPIPE, ECONNRESET). For messages that the guest's window has room for, or that are larger than it: of others
    /// an AF_VSOCK socket may send a part, and nobody learns how much.
    /// </summary>
    public bool TrySend(ReadOnlySpan<byte> data, out int sent) => socket.Send(data, out sent) != SocketOutcome.Failed;

    /// <summary>Receives what is there now: at most the buffer, for seqpacket one message. False when nothing is there or the end was reached (see <see cref="End"/>).</summary>
    public bool TryReceive(Span<byte> buffer, out int received)
    {
        SocketOutcome outcome = socket.Receive(buffer, out received);
        switch (outcome)
        {
            case SocketOutcome.Done:
                BytesRead += received;
                return true;
            case SocketOutcome.EndOfFile:
                End = HostEnd.EndOfFile;
                return false;
            case SocketOutcome.Failed:
                End = HostEnd.Error;
                return false;
            default:
                return false;
        }
    }

    /// <summary>Receives exactly <paramref name="count"/> bytes of a stream.</summary>
    public byte[] ReceiveExactly(int count)
    {
        byte[] data = new byte[count];
        int done = 0;
        _ = timeline.WaitUntil(
            () =>
            {
                while (done < count && TryReceive(data.AsSpan(done), out int n))
                {
                    done += n;
                }

                return done == count || End != HostEnd.Open;
            },
            new PollEntry(socket.Fd, PollEvents.Readable));
        return done == count
            ? data
            : throw new ExpectationException(
                "host-data-missing",
                $"{count} bytes reach the host application",
                $"{done} bytes, then {Describe(End)}");
    }

    /// <summary>Receives one seqpacket message.</summary>
    public byte[] ReceiveMessage(int maximum = 1 << 20)
    {
        byte[] data = new byte[maximum];
        int length = -1;
        _ = timeline.WaitUntil(
            () =>
            {
                if (TryReceive(data, out int n))
                {
                    length = n;
                }

                return length >= 0 || End != HostEnd.Open;
            },
            new PollEntry(socket.Fd, PollEvents.Readable));
        return length >= 0
            ? data[..length]
            : throw new ExpectationException("host-message-missing", "one message reaches the host application", $"none, {Describe(End)}");
    }

    /// <summary>Waits for end of file, which must come without further data.</summary>
    public void ExpectEndOfFile(string code = "no-eof")
    {
        int extra = 0;
        _ = timeline.WaitUntil(
            () =>
            {
                while (End == HostEnd.Open && TryReceive(Scratch, out int n))
                {
                    extra += n;
                }

                return End != HostEnd.Open;
            },
            new PollEntry(socket.Fd, PollEvents.Readable));
        if (End != HostEnd.EndOfFile || extra > 0)
        {
            throw new ExpectationException(code, "end of file at the host application, after all data", $"{extra} more bytes, then {Describe(End)}");
        }
    }

    /// <summary>SO_RCVLOWAT: the application is not woken for fewer bytes.</summary>
    public void SetReceiveLowWater(int bytes) => socket.SetReceiveLowWater(bytes);

    /// <summary>True when poll(2) would wake the application.</summary>
    public bool IsReadable => socket.IsReadable();

    /// <summary>shutdown(2), once all data is taken.</summary>
    public void Shutdown(SocketShutdown how)
    {
        ExpectAllTaken();
        _ = socket.Shutdown(how);
    }

    /// <summary>close(2). With unread data the other end sees a reset, as with any socket. Data that was not taken is dropped.</summary>
    public void Close() => Dispose();

    public void Dispose()
    {
        if (pumped)
        {
            pumped = false;
            timeline.Remove(outbox);
        }

        outbox.Dispose();
        socket.Dispose();
    }

    private static string Describe(HostEnd end) => end switch
    {
        HostEnd.EndOfFile => "end of file",
        HostEnd.Error => "an error (connection reset)",
        _ => "nothing more",
    };

    private string ReadHandshakeLine()
    {
        StringBuilder line = new();
        byte[] one = new byte[socket.Kind == LocalSocketKind.Seqpacket ? MaxHandshakeLine : 1];
        bool complete = false;
        _ = timeline.WaitUntil(
            () =>
            {
                while (!complete && line.Length < MaxHandshakeLine && TryReceive(one, out int n))
                {
                    BytesRead -= n;
                    string text = Encoding.ASCII.GetString(one, 0, n);
                    complete = text.EndsWith('\n');
                    line.Append(text.TrimEnd('\n'));
                }

                return complete || End != HostEnd.Open || line.Length >= MaxHandshakeLine;
            },
            new PollEntry(socket.Fd, PollEvents.Readable));
        return line.ToString();
    }
}
