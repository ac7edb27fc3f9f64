using System.Globalization;
using System.Text;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf;

/// <summary>Throughput of one direction and size, beside a bare socketpair in the same minutes.</summary>
/// <param name="BytesPerSecond">Of the target.</param>
/// <param name="SocketpairBytesPerSecond">Of a bare Unix stream socketpair, two threads, same size.</param>
/// <param name="Ratio">Target to socketpair, pair by pair.</param>
/// <param name="PerMebibyte">Counters of the last transfer, per MiB.</param>
public sealed record ThroughputResult(
    Direction Direction,
    int Size,
    long Bytes,
    Summary BytesPerSecond,
    Summary SocketpairBytesPerSecond,
    Summary Ratio,
    IReadOnlyDictionary<string, double> PerMebibyte);

/// <summary>Closed-loop round trips in microseconds.</summary>
/// <param name="RatioToEventfd">Median to the median of an eventfd ping-pong.</param>
public sealed record RoundTripResult(int Size, long Count, double P50, double P90, double P99, double P999, double Maximum, double RatioToEventfd);

/// <summary><c>perf.json</c>.</summary>
public sealed record PerfReport(
    string Schema,
    string Target,
    string? TargetDigest,
    string Plan,
    DateTimeOffset StartedAt,
    IReadOnlyDictionary<string, string> Environment,
    MachineLimits Limits,
    IReadOnlyList<ThroughputResult> Throughput,
    RoundTripResult RoundTrip)
{
    public const string CurrentSchema = "vsockspec-perf/1";

    /// <summary>The report for people.</summary>
    public string ToMarkdown()
    {
        CultureInfo c = CultureInfo.InvariantCulture;
        StringBuilder text = new();
        text.AppendLine(c, $"# {Target}: plan {Plan}").AppendLine();
        text.AppendLine("Median (lowest to highest) of repeated transfers, each beside a bare Unix stream socketpair of the same message size, in turn. Absolute figures hold for this machine and these minutes only.").AppendLine();
        text.AppendLine("| direction | message | target MiB/s | messages/s | socketpair MiB/s | ratio | kicks, calls, credit updates per MiB |").AppendLine("|---|---|---|---|---|---|---|");
        foreach (ThroughputResult r in Throughput)
        {
            text.AppendLine(
                c,
                $"| {(r.Direction == Direction.GuestToHost ? "guest to host" : "host to guest")} | {r.Size} B | {Mebi(r.BytesPerSecond.Middle)} ({Mebi(r.BytesPerSecond.Minimum)} to {Mebi(r.BytesPerSecond.Maximum)}) | {r.BytesPerSecond.Middle / r.Size:0} | {Mebi(r.SocketpairBytesPerSecond.Middle)} | {r.Ratio.Middle:0.00} ({r.Ratio.Minimum:0.00} to {r.Ratio.Maximum:0.00}) | {r.PerMebibyte["kicks"]:0.0}, {r.PerMebibyte["calls"]:0.0}, {r.PerMebibyte["creditUpdates"]:0.0} |");
        }

        text.AppendLine();
        text.AppendLine(c, $"Round trip of {RoundTrip.Size} bytes, {RoundTrip.Count} times: p50 {RoundTrip.P50:0.0} µs, p90 {RoundTrip.P90:0.0}, p99 {RoundTrip.P99:0.0}, p99.9 {RoundTrip.P999:0.0}, max {RoundTrip.Maximum:0.0}; {RoundTrip.RatioToEventfd:0.0} times an eventfd ping-pong ({Limits.EventfdRoundTripMicroseconds:0.0} µs).");
        text.AppendLine();
        text.AppendLine(c, $"memcpy, one thread, 64 KiB in cache: {Limits.MemcpyBytesPerSecond / (1 << 30):0.0} GiB/s.");
        return text.ToString();
    }

    private static string Mebi(double bytes) => (bytes / (1 << 20)).ToString("0", CultureInfo.InvariantCulture);
}
