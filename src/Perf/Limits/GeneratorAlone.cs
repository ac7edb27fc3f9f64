using System.Diagnostics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Limits;

/// <summary>
/// The load generator against a device that only returns buffers: raw driver, auditor and check of the payload, as they work in a transfer.
/// A figure that comes near to this one is the generator's and not the target's.
/// </summary>
public static class GeneratorAlone
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(5);

    /// <summary>Messages per second in the best slice of 5 ms: what the generator does when nobody else wants the processors. Nothing is allocated for a message.</summary>
    /// <param name="size">Bytes of a message; divides <see cref="Pattern.Short"/>.</param>
    /// <param name="time">How long to measure, after a short run to warm up.</param>
    /// <exception cref="PerfException">It stood still, or broke a rule.</exception>
    public static double MessagesPerSecond(Direction direction, int size, TimeSpan time)
    {
        using GeneratorBench bench = new(size, hasThread: true);
        _ = Best(bench, direction, WarmUp);
        return Best(bench, direction, time) / size;
    }

    /// <summary>Bytes per second.</summary>
    private static double Best(GeneratorBench bench, Direction direction, TimeSpan time)
    {
        double best = 0;
        long start = Stopwatch.GetTimestamp();
        do
        {
            long bytes = 0;
            long sliceStart = Stopwatch.GetTimestamp();
            TimeSpan elapsed;
            do
            {
                bytes += bench.Move(direction);
                elapsed = Stopwatch.GetElapsedTime(sliceStart);
            }
            while (elapsed < Slice);
            best = Math.Max(best, bytes / elapsed.TotalSeconds);
        }
        while (best == 0 || Stopwatch.GetElapsedTime(start) < time);
        bench.Check();
        return best;
    }
}
