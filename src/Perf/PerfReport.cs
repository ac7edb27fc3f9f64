using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf;

/// <summary>What was measured.</summary>
/// <param name="Digest">SHA-256 of the program; null where there is none.</param>
public sealed record MeasuredTarget(string Name, string? Version, string? Digest);

/// <summary>By which plan.</summary>
/// <param name="Digest">SHA-256 of the plan's file.</param>
/// <param name="Workloads">How many the plan has; a report of a run that was stopped has fewer.</param>
public sealed record MeasuredPlan(string Name, string Digest, int Workloads);

/// <summary><c>perf.json</c>, see reports/schema/perf.schema.json.</summary>
/// <param name="Schema"><see cref="CurrentSchema"/>.</param>
/// <param name="Environment">Kernel, processor, cores, runtime, and which thread had which processor.</param>
/// <param name="Limits">The machine's own, measured in the same minutes.</param>
/// <param name="Workloads">In the order of the plan, as far as the run came.</param>
public sealed record PerfReport(
    string Schema,
    MeasuredTarget Target,
    MeasuredPlan Plan,
    DateTimeOffset StartedAt,
    double DurationSeconds,
    IReadOnlyDictionary<string, string> Environment,
    Conditions Conditions,
    IReadOnlyList<MachineLimit> Limits,
    IReadOnlyList<WorkloadResult> Workloads)
{
    public const string CurrentSchema = "vsockspec-perf/2";

    /// <summary>True when all of the plan was tried.</summary>
    public bool IsComplete => Workloads.Count == Plan.Workloads;

    /// <summary>The report for people.</summary>
    public string ToMarkdown() => new PerfReportText(this).Write();
}
