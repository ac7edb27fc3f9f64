using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Peers;

/// <summary>Something that makes progress only when it is looked at: a driver's rings, a guest's channel.</summary>
public interface IPumped
{
    /// <summary>Takes in everything that has happened. Never blocks.</summary>
    void Pump();

    /// <summary>
    /// Called before the timeline sleeps. Adds what to poll to <paramref name="entries"/> and returns how many, or -1 when
    /// there is work to do already.
    /// </summary>
    int PrepareToSleep(Span<PollEntry> entries);

    /// <summary>Called after the sleep with the entries it added.</summary>
    void Woken(ReadOnlySpan<PollEntry> entries);
}

/// <summary>
/// The one timeline of a case: packets, host sockets and control messages are waited for in one place, on one thread, against a
/// deadline. Nothing here waits a fixed time.
/// </summary>
public sealed class Timeline(TimeSpan patience)
{
    private const int MaxEntriesPerSource = 8;

    // A wait looks at the rings again this often even when nobody woke it, so that a lost notification is the business of the
    // cases about notifications and does not fail every other case.
    private const int LookAgainMs = 20;
    private readonly List<IPumped> sources = [];
    private PollEntry[] entries = new PollEntry[4 * MaxEntriesPerSource];
    private int[] counts = new int[4];

    /// <summary>How long one expectation waits before it counts as missed.</summary>
    public TimeSpan Patience { get; set; } = patience;

    public void Add(IPumped source) => sources.Add(source);

    public void Remove(IPumped source) => sources.Remove(source);

    /// <summary>Takes in everything that has happened, once.</summary>
    public void Pump()
    {
        for (int i = 0; i < sources.Count; i++)
        {
            sources[i].Pump();
        }
    }

    /// <summary>Pumps until <paramref name="done"/>; false when the patience ran out first.</summary>
    /// <param name="watch">More descriptors whose readiness can make <paramref name="done"/> true.</param>
    public bool WaitUntil(Func<bool> done, params ReadOnlySpan<PollEntry> watch) => WaitUntil(Patience, done, watch);

    /// <summary>Pumps until <paramref name="done"/> or the given time has passed.</summary>
    public bool WaitUntil(TimeSpan patience, Func<bool> done, params ReadOnlySpan<PollEntry> watch)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            Pump();
            if (done())
            {
                return true;
            }

            TimeSpan left = patience - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                return false;
            }

            Sleep((int)Math.Clamp(Math.Ceiling(left.TotalMilliseconds), 1, LookAgainMs), watch);
        }
    }

    /// <summary>Waits for a call that has a deadline of its own, which is not the patience of an expectation, everything else going on meanwhile.</summary>
    public T Await<T>(Task<T> call)
    {
        using EventFd done = new();
        Task signalled = call.ContinueWith(_ => done.Signal(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (!WaitUntil(() => call.IsCompleted, new PollEntry(done.Fd, PollEvents.Readable)))
        {
        }

        // The descriptor is closed when nobody will signal it any more.
        signalled.GetAwaiter().GetResult();
        return call.GetAwaiter().GetResult();
    }

    private void Sleep(int timeoutMs, ReadOnlySpan<PollEntry> watch)
    {
        int most = (MaxEntriesPerSource * sources.Count) + watch.Length;
        if (entries.Length < most)
        {
            entries = new PollEntry[2 * most];
        }

        if (counts.Length < sources.Count)
        {
            counts = new int[2 * sources.Count];
        }

        int total = 0;
        for (int i = 0; i < sources.Count; i++)
        {
            counts[i] = sources[i].PrepareToSleep(entries.AsSpan(total, MaxEntriesPerSource));
            if (counts[i] < 0)
            {
                return;
            }

            total += counts[i];
        }

        watch.CopyTo(entries.AsSpan(total));
        _ = Poll.Wait(entries.AsSpan(0, total + watch.Length), timeoutMs);
        int at = 0;
        for (int i = 0; i < sources.Count; i++)
        {
            sources[i].Woken(entries.AsSpan(at, counts[i]));
            at += counts[i];
        }
    }
}
