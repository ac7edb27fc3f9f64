using System.Globalization;
using System.Text;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf;

/// <summary>A report in Markdown: what went wrong first, then the figures, then what they cost.</summary>
internal sealed class PerfReportText(PerfReport report)
{
    private static readonly CultureInfo C = CultureInfo.InvariantCulture;
    private readonly StringBuilder text = new();

    public string Write()
    {
        text.AppendLine(C, $"# {report.Target.Name}: plan {report.Plan.Name}").AppendLine();
        WriteTroubles();
        text.AppendLine("Median (lowest to highest) of repeated measurements. Where the machine itself does the same thing, it does so in turn with the target, and the ratio says how good the target is beside it: 1 is as good, more is better. Absolute figures hold for this machine and these minutes only.").AppendLine();
        WriteFigures();
        GuestReportText.Write(report, text);
        WriteLatencies();
        WriteCounters();
        WriteLimits();
        return text.ToString();
    }

    private void WriteTroubles()
    {
        foreach (Condition condition in report.Conditions.Checks.Where(c => c.Grade is ConditionGrade.Doubtful or ConditionGrade.Unfit))
        {
            text.AppendLine(C, $"- **{(condition.Grade == ConditionGrade.Unfit ? "unfit" : "doubtful")}**: {condition.Name}: {condition.Observed}{(condition.Remedy is { } remedy ? $"; {remedy}" : "")}");
        }

        foreach (WorkloadResult result in report.Workloads.Where(w => w.Outcome != WorkloadOutcome.Measured))
        {
            text.AppendLine(C, $"- **{Word(result.Outcome)}**: {Describe(result)}: {result.Why}");
        }

        foreach (WorkloadResult result in report.Workloads.Where(w => w is { Outcome: WorkloadOutcome.Measured, IsSteady: false }))
        {
            text.AppendLine(C, $"- **not steady**: {Describe(result)}: became still faster or slower after the warm-up");
        }

        if (!report.IsComplete)
        {
            text.AppendLine(C, $"- **stopped** after {report.Workloads.Count} of {report.Plan.Workloads} workloads");
        }

        if (text[^2] != '\n')
        {
            text.AppendLine();
        }
    }

    private void WriteFigures()
    {
        text.AppendLine("| figure | value | unit | beside | ratio | bound by |").AppendLine("|---|---:|---|---:|---:|---|");
        foreach (WorkloadResult result in report.Workloads)
        {
            foreach (Measurement m in result.Measurements.Where(m => m.Figure.Role != FigureRole.Counter))
            {
                string beside = m.Beside is { } yardstick ? $"{yardstick.Limit} {Number(Summary.Of([.. yardstick.Values]).Middle)}" : "";
                string bound = m == result.Measurements[0] && result.BoundBy != Bound.Unknown ? (result.BoundBy == Bound.Generator ? "**load generator**" : "target") : "";
                text.AppendLine(C, $"| {m.Figure.Name} | {Range(m.Summary)} | {m.Figure.Unit} | {beside} | {Ratio(m)} | {bound} |");
            }
        }

        text.AppendLine();
    }

    private void WriteLatencies()
    {
        foreach (LatencyCurve curve in report.Workloads.SelectMany(w => w.Latencies))
        {
            string At(double percentile) => curve.Points.FirstOrDefault(p => p.Percentile == percentile) is { } point ? point.Microseconds.ToString("0.0", C) : "-";
            string load = curve.OfferedPerSecond is { } offered ? $"{offered:0} offered and {curve.AchievedPerSecond:0} achieved per second" : "the next when the last is back";
            text.AppendLine(C, $"Latency {curve.Name}, {curve.Count} times, {load}, in µs: p50 {At(50)}, p90 {At(90)}, p99 {At(99)}, p99.9 {At(99.9)}, max {At(100)}.").AppendLine();
        }
    }

    private void WriteCounters()
    {
        WorkloadResult[] counted = [.. report.Workloads.Where(w => w.Measurements.Any(m => m.Figure.Role == FigureRole.Counter))];
        if (counted.Length == 0)
        {
            return;
        }

        string[] kinds = [.. counted.SelectMany(w => w.Measurements).Where(m => m.Figure.Role == FigureRole.Counter).Select(Kind).Distinct()];
        text.AppendLine("What it cost, medians:").AppendLine();
        text.AppendLine(C, $"| measured with | {string.Join(" | ", kinds)} |").AppendLine(C, $"|---|{string.Concat(kinds.Select(_ => "---:|"))}");
        foreach (WorkloadResult result in counted)
        {
            IEnumerable<string> cells = kinds.Select(kind => result.Measurements.FirstOrDefault(m => m.Figure.Role == FigureRole.Counter && Kind(m) == kind) is { } m ? Number(m.Summary.Middle) : "");
            text.AppendLine(C, $"| {result.Measurements[0].Figure.Name} | {string.Join(" | ", cells)} |");
        }

        text.AppendLine();
    }

    private void WriteLimits()
    {
        if (report.Limits.Count > 0)
        {
            text.AppendLine(C, $"The machine itself: {string.Join(", ", report.Limits.Select(l => $"{l.Name} {Number(l.Summary.Middle)} {l.Unit}"))}.");
        }
    }

    private static string Kind(Measurement measurement) => $"{measurement.Figure.Family.Split('/')[^1]} {measurement.Figure.Unit}";

    private static string Describe(WorkloadResult result) => $"{result.Workload} {string.Join(", ", result.Dimensions.Select(d => $"{d.Key} {d.Value}"))}";

    private static string Word(WorkloadOutcome outcome) => outcome switch
    {
        WorkloadOutcome.Failed => "failed",
        WorkloadOutcome.NotSupported => "not supported",
        _ => "disturbed",
    };

    private static string Ratio(Measurement measurement)
    {
        if (measurement.Beside is not { } yardstick)
        {
            return "";
        }

        Summary ratio = yardstick.Ratio(measurement);
        string goal = yardstick.Goal is { } wanted ? $", goal {wanted.ToString("0.##", C)}{(ratio.Middle >= wanted ? "" : " missed")}" : "";
        return string.Create(C, $"{ratio.Middle:0.00} ({ratio.Minimum:0.00} to {ratio.Maximum:0.00}){goal}");
    }

    private static string Range(Summary summary) =>
        summary.Minimum == summary.Maximum ? Number(summary.Middle) : $"{Number(summary.Middle)} ({Number(summary.Minimum)} to {Number(summary.Maximum)})";

    private static string Number(double value) => value.ToString(Math.Abs(value) switch { >= 100 => "0", >= 10 => "0.0", _ => "0.###" }, C);
}
