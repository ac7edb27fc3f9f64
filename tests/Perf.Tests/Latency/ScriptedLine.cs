using Vsockspec.Perf.Latency;

namespace Vsockspec.Perf.Tests.Latency;

/// <summary>
/// An echo that takes a fixed time for each message, one after the other, and stands still once. Looking at it takes a microsecond of the clock.
/// </summary>
internal sealed class ScriptedLine(ManualClock clock, TimeSpan service) : IEchoLine
{
    private static readonly TimeSpan Look = TimeSpan.FromMicroseconds(1);
    private readonly Queue<TimeSpan> due = new();
    private readonly TimeSpan start = TimeSpan.FromTicks(clock.GetTimestamp());
    private TimeSpan free;

    /// <summary>From when on, since the line was made, nothing comes back; null: it never stands still.</summary>
    public TimeSpan? StallsAt { get; init; }

    public TimeSpan StallsFor { get; init; }

    /// <summary>Messages that may be out.</summary>
    public int Room { get; init; } = int.MaxValue;

    /// <summary>Each look takes so much longer, as when somebody else has the processor.</summary>
    public TimeSpan Slowness { get; init; }

    public long Returned { get; private set; }

    private TimeSpan Now => TimeSpan.FromTicks(clock.GetTimestamp()) - start;

    public bool TrySend()
    {
        if (due.Count == Room)
        {
            return false;
        }

        TimeSpan begin = free > Now ? free : Now;
        if (StallsAt is { } at && begin + service > at && begin < at + StallsFor)
        {
            begin = at + StallsFor;
        }

        free = begin + service;
        due.Enqueue(free);
        return true;
    }

    public void Pump()
    {
        clock.Advance(Look + Slowness);
        while (due.TryPeek(out TimeSpan next) && next <= Now)
        {
            _ = due.Dequeue();
            Returned++;
        }
    }

    public void Wait(TimeSpan most)
    {
        TimeSpan wake = due.TryPeek(out TimeSpan next) && next - Now < most ? next - Now : most;
        clock.Advance(wake > TimeSpan.Zero ? wake : TimeSpan.Zero);
    }
}
