using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// The host applications of a transfer, however many, on one thread: it serves whichever socket is ready and never waits for a single one. It begins when it is told to,
/// and ends when all have done their part, when one cannot, or when it is disposed.
/// </summary>
internal sealed class HostSide : IDisposable
{
    private const int MostReady = 64;

    /// <summary>Calls that one application makes before the next has its turn, when they are many.</summary>
    private const int FewestCalls = 16;
    private const int MostCalls = 1024;
    private const ulong StopToken = ulong.MaxValue;
    private readonly IReadOnlyList<IHostApplication> applications;
    private readonly Epoll epoll = new();
    private readonly EventFd begin = new();
    private readonly EventFd stop = new();
    private readonly Thread thread;
    private volatile bool isDone;
    private volatile string? fault;
    private long moved;

    public HostSide(IReadOnlyList<IHostApplication> applications)
    {
        this.applications = applications;
        thread = new Thread(Serve) { IsBackground = true, Name = "host applications" };
        thread.Start();
    }

    /// <summary>True once nothing more happens, for whatever reason.</summary>
    public bool IsDone => isDone;

    /// <summary>What kept an application from its part; null when nothing did.</summary>
    public string? Fault => fault;

    /// <summary>Bytes read and written so far.</summary>
    public long Moved => Volatile.Read(ref moved);

    /// <summary>Timestamp of the last byte; valid when <see cref="IsDone"/>.</summary>
    public long FinishedAt { get; private set; }

    /// <summary>Nanoseconds on a processor; valid when <see cref="IsDone"/>.</summary>
    public long Cpu { get; private set; }

    /// <summary>Bytes allocated by the thread while it served; valid when <see cref="IsDone"/>.</summary>
    public long Allocated { get; private set; }

    public void Begin() => begin.Signal();

    /// <summary>Waits until <see cref="IsDone"/>: for callers whose other end is not a target.</summary>
    public void Join() => thread.Join();

    public void Dispose()
    {
        _ = stop.Signal();
        thread.Join();
        epoll.Dispose();
        begin.Dispose();
        stop.Dispose();
    }

    private void Serve()
    {
        using CpuAffinity? place = Placement.HostEnd();
        long cpu = 0;
        long allocated = 0;
        try
        {
            for (int i = 0; i < applications.Count; i++)
            {
                epoll.Add(applications[i].Socket.Fd, applications[i].Interest, (ulong)i);
            }

            epoll.Add(stop.Fd, EpollEvents.Readable, StopToken);
            if (AwaitBegin())
            {
                cpu = CpuClock.OfThisThread();
                allocated = GC.GetAllocatedBytesForCurrentThread();
                ServeAll();
            }
        }
        catch (Exception e) when (e is PerfException or ErrnoException)
        {
            fault = e.Message;
        }
        finally
        {
            FinishedAt = Stopwatch.GetTimestamp();
            Allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Cpu = CpuClock.OfThisThread() - cpu;
            isDone = true;
        }
    }

    /// <summary>False when it is disposed first.</summary>
    private bool AwaitBegin()
    {
        Span<PollEntry> entries = [new PollEntry(begin.Fd, PollEvents.Readable), new PollEntry(stop.Fd, PollEvents.Readable)];
        while (Poll.Wait(entries, -1) == 0)
        {
        }

        return entries[1].Ready == PollEvents.None;
    }

    private void ServeAll()
    {
        Span<EpollEvent> ready = stackalloc EpollEvent[MostReady];
        int calls = Math.Max(FewestCalls, MostCalls / applications.Count);
        int left = applications.Count;
        while (left > 0)
        {
            int count = epoll.Wait(ready, -1);
            for (int i = 0; i < count; i++)
            {
                if (ready[i].Token == StopToken)
                {
                    return;
                }

                IHostApplication application = applications[(int)ready[i].Token];
                EpollEvents before = application.Interest;
                Volatile.Write(ref moved, moved + application.Move(calls));
                if (application.IsDone)
                {
                    epoll.Remove(application.Socket.Fd);
                    left--;
                }
                else if (application.Interest != before)
                {
                    epoll.Modify(application.Socket.Fd, application.Interest, ready[i].Token);
                }
            }
        }
    }
}
