using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>What one thing that is not the default does to the throughput: more connections, another window, another queue.</summary>
internal sealed class VariantsSection(RunView target) : ISection
{
    private const int MostCharts = 12;
    private readonly Group[] groups = [.. Groups(target.Figures).Take(MostCharts)];

    public string Id => target.Id("variants");

    public string Title => target.Title("What changes it");

    public bool IsEmpty => groups.Length == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            "The same throughput with one thing changed: how many connections share the device, how much the receiver lets be under way (window), how long the queues are, whether notifications can be asked for at a place (event index). "
            + "The default is one connection, 1 MiB, 256 and yes. Only changes of one thing at a time are drawn; all figures are in the tables below.",
            Attr.Class("lead"));
        Scale up = Scale.Log(groups.SelectMany(g => g.Figures).SelectMany(f => FigureParts.Extent(f.Value)));
        using (html.Open(Tag.Div, Attr.Class("charts")))
        {
            foreach ((int i, Group group) in groups.Index())
            {
                ChartDrawing.Write(html, ChartOf($"{Id}-{i}", group, up));
            }
        }
    }

    private static IEnumerable<Group> Groups(IEnumerable<MeasuredFigure> figures) =>
        from family in figures
            .Where(f => f.Figure.Family.EndsWith("/throughput", StringComparison.Ordinal) && f.Parameter is { Size: > 0, Changes.Count: < 2 } && f.Value is not null)
            .GroupBy(f => f.Figure.Family, StringComparer.Ordinal)
        from dimension in family.Where(f => f.Parameter.Changes.Count == 1).GroupBy(f => f.Parameter.Changes[0].Dimension, StringComparer.Ordinal)
        select new Group(family.Key, dimension.Key, [.. family.Where(f => f.Parameter.Changes.Count == 0), .. dimension.OrderBy(f => f.Parameter.Changes[0].Value)]);

    private static Chart ChartOf(string id, Group group, Scale up)
    {
        string unit = Numbers.Cut(group.Figures[0].Figure.Unit, 20);
        string what = group.Dimension switch { "flows" => "connections", "event-idx" => "event index", "other" => "other changes", var other => other };
        string title = $"{ThroughputSection.FamilyName(group.Family)}: {what}";
        IGrouping<string, MeasuredFigure>[] variants = [.. group.Figures.GroupBy(f => f.Parameter.Variant, StringComparer.Ordinal).Take(LineStyle.Series.Count)];
        return new Chart(
            id,
            title,
            "size of messages",
            unit,
            $"Throughput by size of message, logarithmic in both directions, a line for each: {string.Join(", ", variants.Select(v => Label(v.First(), group.Dimension)))}.",
            Scale.Sizes(group.Figures.Select(f => f.Parameter.Size!.Value)),
            up,
            [.. variants.Select((v, i) => new ChartLine(Label(v.First(), group.Dimension), LineStyle.Series[i], [.. v.OrderBy(f => f.Parameter.Size).Select(f => Point(f, unit))]))],
            new ChartTable(
                ["", unit, "range"],
                [.. group.Figures.Select(f => (IReadOnlyList<string>)[f.Parameter.Changes.Count == 0 ? $"{f.Parameter.Label}, default" : f.Parameter.Label, Numbers.Show(f.Value!.Middle), Numbers.Range(f.Value)])]));
    }

    /// <summary>What is changed, to which value; the chart's title has the rest.</summary>
    private static string Label(MeasuredFigure figure, string dimension) => (dimension, figure.Parameter.Changes is [var only, ..] ? only : null) switch
    {
        ("flows", null) => "1 flow",
        ("window", null) => "1 MiB",
        ("queue", null) => "256",
        ("event-idx", null) => "used",
        ("event-idx", _) => "not used",
        (_, null) => "default",
        ("window", { } change) => Numbers.Bytes(change.Value),
        ("queue", { } change) => $"{change.Value}",
        (_, { } change) => change.Label,
    };

    private static ChartPoint Point(MeasuredFigure figure, string unit) => new(
        figure.Parameter.Size!.Value, figure.Value!.Middle, Tip: $"{figure.Parameter.Label}: {Numbers.Show(figure.Value.Middle)} {unit} ({Numbers.Range(figure.Value)})");

    private sealed record Group(string Family, string Dimension, IReadOnlyList<MeasuredFigure> Figures);
}
