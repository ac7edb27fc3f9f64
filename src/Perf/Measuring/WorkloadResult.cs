namespace Vsockspec.Perf.Measuring;

/// <summary>What became of a workload.</summary>
public enum WorkloadOutcome
{
    Measured,

    /// <summary>The target stalled, ended, or broke a rule; what was measured until then is kept.</summary>
    Failed,

    /// <summary>The target does not offer what the workload needs.</summary>
    NotSupported,

    /// <summary>The machine was too busy, its clock jumped, or the guest was lost: the figures say nothing about the target.</summary>
    Disturbed,
}

/// <summary>What limits a figure.</summary>
public enum Bound
{
    Unknown,

    /// <summary>The target: the load generator alone does clearly more.</summary>
    Target,

    /// <summary>Our load generator: the target may be faster than the figure.</summary>
    Generator,
}

/// <summary>One workload of a plan, carried by one target.</summary>
/// <param name="Workload">Its kind, as in the plan: <c>throughput</c>, <c>round-trip</c>, <c>open-loop</c>, <c>connect</c>, <c>fairness</c>, <c>idle</c>, <c>memory</c>.</param>
/// <param name="Dimensions">Under what it was measured: <c>direction</c>, <c>size</c>, <c>flows</c>, <c>window</c>, <c>queue</c>, <c>event-idx</c>, <c>socket</c>, <c>load</c>.</param>
/// <param name="Why">One sentence for an outcome other than Measured.</param>
public sealed record WorkloadResult(
    string Workload,
    IReadOnlyDictionary<string, string> Dimensions,
    WorkloadOutcome Outcome,
    string? Why,
    IReadOnlyList<Measurement> Measurements,
    IReadOnlyList<LatencyCurve> Latencies,
    Bound BoundBy = Bound.Unknown)
{
    /// <summary>False: it still became faster or slower when its warm-up was given up. Null: it was not warmed up, or a piece of the warm-up takes too long to have enough of them.</summary>
    public bool? IsSteady { get; init; }
}

/// <summary>A distribution of latencies over all repeats of a workload.</summary>
/// <param name="Name">What is timed, with its parameters: <c>stream/open-loop/64/load-50</c>.</param>
/// <param name="OfferedPerSecond">Sent at this rate, timed from the moment each should have been sent; null: closed loop, the next when the last is back.</param>
/// <param name="AchievedPerSecond">Came back at this rate.</param>
/// <param name="Count">Latencies recorded.</param>
/// <param name="Points">In order, up to the maximum at 100.</param>
/// <param name="Histogram">File of the raw histogram beside the report (HdrHistogram's .hgrm), in µs; null: not kept.</param>
public sealed record LatencyCurve(
    string Name,
    double? OfferedPerSecond,
    double AchievedPerSecond,
    long Count,
    IReadOnlyList<LatencyPoint> Points,
    string? Histogram);

/// <param name="Percentile">0 to 100.</param>
/// <param name="Microseconds">So many or fewer for that part of all.</param>
public sealed record LatencyPoint(double Percentile, double Microseconds);
