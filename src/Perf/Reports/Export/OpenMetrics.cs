using System.Globalization;
using System.Text;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Measuring;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Reports.Export;

/// <summary>The text format of OpenMetrics 1.0. The histories have their times, so that a monitoring system can take them in after the fact.</summary>
internal sealed class OpenMetrics
{
    private readonly StringBuilder text = new();
    private readonly HashSet<string> written = new(StringComparer.Ordinal);

    private OpenMetrics()
    {
    }

    public static byte[] Of(ReportInput input)
    {
        OpenMetrics metrics = new();
        metrics.Runs(input.Runs);
        metrics.Comparisons(input.Comparisons);
        metrics.History(input.History);
        metrics.text.Append("# EOF\n");
        return Encoding.UTF8.GetBytes(metrics.text.ToString());
    }

    private void Runs(IReadOnlyList<PerfReport> runs)
    {
        if (runs.Count == 0)
        {
            return;
        }

        Family("vsockspec_figure", "gauge", "A figure of a run, in the unit that is named.");
        foreach (PerfReport run in runs)
        {
            foreach (MeasuredFigure figure in Figures(run))
            {
                Spread("vsockspec_figure", figure.Value, [("target", run.Target.Name), ("figure", figure.Figure.Name), ("unit", figure.Figure.Unit)]);
            }
        }

        Family("vsockspec_limit_ratio", "gauge", "The figure beside the machine's own limit: 1 is as good, less is worse.");
        foreach (PerfReport run in runs)
        {
            foreach (MeasuredFigure figure in Figures(run))
            {
                Spread("vsockspec_limit_ratio", figure.Ratio, [("target", run.Target.Name), ("figure", figure.Figure.Name), ("limit", figure.Beside?.Limit ?? "")]);
            }
        }

        Family("vsockspec_limit_ratio_goal", "gauge", "What a good back end reaches of vsockspec_limit_ratio.");
        foreach (PerfReport run in runs)
        {
            foreach (MeasuredFigure figure in Figures(run).Where(f => f.Goal is not null))
            {
                Sample("vsockspec_limit_ratio_goal", [("target", run.Target.Name), ("figure", figure.Figure.Name)], figure.Goal!.Value);
            }
        }

        Family("vsockspec_machine_limit", "gauge", "What the machine itself does, in the unit that is named.");
        foreach (PerfReport run in runs)
        {
            foreach (MachineLimit limit in run.Limits)
            {
                Spread("vsockspec_machine_limit", Reports.Spread.Of(limit.Values), [("target", run.Target.Name), ("limit", limit.Name), ("unit", limit.Unit)]);
            }
        }

        Family("vsockspec_machine_fit", "gauge", "1: the machine was fit to measure on.");
        Each("vsockspec_machine_fit", runs, run => run.Conditions.AreFit ? 1 : 0);
        Family("vsockspec_workloads_failed", "gauge", "Workloads that the target did not carry.");
        Each("vsockspec_workloads_failed", runs, run => run.Workloads.Count(w => w.Outcome == WorkloadOutcome.Failed));
        Latencies(runs);
    }

    private void Latencies(IReadOnlyList<PerfReport> runs)
    {
        const string Name = "vsockspec_latency_seconds";
        Family(Name, "summary", "Latencies of a workload.", unit: "seconds");
        foreach (PerfReport run in runs)
        {
            foreach (LatencyCurve curve in run.Workloads.SelectMany(w => w.Latencies))
            {
                (string, string)[] labels = [("target", run.Target.Name), ("curve", curve.Name)];
                if (!written.Add(Labels("curve", labels)))
                {
                    continue;
                }

                foreach (LatencyPoint point in curve.Points.Where(p => p.Percentile is >= 0 and <= 100 && p.Microseconds >= 0 && double.IsFinite(p.Microseconds)))
                {
                    Sample(Name, [.. labels, ("quantile", Csv.Number(Math.Round(point.Percentile / 100, 9)))], point.Microseconds / 1e6);
                }

                Sample(Name + "_count", labels, Math.Max(0, curve.Count));
            }
        }
    }

