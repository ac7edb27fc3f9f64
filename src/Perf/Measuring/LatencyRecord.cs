using HdrHistogram;

namespace Vsockspec.Perf.Measuring;

/// <summary>A distribution that grows with each repeat.</summary>
/// <param name="name">See <see cref="LatencyCurve.Name"/>.</param>
/// <param name="offeredPerSecond">See <see cref="LatencyCurve.OfferedPerSecond"/>.</param>
public sealed class LatencyRecord(string name, double? offeredPerSecond)
{
    private const long HighestNanoseconds = 100_000_000_000;
    private static readonly double[] Percentiles = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100];
    private double seconds;

    public string Name => name;

    /// <summary>Nanoseconds, three digits kept.</summary>
    public LongHistogram Histogram { get; } = NewHistogram();

    /// <summary>An empty histogram of the same kind, for one repeat.</summary>
    public static LongHistogram NewHistogram() => new(HighestNanoseconds, 3);

    /// <summary>Adds a repeat.</summary>
    /// <param name="took">Seconds from the first send to the last return.</param>
    public void Add(LongHistogram repeat, double took)
    {
        Histogram.Add(repeat);
        seconds += took;
    }

    /// <summary>The curve; null while nothing was recorded.</summary>
    /// <param name="file">See <see cref="LatencyCurve.Histogram"/>.</param>
    public LatencyCurve? ToCurve(string? file) => Histogram.TotalCount == 0
        ? null
        : new LatencyCurve(
            name,
            offeredPerSecond,
            seconds > 0 ? Histogram.TotalCount / seconds : 0,
            Histogram.TotalCount,
            [.. Percentiles.Select(p => new LatencyPoint(p, Microseconds(Histogram, p)))],
            file);

    /// <summary>Microseconds at a percentile.</summary>
    public static double Microseconds(LongHistogram histogram, double percentile) => histogram.GetValueAtPercentile(percentile) / 1000.0;

    /// <summary>Records, with what is beyond the histogram's reach at its end.</summary>
    public static void Record(LongHistogram histogram, long nanoseconds) => histogram.RecordValue(Math.Clamp(nanoseconds, 0, HighestNanoseconds));
}
