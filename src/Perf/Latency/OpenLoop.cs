using HdrHistogram;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Latency;

/// <summary>
/// Messages at a constant rate, whatever becomes of them, each timed from the moment when it should have been sent. So a stall counts for all
/// messages that were due during it, as it would for the applications that sent them, and cannot hide by holding up the load that measures it.
/// </summary>
public static class OpenLoop
{
    /// <summary>The sleep ends so long before a message is due; the rest is waited out awake.</summary>
    public static TimeSpan Awake { get; } = TimeSpan.FromMicroseconds(50);

    /// <summary>Sends <paramref name="count"/> messages and waits until all have come back.</summary>
    /// <param name="perSecond">Messages per second.</param>
    /// <param name="patience">How long nothing may come back while something is out.</param>
    /// <exception cref="PerfException">The line is broken, or stood still for longer than <paramref name="patience"/>.</exception>
    public static OpenLoopResult Run(IEchoLine line, double perSecond, long count, TimeSpan patience, TimeProvider time)
    {
        Schedule schedule = new(time, perSecond);
        LongHistogram latency = LatencyRecord.NewHistogram();
        LongHistogram lateness = LatencyRecord.NewHistogram();
        long before = line.Returned;
        long sent = 0;
        long returned = 0;
        bool refused = false;
        long lastMove = time.GetTimestamp();
        long refusedAt = lastMove;
        while (returned < count)
        {
            long now = time.GetTimestamp();
            while (sent < count && schedule.Lateness(sent, now) is { Ticks: >= 0 } late)
            {
                if (!line.TrySend())
                {
                    refused = true;
                    refusedAt = now;
                    break;
                }

                // A message that was due while the line had no room is late by the line's doing.
                LatencyRecord.Record(lateness, schedule.Lateness(sent, refusedAt) > TimeSpan.Zero ? 0 : (long)late.TotalNanoseconds);
                refused = false;
                sent++;
            }

            line.Pump();
            if (line.Returned - before > returned)
            {
                lastMove = time.GetTimestamp();
                for (; returned < line.Returned - before; returned++)
                {
                    LatencyRecord.Record(latency, (long)schedule.Lateness(returned, lastMove).TotalNanoseconds);
                }

                continue;
            }

            if (sent == returned && !refused)
            {
                lastMove = now;
            }
            else if (time.GetElapsedTime(lastMove, now) > patience)
            {
                throw new PerfException($"{sent - returned} messages were out and none came back for {patience.TotalSeconds:0.###} s; {returned} of {count} had");
            }

            TimeSpan rest = sent < count && !refused ? -schedule.Lateness(sent, now) - Awake : patience;
            if (rest > TimeSpan.Zero)
            {
                line.Wait(rest);
            }
        }

        return new OpenLoopResult(perSecond, schedule.PerSecondUntil(lastMove, count), latency, lateness);
    }

    private readonly struct Schedule(TimeProvider time, double perSecond)
    {
        private readonly long start = time.GetTimestamp();
        private readonly double interval = TimeSpan.TicksPerSecond / perSecond;

        /// <summary>How late it is for a message; negative: it is not due yet.</summary>
        public TimeSpan Lateness(long message, long now) => time.GetElapsedTime(start, now) - TimeSpan.FromTicks((long)(message * interval));

        public double PerSecondUntil(long end, long count) => count / time.GetElapsedTime(start, end).TotalSeconds;
    }
}

/// <param name="OfferedPerSecond">Messages that were due.</param>
/// <param name="AchievedPerSecond">Messages that came back, from the first one's due time to the last one's return.</param>
/// <param name="Latency">ns from due to returned.</param>
/// <param name="Lateness">ns from due to sent, 0 where the line had no room: what of the latency is the load generator's.</param>
public sealed record OpenLoopResult(double OfferedPerSecond, double AchievedPerSecond, LongHistogram Latency, LongHistogram Lateness)
{
    private const double Tail = 99;
    private const double NegligibleMicroseconds = 20;
    private const double OwnShare = 1.0 / 3;

    /// <summary>Null, or why the latencies say more about the load generator than about what it measured.</summary>
    public string? Disturbance
    {
        get
        {
            double own = LatencyRecord.Microseconds(Lateness, Tail);
            double all = LatencyRecord.Microseconds(Latency, Tail);
            return own > NegligibleMicroseconds && own > all * OwnShare
                ? $"the load generator did not keep its schedule: at {OfferedPerSecond:0} messages per second 1 % of them were due {own:0} µs or more before it came to send them, and p99 of the latency is {all:0} µs"
                : null;
        }
    }
}
