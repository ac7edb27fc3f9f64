using System.Diagnostics;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Measuring;

/// <summary>Warms a workload up until it takes as long each time: compilers work in the background, caches fill, clocks sink.</summary>
internal static class WarmUp
{
    private const int MostPieces = 24;

    /// <summary>Of one piece; a workload whose warm-up takes longer settles within it.</summary>
    private static readonly TimeSpan LongestPiece = TimeSpan.FromMilliseconds(100);
    private static readonly SteadyState Steady = new();

    /// <summary>True when the last pieces were flat, false when they were not after <see cref="MostPieces"/>; null where one piece takes too long to take several.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    public static bool? UntilSteady(Bench bench, IWorkload workload, long volume)
    {
        if (Piece(bench, workload, volume) > LongestPiece.TotalSeconds)
        {
            return null;
        }

        return Steady.WarmUp(() => Piece(bench, workload, volume), MostPieces).IsSteady;
    }

    private static double Piece(Bench bench, IWorkload workload, long volume)
    {
        bench.Cancellation.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        workload.WarmUp(bench, volume);
        return Math.Max(Stopwatch.GetElapsedTime(start).TotalSeconds, double.Epsilon);
    }
}
