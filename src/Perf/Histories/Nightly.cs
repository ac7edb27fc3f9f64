using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Histories;

/// <summary>The figures of a run of a plan as the series of a history. The names are permanent.</summary>
public static class Nightly
{
    private const string RatioTo = "ratio-to-";

    /// <summary>Last words of the families of which more is better; of all others less is.</summary>
    private static readonly HashSet<string> MoreIsBetter = ["throughput", "rate", "jain", "small-flows", "bulk", RatioTo + "socketpair", RatioTo + "unix-connect"];

    /// <summary>What may be kept of a report: every positive figure by the name of its series, and how many times the machine's own limit it is. What failed is left out.</summary>
    public static IEnumerable<(string Series, double Value)> SeriesOf(PerfReport report) =>
        report.Workloads.Where(w => w.Outcome == WorkloadOutcome.Measured).SelectMany(w => w.Measurements).SelectMany(SeriesOf).Where(series => series.Value > 0);

    /// <summary>Which way of a series is the better one.</summary>
    public static Better BetterOf(string series) => series.Split('/') is [.., var last, _] && MoreIsBetter.Contains(last) ? Better.Higher : Better.Lower;

    /// <summary>What a figure depends on besides the target: with another machine, kernel or runtime a series begins anew.</summary>
    public static string MachineOf(PerfReport report) => string.Join("; ", report.Environment.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key} {e.Value}"));

    private static IEnumerable<(string Series, double Value)> SeriesOf(Measurement measurement)
    {
        yield return (measurement.Figure.Name, measurement.Summary.Middle);
        if (measurement.Beside is { } beside)
        {
            string family = measurement.Figure.Family[..measurement.Figure.Family.LastIndexOf('/')];
            yield return ($"{family}/{RatioTo}{beside.Limit}/{measurement.Figure.Parameter}", Summary.Median(measurement.Values.Zip(beside.Values, (value, limit) => value / limit)));
        }
    }
}
