using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Perf.Statistics;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>The figures over the nights: lasting steps with the commits between which they came, then every series.</summary>
internal sealed class HistorySection(HistoryView view) : ISection
{
    private const int MostCharts = 24;
    private const int MostSteps = 100;
    private const int MostSeries = 1500;
    private const int MostDots = 400;
    private const int MostSpark = 40;
    private const int MostNotices = 50;

    private readonly JudgedHistory[] stepped =
    [
        .. view.Series.Where(s => s.Steps.Count > 0)
            .OrderBy(s => s.Steps.Any(p => p.IsOpen) ? 0 : s.Steps.Any(p => p.Step.IsRegression) ? 1 : 2)
            .ThenByDescending(s => s.Steps.Max(p => Math.Abs(p.Step.Point.Change))),
    ];

    public string Id => "history";

    public string Title => "Over time";

    public bool IsEmpty => view.Series.Count == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            "A dot is the figure of one run, in the order of the runs. A heavy line is the level between lasting steps, a step is where the level changed and stayed. It came with a commit after the first named and up to the second.",
            Attr.Class("lead"));
        if (stepped.Length == 0)
        {
            html.Element(Tag.P, "No lasting step was found.", Attr.Class("note"));
        }

        WriteSteps(html);
        using (html.Open(Tag.Div, Attr.Class("charts wide")))
        {
            foreach ((int i, JudgedHistory series) in stepped.Take(MostCharts).Index())
            {
                ChartDrawing.Write(html, ChartOf($"{Id}-{i}", series));
            }
        }

        if (stepped.Length > MostCharts)
        {
            html.Element(Tag.P, $"{HtmlParts.Count(stepped.Length - MostCharts, "more series", "more series")} with steps {(stepped.Length - MostCharts == 1 ? "is" : "are")} in the table below.", Attr.Class("note"));
        }

        WriteAll(html);
        WriteNotices(html);
    }

    private static Status Status(JudgedStep step) => step switch
    {
        { Step.IsRegression: false } => new("better", "pass", ""),
        { Said: { } said } => new(said.State switch { TriageState.WontFix => "stays", var state => $"{state}".ToLowerInvariant() }, "known", ""),
        { Step.IsConfirmed: false } => new("worse, not confirmed", "loose", ""),
        _ => new("worse, nobody has looked", "fail", ""),
    };

    private void WriteSteps(HtmlWriter html)
    {
        (JudgedHistory Series, JudgedStep Step)[] steps = [.. stepped.SelectMany(s => s.Steps.Select(p => (s, p))).OrderBy(s => s.p.IsOpen ? 0 : s.p.Step.IsRegression ? 1 : 2)];
        using (html.Open(Tag.Ul, Attr.Class("steps")))
        {
            foreach ((JudgedHistory series, JudgedStep step) in steps.Take(MostSteps))
            {
                using (html.Open(Tag.Li))
                {
                    html.Chip(Status(step));
                    html.Text(" ");
                    html.Element(Tag.Strong, Numbers.Cut(series.History.Series, 120));
                    html.Text($" {Numbers.Change(step.Step.Point.Change)} ({Numbers.Show(step.Step.Point.Before)} to {Numbers.Show(step.Step.Point.After)}) between ");
                    html.Element(Tag.Code, Numbers.Place(step.Step.LastBefore));
                    html.Text(" and ");
                    html.Element(Tag.Code, Numbers.Place(step.Step.First));
                    html.Text($", {Numbers.Day(step.Step.First.At)}");
                    if (step.Said is { } said)
                    {
                        html.Element(Tag.Span, $"{Numbers.Cut(said.By, 60)}: {Numbers.Cut(said.Note, 400)}", Attr.Class("why"));
                    }
                }
            }
        }

        if (steps.Length > MostSteps)
        {
            html.Element(Tag.P, $"and {steps.Length - MostSteps} more", Attr.Class("note"));
        }
    }

    private static Chart ChartOf(string id, JudgedHistory series)
    {
        IReadOnlyList<HistoryEntry> all = series.History.Entries;
        int from = Math.Max(0, all.Count - MostDots);
        HistoryEntry[] entries = [.. all.Skip(from)];
        Dictionary<string, JudgedStep> steps = series.Steps.GroupBy(s => s.Step.First.Run, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        List<ChartMark> marks = [];
        List<ChartLine> lines = [new ChartLine(null, LineStyle.Dots, [.. entries.Select((e, i) => new ChartPoint(i, e.Value))])];
        int begin = 0;
        for (int i = 1; i <= entries.Length; i++)
        {
            bool isOtherMachine = i < entries.Length && entries[i].Machine != entries[i - 1].Machine;
            JudgedStep? step = i < entries.Length ? steps.GetValueOrDefault(entries[i].Run) : null;
            if (i < entries.Length && !isOtherMachine && step is null)
            {
                continue;
            }

            double level = entries[begin..i].Average(e => e.Value);
            lines.Add(new ChartLine(null, LineStyle.Level, [new ChartPoint(begin, level), new ChartPoint(i - 1, level)]));
            begin = i;
            if (step is not null)
            {
                marks.Add(new ChartMark(i - 0.5, Numbers.Change(step.Step.Point.Change), step.Step.IsRegression ? "worse" : "better"));
            }
            else if (isOtherMachine)
            {
                marks.Add(new ChartMark(i - 0.5, "other machine", "other"));
            }
        }

        string title = Numbers.Cut(series.History.Series, 120);
        string found = string.Join("; ", series.Steps.Select(s => $"{Numbers.Change(s.Step.Point.Change)} between {Numbers.Place(s.Step.LastBefore)} and {Numbers.Place(s.Step.First)}"));
        return new Chart(
            id,
            title,
            "runs",
            series.Better == Better.Higher ? "more is better" : "less is better",
            Numbers.Cut($"{title} over {entries.Length} runs; the axis does not begin at zero. Steps: {found}.", 1000),
            Scale.Runs([.. entries.Select(e => e.At)]),
            Scale.Linear(WithHeadroom([.. entries.Select(e => e.Value).Where(Numbers.IsUsable)]), fromZero: false),
            lines,
            new ChartTable(
                ["step", "before", "after", "last before", "first after", "day"],
                [
                    .. series.Steps.Take(MostSteps).Select(s => (IReadOnlyList<string>)
                    [
                        Numbers.Change(s.Step.Point.Change), Numbers.Show(s.Step.Point.Before), Numbers.Show(s.Step.Point.After), Numbers.Place(s.Step.LastBefore), Numbers.Place(s.Step.First), Numbers.Day(s.Step.First.At),
                    ]),
                ])) { Marks = marks };
    }

    /// <summary>The labels of steps stand above the dots.</summary>
    private static double[] WithHeadroom(double[] values) => values.Length == 0 ? values : [.. values, values.Max() + (0.25 * (values.Max() - values.Min()))];

    private void WriteAll(HtmlWriter html)
    {
        html.Element(Tag.H3, "Every series");
        string list = $"{Id}-list";
        Filter.Write(html, list, "series", ["became worse", "became better", "no step"]);
        using (html.Open(Tag.Div, Attr.Id(list)))
        {
            foreach (IGrouping<string, JudgedHistory> family in view.Series.Take(MostSeries).GroupBy(s => Family(s.History.Series), StringComparer.Ordinal))
            {
                JudgedHistory[] members = [.. family];
                Foldout.Write(html, Numbers.Cut(family.Key, 120), "figure", [.. members.Select(Overall)], "figures series", ["series", "steps", "runs", "last", "all runs"], () =>
                {
                    foreach (JudgedHistory series in members)
                    {
                        WriteRow(html, series);
                    }
                });
            }
        }

        if (view.Series.Count > MostSeries)
        {
            html.Element(Tag.P, $"{view.Series.Count - MostSeries} more series are not shown.", Attr.Class("note"));
        }
    }

    private static void WriteRow(HtmlWriter html, JudgedHistory series)
    {
        using (html.Open(Tag.Tr, Attr.Words(string.Join('|', series.Steps.Select(s => s.Step.IsRegression ? "became worse" : "became better").DefaultIfEmpty("no step").Distinct()))))
        {
            string name = series.History.Series;
            html.Element(Tag.Th, Numbers.Cut(name[(name.LastIndexOf('/') + 1)..], 80), Attr.Scope("row"));
            html.Element(Tag.Td, series.Steps.Count == 0 ? "none" : string.Join(", ", series.Steps.Take(6).Select(s => Numbers.Change(s.Step.Point.Change))), Attr.Column("steps"));
            html.Element(Tag.Td, HtmlParts.Number(series.History.Entries.Count), Attr.Column("runs"));
            html.Element(Tag.Td, Numbers.Show(series.History.Entries.Count > 0 ? series.History.Entries[^1].Value : null), Attr.Column("last"));
            using (html.Open(Tag.Td))
            {
                ChartDrawing.WriteSpark(html, Thinned(series.History.Entries));
            }
        }

        html.Line();
    }

    private static Status Overall(JudgedHistory series) =>
        series.Steps.Where(s => s.IsOpen).Select(Status).FirstOrDefault()
        ?? series.Steps.Where(s => s.Step.IsRegression).Select(Status).FirstOrDefault()
        ?? (series.Steps.Count > 0 ? new Status("better", "pass", "") : new Status("no step", "none", ""));

    /// <summary>The middle of neighbours where there are too many runs for a small drawing.</summary>
    private static IReadOnlyList<double> Thinned(IReadOnlyList<HistoryEntry> entries) => entries.Count <= MostSpark
        ? [.. entries.Select(e => e.Value)]
        : [.. entries.Select((e, i) => (e.Value, Place: (long)i * MostSpark / entries.Count)).GroupBy(e => e.Place).Select(g => Summary.Median(g.Select(e => e.Value)))];

    private static string Family(string series) => series.LastIndexOf('/') is var at and > 0 ? series[..at] : series;

    private void WriteNotices(HtmlWriter html)
    {
        string[] notices = [.. view.Notices.Take(MostNotices)];
        if (notices.Length == 0)
        {
            return;
        }

        html.Element(Tag.H3, "What was not read");
        using (html.Open(Tag.Ul, Attr.Class("steps")))
        {
            foreach (string notice in notices)
            {
                html.Element(Tag.Li, Numbers.Cut(notice, 300));
            }
        }
    }
}
