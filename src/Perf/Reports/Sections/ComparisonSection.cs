using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Perf.Statistics;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>Two targets: for each figure how many times slower or dearer the second is, with an interval.</summary>
internal sealed class ComparisonSection(CompareReport report, int index, bool isAlone) : ISection
{
    private const int MostFigures = 1200;
    private const int MostRows = 24;
    private const int LongestReason = 600;

    private readonly FigureComparison[] timed = [.. report.Figures.Where(f => f.Slowdown is not null).Take(MostFigures)];
    private readonly FigureComparison[] counted = [.. report.Figures.Where(f => f.Slowdown is null).Take(MostFigures)];

    public string Id => index == 0 ? "comparison" : $"comparison-{index + 1}";

    public string Title => isAlone ? "What became slower" : $"{Numbers.Cut(report.B.Name, 40)} beside {Numbers.Cut(report.A.Name, 40)}";

    public static Status Status(FigureComparison figure) => figure.Verdict switch
    {
        _ when !figure.Decides => new(Word(figure.Verdict) + ", shown only", "none", ""),
        PerfVerdict.Slower => new(figure.Slowdown is null ? "more" : "slower", "fail", ""),
        PerfVerdict.Faster => new(figure.Slowdown is null ? "fewer" : "faster", "pass", ""),
        PerfVerdict.Equivalent => new("equivalent", "pass", ""),
        _ => new("inconclusive", "unsure", ""),
    };

    public void Write(HtmlWriter html)
    {
        if (report.Failure is { } failure)
        {
            using (html.Open(Tag.P))
            {
                html.Chip(new Status("failed", "fail", ""));
                html.Text($" {Numbers.Cut(failure.Sentence, LongestReason)}. What follows was measured until then and decides nothing.");
            }
        }

        if (!report.IsComplete)
        {
            using (html.Open(Tag.P))
            {
                html.Chip(new Status("stopped", "unsure", ""));
                html.Text(" The comparison was stopped. What follows was measured until then and decides nothing.");
            }
        }

        using (html.Open(Tag.P, Attr.Class("lead")))
        {
            html.Text($"A is {Numbers.Cut(report.A.Name, 60)}, B is {Numbers.Cut(report.B.Name, 60)}: {HtmlParts.Count(report.RunsEach, "run")}, in each a process of A and one of B that were measured in turn. "
                + $"A mark is how many times slower or dearer B is; its line is the interval, which misses the truth in at most {Numbers.Show(report.Options.ErrorRate * 100)} of 100 comparisons. "
                + $"The grey band is what does not matter ({Numbers.Percent(report.Options.Tolerance)}): a line wholly to the right of it is ");
            html.Element(Tag.Strong, "slower");
            html.Text(", wholly within it ");
            html.Element(Tag.Strong, "equivalent");
            html.Text(", wholly to the left ");
            html.Element(Tag.Strong, "faster");
            html.Text("; all else is inconclusive.");
        }

        FamilyPart[] parts =
        [
            .. timed.GroupBy(f => f.Figure.Family, StringComparer.Ordinal)
                .SelectMany(g => g.OrderBy(f => Rank(f)).Chunk(MostRows).Select((rows, i) => new FamilyPart(i == 0 ? g.Key : $"{g.Key} ({i + 1})", rows)))
                .OrderBy(p => p.Figures.Min(Rank)),
        ];
        WriteForests(html, parts);
        WriteCounters(html);
        WriteFacts(html);
    }

    private void WriteForests(HtmlWriter html, FamilyPart[] parts)
    {
        FamilyPart[] first = [.. parts.Where((p, i) => i < 6 || (i < 30 && p.Figures.Any(f => f.Decides && f.Verdict != PerfVerdict.Equivalent)))];
        Write(first, 0);
        FamilyPart[] rest = [.. parts.Except(first)];
        if (rest.Length > 0)
        {
            using (html.Open(Tag.Details, Attr.Class("more")))
            {
                html.Element(Tag.Summary, $"{HtmlParts.Count(rest.Length, "more chart")}");
                Write(rest, first.Length);
            }
        }

        void Write(FamilyPart[] some, int from)
        {
            using (html.Open(Tag.Div, Attr.Class("charts")))
            {
                foreach ((int i, FamilyPart part) in some.Index())
                {
                    WriteForest(html, part, from + i);
                }
            }
        }
    }

