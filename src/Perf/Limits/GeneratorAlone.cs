using System.Diagnostics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Limits;

/// <summary>
/// The load generator against a device that only returns buffers: raw driver, auditor and check of the payload, as they work in a transfer.
/// A figure that comes near to this one is the generator's and not the target's.
/// </summary>
public static class GeneratorAlone
{
    private const int MovesBetweenClocks = 4;
    private const int WarmUps = 3;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(5);

    /// <summary>The runtime compiles again what is used much, on another thread, 0.1 s after the last method that was new.</summary>
    private static readonly TimeSpan CompileTime = TimeSpan.FromMilliseconds(130);
    private static readonly bool[] isCompiled = new bool[2];

    /// <summary>Messages per second in the best slice of 5 ms: what the generator does when nobody else wants the processors. Nothing is allocated for a message.</summary>
    /// <param name="size">Bytes of a message; divides <see cref="Pattern.Short"/>.</param>
    /// <param name="time">How long to measure, after a short run to warm up.</param>
    /// <exception cref="PerfException">It stood still, or broke a rule.</exception>
    public static double MessagesPerSecond(Direction direction, int size, TimeSpan time)
    {
        using GeneratorBench bench = new(size, hasThread: true);
        Compile(bench, direction);
        _ = Best(bench, direction, WarmUp);
        return Best(bench, direction, time) / size;
    }

    /// <summary>Lets the runtime make the final code, once for each direction: both threads of the bench look without sleeping, and it may need a processor.</summary>
    private static void Compile(GeneratorBench bench, Direction direction)
    {
        ref bool done = ref isCompiled[direction == Direction.GuestToHost ? 0 : 1];
        for (int i = 0; i < WarmUps && !done; i++)
        {
            _ = Best(bench, direction, WarmUp);
            Thread.Sleep(CompileTime);
        }

        done = true;
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
                for (int i = 0; i < MovesBetweenClocks; i++)
                {
                    bytes += bench.Move(direction);
                }

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
