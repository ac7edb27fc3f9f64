using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Peers;

/// <summary>
/// The outbox of an AF_VSOCK seqpacket socket: messages wait for the peer's credit inside sendmsg(2), on a thread of their own. A call that does not wait sends the part
/// that the credit covers and then says EAGAIN (net/vmw_vsock/af_vsock.c, vsock_connectible_sendmsg), so whoever calls again sends that part twice: see docs/findings.md.
/// </summary>
/// <param name="patience">How long a message that the socket has room for may take.</param>
internal sealed class WaitingOutbox(LocalSocket socket, TimeSpan patience) : IOutbox
{
    /// <summary>Nothing tells when the thread begins to wait, so the socket is looked at so often.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(1);

    private readonly object gate = new();
    private readonly Queue<byte[]> pending = [];
    private readonly EventFd told = new();
    private Thread? sender;
    private int error;
    private bool closed;

    public bool IsEmpty
    {
        get
        {
            lock (gate)
            {
                return pending.Count == 0;
            }
        }
    }

    public long Untaken
    {
        get
        {
            lock (gate)
            {
                return pending.Sum(message => (long)message.Length);
            }
        }
    }

    /// <summary>Returns when the message is taken, or waits as an application would because the socket has no room: what is sent elsewhere afterwards comes after it.</summary>
    public int Post(ReadOnlySpan<byte> data)
    {
        lock (gate)
        {
            error = 0;
            pending.Enqueue(data.ToArray());
            Monitor.PulseAll(gate);
        }

        Pump();
        lock (gate)
        {
            long begin = Stopwatch.GetTimestamp();
            while (sender is not null && pending.Count > 0 && HasRoom() && Stopwatch.GetElapsedTime(begin) < patience)
            {
                Monitor.Wait(gate, LookAgain);
            }

            return error;
        }
    }

    /// <summary>Begins to send once the connection stands.</summary>
    public void Pump()
    {
        if (sender is not null || IsEmpty)
        {
            return;
        }

        switch (socket.FinishConnect())
        {
            case SocketOutcome.Done:
                socket.LetSendsWait();
                sender = new Thread(SendAll) { IsBackground = true, Name = "host messages" };
                sender.Start();
                break;
            case SocketOutcome.Failed:
                Drop(socket.LastError);
                break;
        }
    }

    public int PrepareToSleep(Span<PollEntry> entries)
    {
        if (IsEmpty)
        {
            return 0;
        }

        entries[0] = sender is null ? new PollEntry(socket.Fd, PollEvents.Writable) : new PollEntry(told.Fd, PollEvents.Readable);
        return 1;
    }

    public void Woken(ReadOnlySpan<PollEntry> entries) => told.Drain();

    /// <summary>Ends the thread. A message that still waits is given up, which takes that the socket sends no more.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (closed)
            {
                return;
            }

            closed = true;
            if (sender is not null && pending.Count > 0)
            {
                _ = socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            }

            Monitor.PulseAll(gate);
        }

        sender?.Join();
        told.Dispose();
    }

    private bool HasRoom()
    {
        // An end or an error counts as well: the call then fails at once.
        Span<PollEntry> entry = [new PollEntry(socket.Fd, PollEvents.Writable)];
        return Poll.Wait(entry, 0) > 0;
    }

    private void SendAll()
    {
        while (Next() is { } message)
        {
            int errno = socket.SendWaiting(message);
            lock (gate)
            {
                if (errno == 0)
                {
                    pending.Dequeue();
                }
                else
                {
                    Drop(errno);
                }

                Monitor.PulseAll(gate);
            }

            _ = told.Signal();
        }
    }

    /// <summary>Null when there will be no more.</summary>
    private byte[]? Next()
    {
        lock (gate)
        {
            while (pending.Count == 0 && !closed)
            {
                Monitor.Wait(gate);
            }

            return closed ? null : pending.Peek();
        }
    }

    private void Drop(int errno)
    {
        lock (gate)
        {
            error = errno;
            pending.Clear();
        }
    }
}
