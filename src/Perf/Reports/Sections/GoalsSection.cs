using Vsockspec.Perf.Measuring;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>What a good back end reaches beside the machine's own limits, and what this one reaches.</summary>
internal sealed class GoalsSection(RunView target) : ISection
{
    private const int Most = 200;

    public static readonly Status Met = new("met", "pass", "The goal is reached.");
    public static readonly Status Missed = new("missed", "loose", "The goal is not reached.");
    private static readonly Status Open = new("open", "unsure", "There is no figure to tell by.");

    private readonly MeasuredFigure[] asked = [.. target.Figures.Where(f => f.Goal is not null).OrderBy(f => f.IsGoalMet switch { false => 0, null => 1, true => 2 })];

    public string Id => target.Id("goals");

    public string Title => target.Title("Goals");

    public bool IsEmpty => asked.Length == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            "Each figure beside what the machine itself does at the same thing in the same minutes. The ratio is 1 where both are as good, and less where the target is worse, whether more or less of the figure is better.",
            Attr.Class("lead"));
        using (html.Open(Tag.Table, Attr.Class("cards figures")))
        {
            using (html.Open(Tag.Thead))
            using (html.Open(Tag.Tr))
            {
                html.Element(Tag.Th, "figure", Attr.Scope("col"));
                html.Element(Tag.Th, "goal", Attr.Scope("col"));
                foreach (string column in (ReadOnlySpan<string>)["ratio", "lowest to highest", "at least", "measured", "machine's limit"])
                {
                    html.Element(Tag.Th, column, Attr.Scope("col"), Attr.Class("n"));
                }
            }

            using (html.Open(Tag.Tbody))
            {
                foreach (MeasuredFigure figure in asked.Take(Most))
                {
                    WriteRow(html, figure);
                }
            }
        }

        if (asked.Length > Most)
        {
            html.Element(Tag.P, $"and {asked.Length - Most} more, which are among all figures below", Attr.Class("note"));
        }
    }

    private static void WriteRow(HtmlWriter html, MeasuredFigure figure)
    {
        using (html.Open(Tag.Tr))
        {
            html.FigureName(figure.Figure, figure.Parameter);
            using (html.Open(Tag.Td))
            {
                html.Chip(figure.IsGoalMet switch { true => Met, false => Missed, null => Open });
            }

            html.Cell("ratio", Numbers.Ratio(figure.Ratio?.Middle));
            html.Cell("lowest to highest", figure.Ratio is { } ratio ? $"{Numbers.Ratio(ratio.Minimum)} to {Numbers.Ratio(ratio.Maximum)}" : "–");
            html.Cell("at least", Numbers.Ratio(figure.Goal));
            html.Cell("measured", FigureParts.WithUnit(figure.Value?.Middle, figure.Figure.Unit), figure.Workload.BoundBy == Bound.Generator ? "load generator is the limit" : null);
            html.Cell("machine's limit", FigureParts.WithUnit(figure.Limit?.Middle, figure.Figure.Unit), Numbers.Cut(figure.Beside!.Limit, 40));
        }
    }
}
