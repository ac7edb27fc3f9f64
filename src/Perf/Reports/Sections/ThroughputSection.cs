using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>How much is carried by size of message, a chart for each kind of socket and direction, beside what the machine's own sockets carry.</summary>
internal sealed class ThroughputSection(RunView target) : ISection
{
    private const string Family = "/throughput";
    private const int MostCharts = 12;

    private readonly IGrouping<string, MeasuredFigure>[] families =
    [
        .. target.Figures.Where(f => f.Figure.Family.EndsWith(Family, StringComparison.Ordinal) && f.Parameter is { Size: > 0, Changes.Count: 0 } && f.Value is not null)
            .GroupBy(f => f.Figure.Family, StringComparer.Ordinal).Take(MostCharts),
    ];

    public string Id => target.Id("throughput");

    public string Title => target.Title("Throughput");

    public bool IsEmpty => families.Length == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            "How much arrives each second over one connection, by the size of the messages. The dashed line is what two programs of this machine carry without vsock between them, in the same minutes. "
            + "The scale is logarithmic: equal steps are equal factors. Marks are the middle of the repeats, the bands reach from the lowest to the highest.",
            Attr.Class("lead"));
        if (families.SelectMany(f => f).Any(f => f.Workload.BoundBy == Bound.Generator))
        {
            html.Element(Tag.P, "Where a table says that the load generator is the limit, the target may be faster than its figure.", Attr.Class("note"));
        }

        Scale up = Scale.Log(families.SelectMany(f => f).SelectMany(f => FigureParts.Extent(f.Value).Concat(FigureParts.Extent(f.Limit))));
        using (html.Open(Tag.Div, Attr.Class("charts")))
        {
            foreach ((int i, IGrouping<string, MeasuredFigure> family) in families.Index())
            {
                ChartDrawing.Write(html, ChartOf($"{Id}-{i}", family.Key, [.. family.OrderBy(f => f.Parameter.Size)], up));
            }
        }
    }

    internal static string FamilyName(string family) => Numbers.Cut(family.Replace(Family, "", StringComparison.Ordinal).Replace('-', ' ').Replace("/", ", ", StringComparison.Ordinal), 60);

    private static Chart ChartOf(string id, string family, MeasuredFigure[] figures, Scale up)
    {
        string unit = Numbers.Cut(figures[0].Figure.Unit, 20);
        MeasuredFigure[] beside = [.. figures.Where(f => f.Limit is not null)];
        string? limit = beside.Length > 0 ? Numbers.Cut(beside[0].Beside!.Limit, 40) : null;
        List<ChartLine> lines = [];
        if (limit is not null)
        {
            lines.Add(new ChartLine(limit, LineStyle.Limit, [.. beside.Select(f => Point(f, f.Limit!, $"{limit}, {f.Parameter.Label}"))]));
        }

        lines.Add(new ChartLine("target", LineStyle.Series[0], [.. figures.Select(f => Point(f, f.Value!, f.Parameter.Label))]));
        MeasuredFigure largest = figures[^1];
        string name = FamilyName(family);
        string description =
            $"Throughput of {name} by size of message, logarithmic in both directions. With {largest.Parameter.Label} the target carries {Numbers.Show(largest.Value!.Middle)} {unit}"
            + (largest.Ratio is { } ratio ? $", {Numbers.Ratio(ratio.Middle)} of {limit}." : ".");
        return new Chart(id, name, "size of messages", unit, description, Scale.Sizes(figures.Select(f => f.Parameter.Size!.Value)), up, lines, new ChartTable(
            ["size", unit, "range", limit ?? "limit", "ratio", "limit is"],
            [.. figures.Select(f => (IReadOnlyList<string>)[f.Parameter.Label, Numbers.Show(f.Value!.Middle), Numbers.Range(f.Value), Numbers.Show(f.Limit?.Middle), Numbers.Ratio(f.Ratio?.Middle), FigureParts.Bound(f.Workload.BoundBy)])]));

        ChartPoint Point(MeasuredFigure figure, Spread spread, string what) => new(
            figure.Parameter.Size!.Value, spread.Middle, spread.Minimum, spread.Maximum, $"{what}: {Numbers.Show(spread.Middle)} {unit} ({Numbers.Range(spread)})");
    }
}