    private void Comparisons(IReadOnlyList<CompareReport> comparisons)
    {
        if (comparisons.Count == 0)
        {
            return;
        }

        Family("vsockspec_slowdown_ratio", "gauge", "How many times slower or dearer b is than a, with the ends of its interval.");
        foreach (CompareReport report in comparisons)
        {
            foreach (FigureComparison figure in report.Figures.Where(f => f.Slowdown is not null))
            {
                foreach ((string bound, double value) in (ReadOnlySpan<(string, double)>)[("estimate", figure.Slowdown!.Ratio), ("lower", figure.Slowdown.Lower), ("upper", figure.Slowdown.Upper)])
                {
                    Sample("vsockspec_slowdown_ratio", [.. Targets(report), ("figure", figure.Figure.Name), ("bound", bound)], value);
                }
            }
        }

        Family("vsockspec_figure_verdict", "gauge", "1 for the verdict of a figure of a comparison.");
        foreach (CompareReport report in comparisons)
        {
            foreach (FigureComparison figure in report.Figures)
            {
                Sample("vsockspec_figure_verdict", [.. Targets(report), ("figure", figure.Figure.Name), ("verdict", $"{figure.Verdict}".ToLowerInvariant()), ("decides", figure.Decides ? "yes" : "no")], 1);
            }
        }
    }

    private void History(HistoryView? view)
    {
        if (view is null)
        {
            return;
        }

        Family("vsockspec_history", "gauge", "A figure of a night.");
        foreach (JudgedHistory series in view.Series)
        {
            string name = Line("vsockspec_history", [("series", series.History.Series)]);
            long last = long.MinValue;
            foreach (HistoryEntry entry in series.History.Entries.Where(e => e.At.ToUnixTimeSeconds() is var at && (at > last) && ((last = at) == at)))
            {
                text.Append(name).Append(' ').Append(Value(entry.Value)).Append(' ').Append(entry.At.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)).Append('\n');
            }
        }

        Family("vsockspec_history_regressions", "gauge", "Confirmed steps for the worse that nobody has looked at.");
        Sample("vsockspec_history_regressions", [], view.Steps.Count(s => s.Step.IsOpen));
    }

    private static IEnumerable<MeasuredFigure> Figures(PerfReport run) => run.Workloads.SelectMany(w => w.Measurements.Select(m => new MeasuredFigure(w, m)));

    private static (string, string)[] Targets(CompareReport report) => [("a", report.A.Name), ("b", report.B.Name)];

    private void Each(string name, IReadOnlyList<PerfReport> runs, Func<PerfReport, double> value)
    {
        foreach (PerfReport run in runs)
        {
            Sample(name, [("target", run.Target.Name)], value(run));
        }
    }

    private void Family(string name, string type, string help, string? unit = null)
    {
        text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {type}\n");
        if (unit is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"# UNIT {name} {unit}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n");
    }

    private void Spread(string name, Spread? spread, (string, string)[] labels)
    {
        if (spread is not null)
        {
            Sample(name, [.. labels, ("statistic", "median")], spread.Middle);
            Sample(name, [.. labels, ("statistic", "minimum")], spread.Minimum);
            Sample(name, [.. labels, ("statistic", "maximum")], spread.Maximum);
        }
    }

    /// <summary>A sample that stands there already is left out: no format bears it twice.</summary>
    private void Sample(string name, (string, string)[] labels, double value)
    {
        string line = Line(name, labels);
        if (written.Add(line))
        {
            text.Append(line).Append(' ').Append(Value(value)).Append('\n');
        }
    }

    private static string Line(string name, (string, string)[] labels) => labels.Length == 0 ? name : name + Labels("", labels);

    private static string Labels(string prefix, (string Name, string Value)[] labels) => prefix + "{" + string.Join(',', labels.Select(l => $"{l.Name}=\"{Escaped(l.Value)}\"")) + "}";

    private static string Escaped(string value) =>
        Printable.Clean(value).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Value(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
