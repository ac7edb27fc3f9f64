using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Histories;

/// <summary>The figures of a run of a plan as the series of a history. The names are permanent.</summary>
public static class Nightly
{
    private const string Throughput = "throughput";
    private const string Ratio = "ratio-to-socketpair";

    /// <summary>What may be kept of a report: every positive figure by the name of its series.</summary>
    public static IEnumerable<(string Series, double Value)> SeriesOf(PerfReport report)
    {
        foreach (ThroughputResult result in report.Throughput)
        {
            string family = $"stream/{(result.Direction == Direction.GuestToHost ? "guest-to-host" : "host-to-guest")}";
            yield return ($"{family}/{Throughput}/{result.Size}", result.BytesPerSecond.Middle / (1 << 20));
            yield return ($"{family}/{Ratio}/{result.Size}", result.Ratio.Middle);
            foreach ((string counter, double perMebibyte) in result.PerMebibyte.Where(c => c.Value > 0))
            {
                yield return ($"{family}/{(counter == "creditUpdates" ? "credit-updates" : counter)}/{result.Size}", perMebibyte);
            }
        }

        yield return ($"stream/round-trip/p50/{report.RoundTrip.Size}", report.RoundTrip.P50);
        yield return ($"stream/round-trip/p99/{report.RoundTrip.Size}", report.RoundTrip.P99);
        yield return ($"stream/round-trip/ratio-to-eventfd/{report.RoundTrip.Size}", report.RoundTrip.RatioToEventfd);
    }

    /// <summary>Which way of a series is the better one.</summary>
    public static Better BetterOf(string series) => series.Split('/') is [.., Throughput or Ratio, _] ? Better.Higher : Better.Lower;

    /// <summary>What a figure depends on besides the target: with another machine, kernel or runtime a series begins anew.</summary>
    public static string MachineOf(PerfReport report) => string.Join("; ", report.Environment.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key} {e.Value}"));
}
