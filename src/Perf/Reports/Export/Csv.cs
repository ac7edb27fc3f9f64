using System.Buffers;
using System.Globalization;
using System.Text;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Reports.Export;

/// <summary>Tables of RFC 4180: a head, commas, lines that end in CR LF. What is no number is empty.</summary>
internal sealed class Csv
{
    private const string MediaType = "text/csv;charset=utf-8";

    private static readonly SearchValues<char> Quoted = SearchValues.Create(",\"\r\n");

    private readonly StringBuilder text = new();

    private Csv(params ReadOnlySpan<string> head) => Row([.. head]);

    /// <summary>A table for each kind of figures that the page has.</summary>
    public static IEnumerable<ExportFile> Files(ReportInput input)
    {
        if (input.Runs.Any(r => r.Workloads.Any(w => w.Measurements.Count > 0)))
        {
            yield return new ExportFile("figures.csv", MediaType, Figures(input.Runs));
        }

        if (input.Runs.Any(r => r.Workloads.Any(w => w.Latencies.Count > 0)))
        {
            yield return new ExportFile("latencies.csv", MediaType, Latencies(input.Runs));
        }

        if (input.Comparisons.Count > 0)
        {
            yield return new ExportFile("comparison.csv", MediaType, Comparisons(input.Comparisons));
        }

        if (input.History is { Series.Count: > 0 } history)
        {
            yield return new ExportFile("history.csv", MediaType, History(history));
        }
    }

    private static byte[] Figures(IReadOnlyList<PerfReport> runs)
    {
        Csv csv = new(
            "target", "started", "figure", "unit", "better", "role", "outcome", "bound_by", "repeats", "median", "minimum", "maximum", "limit", "limit_median", "ratio_median", "ratio_minimum", "ratio_maximum", "goal", "goal_met");
        foreach (PerfReport run in runs)
        {
            foreach (MeasuredFigure f in run.Workloads.SelectMany(w => w.Measurements.Select(m => new MeasuredFigure(w, m))))
            {
                csv.Row(
                    run.Target.Name, Time(run.StartedAt), f.Figure.Name, f.Figure.Unit, Word(f.Figure.Better), Word(f.Figure.Role), Word(f.Workload.Outcome), Word(f.Workload.BoundBy),
                    Number(f.Value?.Count), Number(f.Value?.Middle), Number(f.Value?.Minimum), Number(f.Value?.Maximum),
                    f.Beside?.Limit ?? "", Number(f.Limit?.Middle), Number(f.Ratio?.Middle), Number(f.Ratio?.Minimum), Number(f.Ratio?.Maximum), Number(f.Goal), f.IsGoalMet switch { true => "yes", false => "no", null => "" });
            }
        }

        return csv.ToBytes();
    }

    private static byte[] Latencies(IReadOnlyList<PerfReport> runs)
    {
        Csv csv = new("target", "started", "curve", "offered_per_second", "achieved_per_second", "count", "percentile", "microseconds");
        foreach (PerfReport run in runs)
        {
            foreach (LatencyCurve curve in run.Workloads.SelectMany(w => w.Latencies))
            {
                foreach (LatencyPoint point in curve.Points)
                {
                    csv.Row(run.Target.Name, Time(run.StartedAt), curve.Name, Number(curve.OfferedPerSecond), Number(curve.AchievedPerSecond), Number(curve.Count), Number(point.Percentile), Number(point.Microseconds));
                }
            }
        }

        return csv.ToBytes();
    }

    private static byte[] Comparisons(IReadOnlyList<CompareReport> comparisons)
    {
        Csv csv = new("a", "b", "started", "figure", "unit", "better", "role", "verdict", "decides", "a_median", "b_median", "slowdown", "lower", "upper", "adjusted_p", "note");
        foreach (CompareReport report in comparisons)
        {
            foreach (FigureComparison f in report.Figures)
            {
                csv.Row(
                    report.A.Name, report.B.Name, Time(report.StartedAt), f.Figure.Name, f.Figure.Unit, Word(f.Figure.Better), Word(f.Figure.Role), Word(f.Verdict), f.Decides ? "yes" : "no",
                    Number(f.First), Number(f.Second), Number(f.Slowdown?.Ratio), Number(f.Slowdown?.Lower), Number(f.Slowdown?.Upper), Number(f.AdjustedP), f.Why ?? "");
            }
        }

        return csv.ToBytes();
    }

    private static byte[] History(HistoryView view)
    {
        Csv csv = new("series", "run", "at", "commit", "machine", "value", "step", "step_confirmed");
        foreach (JudgedHistory series in view.Series)
        {
            ILookup<string, JudgedStep> steps = series.Steps.ToLookup(s => s.Step.First.Run, StringComparer.Ordinal);
            foreach (HistoryEntry entry in series.History.Entries)
            {
                JudgedStep? step = steps[entry.Run].FirstOrDefault();
                csv.Row(
                    series.History.Series, entry.Run, Time(entry.At), entry.Commit ?? "", entry.Machine, Number(entry.Value), Number(step?.Step.Point.Change), step is null ? "" : step.Step.IsConfirmed ? "yes" : "no");
            }
        }

        return csv.ToBytes();
    }

    internal static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    internal static string Number(double? value) => value is { } number && double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : "";

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private byte[] ToBytes() => Encoding.UTF8.GetBytes(text.ToString());

    private void Row(params ReadOnlySpan<string> cells)
    {
        for (int i = 0; i < cells.Length; i++)
        {
            string cell = Harmless(Printable.Clean(cells[i]));
            text.Append(i == 0 ? "" : ",").Append(cell.AsSpan().ContainsAny(Quoted) ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell);
        }

        text.Append("\r\n");
    }

    /// <summary>A spreadsheet takes a text that begins like a formula for one; numbers it may.</summary>
    private static string Harmless(string cell) =>
        cell.Length > 0 && cell[0] is '=' or '+' or '-' or '@' or '\t' && !double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out _) ? "'" + cell : cell;
}
