using Vsockspec.Perf.Measuring;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>Every figure of the run.</summary>
internal sealed class FiguresSection(RunView target) : ISection
{
    private const int Most = 2000;
    private static readonly Status Nothing = new("no value", "unsure", "");

    public string Id => target.Id("figures");

    public string Title => target.Title("All figures");

    public bool IsEmpty => target.Figures.Count == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            "The middle of the repeats and their range. Absolute figures hold for this machine and these minutes only; the ratio to the machine's own limit can be compared between machines."
            + (target.Figures.Count > Most ? $" The first {Most} of {target.Figures.Count} are shown; the files below have all." : ""),
            Attr.Class("lead"));
        string list = $"{Id}-list";
        Filter.Write(html, list, "figures", ["measured", "failed", "disturbed", "goal met", "goal missed", "generator is the limit"]);
        using (html.Open(Tag.Div, Attr.Id(list)))
        {
            foreach (IGrouping<string, MeasuredFigure> family in target.Figures.Take(Most).GroupBy(f => f.Figure.Family, StringComparer.Ordinal))
            {
                WriteFamily(html, family.Key, [.. family]);
            }
        }
    }

    private static void WriteFamily(HtmlWriter html, string name, MeasuredFigure[] figures)
    {
        bool hasLimit = figures.Any(f => f.Beside is not null);
        string unit = Numbers.Cut(figures[0].Figure.Unit, 20);
        string[] columns = hasLimit ? [unit, "lowest to highest", "repeats", "limit", "ratio", "goal"] : [unit, "lowest to highest", "repeats"];
        using (html.Open(Tag.Details, Attr.Class("fold")))
        {
            using (html.Open(Tag.Summary))
            {
                html.Element(Tag.Span, Numbers.Cut(name, 120), Attr.Class("name"));
                html.Element(Tag.Span, HtmlParts.Count(figures.Length, "figure"), Attr.Class("quiet"));
                foreach (IGrouping<string, Status> group in figures.SelectMany(Statuses).GroupBy(s => s.Word, StringComparer.Ordinal))
                {
                    html.Chip(group.First(), $"×{group.Count()}");
                }
            }

            using (html.Open(Tag.Table, Attr.Class("cards figures")))
            {
                using (html.Open(Tag.Thead))
                using (html.Open(Tag.Tr))
                {
                    html.Element(Tag.Th, "parameter", Attr.Scope("col"));
                    foreach (string column in columns)
                    {
                        html.Element(Tag.Th, column, Attr.Scope("col"), Attr.Class("n"));
                    }
                }

                using (html.Open(Tag.Tbody))
                {
                    foreach (MeasuredFigure figure in figures)
                    {
                        WriteRow(html, figure, columns, hasLimit);
                    }
                }
            }
        }

        html.Line();
    }

    private static void WriteRow(HtmlWriter html, MeasuredFigure figure, string[] columns, bool hasLimit)
    {
        using (html.Open(Tag.Tr, Attr.Words(string.Join('|', Words(figure)))))
        {
            string parameter = figure.Parameter.Label is { Length: > 0 } label ? label : "–";
            html.Element(Tag.Th, figure.Workload.BoundBy == Bound.Generator ? $"{parameter} (load generator is the limit)" : parameter, Attr.Scope("row"));
            html.Cell(columns[0], Numbers.Show(figure.Value?.Middle));
            html.Cell(columns[1], Numbers.Range(figure.Value));
            html.Cell(columns[2], HtmlParts.Number(figure.Value?.Count ?? 0));
            if (hasLimit)
            {
                html.Cell(columns[3], Numbers.Show(figure.Limit?.Middle));
                html.Cell(columns[4], Numbers.Ratio(figure.Ratio?.Middle));
                html.Cell(columns[5], figure.Goal is null ? "" : $"{Numbers.Ratio(figure.Goal)}, {(figure.IsGoalMet == true ? "met" : "missed")}");
            }
        }
    }

    private static IEnumerable<Status> Statuses(MeasuredFigure figure)
    {
        if (figure.Workload.Outcome != WorkloadOutcome.Measured)
        {
            yield return Workloads.Status(figure.Workload.Outcome);
        }

        if (figure.Value is null)
        {
            yield return Nothing;
        }

        if (figure.IsGoalMet is { } met)
        {
            yield return met ? GoalsSection.Met : GoalsSection.Missed;
        }
    }

    private static IEnumerable<string> Words(MeasuredFigure figure)
    {
        yield return Workloads.Status(figure.Workload.Outcome).Word;
        if (figure.IsGoalMet is { } met)
        {
            yield return met ? "goal met" : "goal missed";
        }

        if (figure.Workload.BoundBy == Bound.Generator)
        {
            yield return "generator is the limit";
        }
    }
}
