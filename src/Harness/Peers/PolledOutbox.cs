using Vsockspec.Interop;

namespace Vsockspec.Peers;

/// <summary>The outbox of a socket that takes a part of a stream and all or nothing of a message: it is written to whenever there is room.</summary>
internal sealed class PolledOutbox(LocalSocket socket) : IOutbox
{
    private readonly Queue<byte[]> pending = [];
    private int taken;

    public bool IsEmpty => pending.Count == 0;

    public long Untaken => pending.Sum(data => (long)data.Length) - taken;

    public int Post(ReadOnlySpan<byte> data)
    {
        pending.Enqueue(data.ToArray());
        return Flush() ? 0 : socket.LastError;
    }

    public void Pump() => Flush();

    public int PrepareToSleep(Span<PollEntry> entries)
    {
        if (IsEmpty)
        {
            return 0;
        }

        entries[0] = new PollEntry(socket.Fd, PollEvents.Writable);
        return 1;
    }

    public void Woken(ReadOnlySpan<PollEntry> entries)
    {
        // The next pump writes.
    }

    public void Dispose() => pending.Clear();

    /// <summary>Writes what the socket takes now. False when it fails; what was not written is then dropped, as nobody can write it any more.</summary>
    private bool Flush()
    {
        while (pending.TryPeek(out byte[]? data))
        {
            SocketOutcome outcome = socket.Send(data.AsSpan(taken), out int n);
            taken += n;
            if (outcome == SocketOutcome.Failed)
            {
                pending.Clear();
                taken = 0;
                return false;
            }

            if (outcome == SocketOutcome.Later)
            {
                return true;
            }

            if (taken == data.Length)
            {
                pending.Dequeue();
                taken = 0;
            }
        }

        return true;
    }
}
