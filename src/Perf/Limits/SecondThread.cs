using System.Diagnostics.CodeAnalysis;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Limits;

/// <summary>The other thread of a limit. Every wait in it has a deadline, so that it ends by itself; what stopped it is thrown by <see cref="Join"/>.</summary>
internal sealed class SecondThread
{
    private readonly Thread thread;
    private Exception? fault;

    private SecondThread(Action body, Func<CpuAffinity?> place)
    {
        thread = new Thread(() => Run(body, place)) { IsBackground = true };
        thread.Start();
    }

    /// <param name="place">Its processor; null: that of the host application's end, as in a workload.</param>
    public static SecondThread Start(Action body, Func<CpuAffinity?>? place = null) => new(body, place ?? Placement.HostEnd);

    /// <exception cref="PerfException">It failed.</exception>
    public void Join()
    {
        if (!thread.Join(Waiting.Longest + Waiting.Longest))
        {
            throw new PerfException("the second thread of a limit did not end");
        }

        if (fault is not null)
        {
            throw new PerfException($"the second thread of a limit failed: {fault.Message}");
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Nobody is above this thread; Join throws what was caught.")]
    private void Run(Action body, Func<CpuAffinity?> place)
    {
        try
        {
            using CpuAffinity? placed = place();
            body();
        }
        catch (Exception e)
        {
            fault = e;
        }
    }
}

/// <summary>Waits of the limits: none is longer than <see cref="Longest"/>, so that a machine that stands still ends a measurement and not the program.</summary>
internal static class Waiting
{
    private const int LooksBetweenClocks = 256;

    /// <summary>A limit's exchange takes microseconds.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Sleeps until the descriptor is ready.</summary>
    /// <exception cref="PerfException">It was not in time.</exception>
    public static void Sleep(int fd, PollEvents events)
    {
        Span<PollEntry> entry = [new PollEntry(fd, events)];
        Sleep(entry);
    }

    /// <summary>Sleeps until one of the descriptors is ready.</summary>
    /// <exception cref="PerfException">None was in time.</exception>
    public static void Sleep(Span<PollEntry> entries)
    {
        Deadline deadline = Deadline.In(Longest);
        while (Poll.Wait(entries, deadline.PollTimeout) == 0)
        {
            if (deadline.HasPassed)
            {
                throw TookTooLong();
            }
        }
    }

    /// <summary>Sleeps until the counter was signalled, and takes it.</summary>
    public static void Take(EventFd counter)
    {
        while (counter.Drain() == 0)
        {
            Sleep(counter.Fd, PollEvents.Readable);
        }
    }

    /// <summary>Looks at the socket without sleeping until the buffer is full.</summary>
    /// <exception cref="PerfException">It did not become full in time, or the other end has gone.</exception>
    public static void Spin(LocalSocket socket, Span<byte> buffer)
    {
        Deadline deadline = Deadline.In(Longest);
        for (int looks = 1; !buffer.IsEmpty; looks++)
        {
            switch (socket.Receive(buffer, out int n))
            {
                case SocketOutcome.Done:
                    buffer = buffer[n..];
                    break;
                case SocketOutcome.Later when looks % LooksBetweenClocks != 0:
                    break;
                case SocketOutcome.Later when !deadline.HasPassed:
                    // Perhaps the other end waits for this processor.
                    _ = Thread.Yield();
                    break;
                case SocketOutcome.Later:
                    throw TookTooLong();
                default:
                    throw new PerfException("the other end of a socket pair has gone");
            }
        }
    }

    /// <summary>Receives until the buffer is full, sleeping while nothing is there.</summary>
    public static void Receive(LocalSocket socket, Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            switch (socket.Receive(buffer, out int n))
            {
                case SocketOutcome.Done:
                    buffer = buffer[n..];
                    break;
                case SocketOutcome.Later:
                    Sleep(socket.Fd, PollEvents.Readable);
                    break;
                default:
                    throw new PerfException("the other end of a socket pair has gone");
            }
        }
    }

    /// <summary>Sends all of it, sleeping while there is no room.</summary>
    public static void Send(LocalSocket socket, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            switch (socket.Send(data, out int n))
            {
                case SocketOutcome.Done:
                    data = data[n..];
                    break;
                case SocketOutcome.Later:
                    Sleep(socket.Fd, PollEvents.Writable);
                    break;
                default:
                    throw new PerfException("the other end of a socket pair has gone");
            }
        }
    }

    private static PerfException TookTooLong() => new($"nothing moved for {Longest.TotalSeconds:0} s in a limit of the machine itself");
}