    private void WriteForest(HtmlWriter html, FamilyPart part, int number)
    {
        string title = Numbers.Cut(part.Name, 80);
        string description = $"How many times slower or dearer B is than A, with intervals: {string.Join("; ", part.Figures.Select(f => $"{Label(f)} {Words(f)}"))}.";
        Forest.Write(
            html,
            $"{Id}-{number}",
            title,
            description,
            report.Options.Tolerance,
            [.. part.Figures.Select(f => new ForestRow(Numbers.Cut(Label(f), 26), Words(f), Status(f).Style, f.Slowdown!.Ratio, f.Slowdown.Lower, f.Slowdown.Upper))],
            new ChartTable(
                ["", "verdict", "ratio", "interval", "A", "B", "unit", "note"],
                [
                    .. part.Figures.Select(f => (IReadOnlyList<string>)
                    [
                        Label(f), Status(f).Word, Numbers.Ratio(f.Slowdown!.Ratio), $"{Numbers.Ratio(f.Slowdown.Lower)} to {Numbers.Ratio(f.Slowdown.Upper)}", Numbers.Show(f.First), Numbers.Show(f.Second),
                        Numbers.Cut(f.Figure.Unit, 20), Numbers.Cut(f.Why ?? "", 120),
                    ]),
                ]));
    }

    private void WriteCounters(HtmlWriter html)
    {
        if (counted.Length == 0)
        {
            return;
        }

        FigureComparison[] ordered = [.. counted.OrderBy(Rank)];
        html.Element(Tag.H3, "Counts");
        html.Element(Tag.P, "Those that never vary from run to run decide, and any difference of them counts; the others are shown.", Attr.Class("lead"));
        Foldout.Write(html, "all counts", "count", [.. ordered.Select(Status)], "figures", ["count", "verdict", "A", "B", "note"], () =>
        {
            foreach (FigureComparison figure in ordered)
            {
                using (html.Open(Tag.Tr))
                {
                    html.Element(Tag.Th, Numbers.Cut(figure.Figure.Name, 120), Attr.Scope("row"));
                    using (html.Open(Tag.Td))
                    {
                        html.Chip(Status(figure));
                    }

                    html.Element(Tag.Td, FigureParts.WithUnit(figure.First, figure.Figure.Unit), Attr.Column("A"));
                    html.Element(Tag.Td, FigureParts.WithUnit(figure.Second, figure.Figure.Unit), Attr.Column("B"));
                    html.Element(Tag.Td, Numbers.Cut(figure.Why ?? "", 120));
                }
            }
        });
    }

    private void WriteFacts(HtmlWriter html)
    {
        html.Element(Tag.H3, "How it was compared");
        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            html.Fact("A", Target(report.A));
            html.Fact("B", Target(report.B));
            html.Fact("plan", Numbers.Cut(report.Plan, 80));
            html.Fact("started", Numbers.Minute(report.StartedAt));
            foreach ((string name, string value) in report.Environment.OrderBy(e => e.Key, StringComparer.Ordinal).Take(100))
            {
                html.Fact(Numbers.Cut(name, 40), Numbers.Cut(value, 300));
            }
        }
    }

    private static string Target(ComparedTarget target) => Numbers.Cut(target.Name, 200) + (target.Digest is { } digest ? $", sha256 {Numbers.Cut(digest, 80)}" : "");

    private static string Label(FigureComparison figure) => Parameter.Parse(figure.Figure.Parameter).Label is { Length: > 0 } label ? label : "all";

    private static string Words(FigureComparison figure) =>
        $"{(figure.Decides ? Word(figure.Verdict) : $"({Word(figure.Verdict)})")} {Numbers.Ratio(figure.Slowdown!.Ratio)} ({Numbers.Ratio(figure.Slowdown.Lower)}–{Numbers.Ratio(figure.Slowdown.Upper)})";

    private static string Word(PerfVerdict verdict) => verdict switch { PerfVerdict.Slower => "slower", PerfVerdict.Faster => "faster", PerfVerdict.Equivalent => "equivalent", _ => "inconclusive" };

    private static int Rank(FigureComparison figure) => (figure.Decides ? 0 : 10) + (figure.Verdict switch { PerfVerdict.Slower => 0, PerfVerdict.Inconclusive => 1, PerfVerdict.Faster => 2, _ => 3 });

    private sealed record FamilyPart(string Name, IReadOnlyList<FigureComparison> Figures);
}
