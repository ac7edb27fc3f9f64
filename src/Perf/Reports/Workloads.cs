using Vsockspec.Perf.Measuring;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports;

/// <summary>Workloads in words.</summary>
internal static class Workloads
{
    private const int MostDimensions = 10;

    /// <summary><c>throughput (direction guest-to-host, size 64)</c>.</summary>
    public static string Name(WorkloadResult workload)
    {
        string dimensions = string.Join(", ", workload.Dimensions.OrderBy(d => d.Key, StringComparer.Ordinal).Take(MostDimensions).Select(d => $"{Numbers.Cut(d.Key, 24)} {Numbers.Cut(d.Value, 40)}"));
        return Numbers.Cut(workload.Workload, 60) + (dimensions.Length > 0 ? $" ({dimensions})" : "");
    }

    public static Status Status(WorkloadOutcome outcome) => outcome switch
    {
        WorkloadOutcome.Measured => new("measured", "pass", "The figures hold."),
        WorkloadOutcome.Failed => new("failed", "fail", "The target stalled, ended or broke a rule; what was measured until then is kept."),
        WorkloadOutcome.NotSupported => new("not supported", "none", "The target does not offer what the workload needs."),
        WorkloadOutcome.Disturbed => new("disturbed", "unsure", "The machine was too busy, or its clock jumped: the figures say nothing about the target."),
        _ => new("unknown", "unsure", ""),
    };
}
