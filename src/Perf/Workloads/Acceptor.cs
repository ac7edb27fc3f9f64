using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Perf.Workloads;

/// <summary>A host application that accepts connections and closes each at once, on a thread of its own, until it is disposed.</summary>
internal sealed class Acceptor : IDisposable
{
    private readonly HostListener listener;
    private readonly EventFd stop = new();
    private readonly Thread thread;
    private volatile string? fault;

    public Acceptor(HostListener listener)
    {
        this.listener = listener;
        thread = new Thread(Serve) { IsBackground = true, Name = "accepting host application" };
        thread.Start();
    }

    /// <summary>What kept it from accepting; null when nothing did.</summary>
    public string? Fault => fault;

    public void Dispose()
    {
        _ = stop.Signal();
        thread.Join();
        stop.Dispose();
    }

    private void Serve()
    {
        try
        {
            using CpuAffinity? place = Placement.HostEnd();
            Span<PollEntry> entries = [new PollEntry(listener.Fd, PollEvents.Readable), new PollEntry(stop.Fd, PollEvents.Readable)];
            while (entries[1].Ready == PollEvents.None)
            {
                _ = Poll.Wait(entries, -1);
                while (listener.TryAccept() is { } connection)
                {
                    connection.Close();
                }
            }
        }
        catch (ErrnoException e)
        {
            fault = $"the host application could not accept: {e.Message}";
        }
    }
}
