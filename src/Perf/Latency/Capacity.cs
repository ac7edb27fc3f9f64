namespace Vsockspec.Perf.Latency;

/// <summary>How many messages a line brings back each second when as many as it takes are out.</summary>
public static class Capacity
{
    /// <summary>Messages per second. All that were sent have come back when this returns.</summary>
    /// <param name="window">Most messages that are out at a time.</param>
    /// <param name="patience">How long nothing may come back.</param>
    /// <exception cref="PerfException">The line is broken, or stood still for longer than <paramref name="patience"/>.</exception>
    public static double PerSecond(IEchoLine line, int window, TimeSpan duration, TimeSpan patience, TimeProvider time)
    {
        long before = line.Returned;
        long sent = 0;
        long seen = 0;
        long start = time.GetTimestamp();
        long lastMove = start;
        double perSecond = 0;
        while (true)
        {
            TimeSpan elapsed = time.GetElapsedTime(start);
            bool isOver = elapsed >= duration;
            while (!isOver && sent - (line.Returned - before) < window && line.TrySend())
            {
                sent++;
            }

            line.Pump();
            long returned = line.Returned - before;
            if (returned > seen)
            {
                seen = returned;
                lastMove = time.GetTimestamp();
            }

            if (isOver && perSecond == 0)
            {
                perSecond = returned / elapsed.TotalSeconds;
            }

            if (isOver && returned == sent)
            {
                return perSecond;
            }

            TimeSpan idle = time.GetElapsedTime(lastMove);
            if (idle > patience)
            {
                throw new PerfException($"{sent - returned} messages were out and none came back for {patience.TotalSeconds:0.###} s");
            }

            // As the open loop does between messages that are due soon.
            if (idle > OpenLoop.Awake)
            {
                line.Wait(patience - idle + OpenLoop.Awake);
            }
        }
    }
}
