using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Reference.Driver;

/// <summary>
/// The line to the client of the agent protocol: frames in, frames out. What the client does not read waits here, and is bounded by the calls that
/// may be under way.
/// </summary>
internal sealed class AgentLine : IWatcher, IExpiring, IDisposable
{
    /// <summary>A frame whose rest has not come for so long never gets whole.</summary>
    private static readonly TimeSpan HalfFramePatience = TimeSpan.FromMilliseconds(500);

    private const int MostWaiting = 2 * AgentProtocol.MaxConcurrentCalls;

    private readonly UnixStream stream;
    private readonly EventLoop loop;
    private readonly Timers timers;
    private readonly Action<Frame> take;
    private readonly FrameReader frames = new();
    private readonly Queue<byte[]> unsent = new();
    private readonly byte[] piece = new byte[16 << 10];
    private readonly int watch;
    private int sentOfFirst;

    public AgentLine(UnixStream stream, EventLoop loop, Timers timers, Action<Frame> take)
    {
        this.stream = stream;
        this.loop = loop;
        this.timers = timers;
        this.take = take;
        watch = loop.Watch(stream.Fd, EpollEvents.Readable, this);
    }

    /// <summary>The client hung up.</summary>
    public bool IsClosed { get; private set; }

    public void Ready(EpollEvents events)
    {
        if (IsClosed)
        {
            return;
        }

        Flush();
        StreamMove move = stream.Receive(piece);
        if (move.State == StreamState.Closed)
        {
            Close();
            return;
        }

        frames.Add(piece.AsSpan(0, move.Count));
        TakeFrames();
    }

    public void Expire()
    {
        frames.GiveUpHalf();
        TakeFrames();
    }

    public void Send(FrameKind kind, uint id, ReadOnlySpan<byte> payload)
    {
        if (IsClosed)
        {
            return;
        }

        if (unsent.Count == MostWaiting)
        {
            // It reads nothing and goes on asking.
            Close();
            return;
        }

        bool wasIdle = unsent.Count == 0;
        unsent.Enqueue(FrameWriter.ToBytes(kind, id, payload));
        Flush();
        if (wasIdle && unsent.Count > 0)
        {
            loop.Change(watch, EpollEvents.Readable | EpollEvents.Writable);
        }
    }

    public void Dispose()
    {
        timers.Cancel(this);
        loop.Unwatch(watch);
        stream.Dispose();
    }

    private void TakeFrames()
    {
        while (!IsClosed && frames.TryRead(out Frame frame))
        {
            take(frame);
        }

        if (frames.IsHalfway)
        {
            timers.Set(this, HalfFramePatience);
        }
        else
        {
            timers.Cancel(this);
        }
    }

    private void Flush()
    {
        if (unsent.Count == 0)
        {
            return;
        }

        while (unsent.TryPeek(out byte[]? first))
        {
            StreamMove move = stream.Send(first.AsSpan(sentOfFirst));
            sentOfFirst += move.Count;
            if (move.State == StreamState.Closed)
            {
                Close();
                return;
            }

            if (sentOfFirst == first.Length)
            {
                unsent.Dequeue();
                sentOfFirst = 0;
            }
            else if (move.State == StreamState.WouldBlock)
            {
                return;
            }
        }

        loop.Change(watch, EpollEvents.Readable);
    }

    private void Close()
    {
        IsClosed = true;
        unsent.Clear();
    }
}
