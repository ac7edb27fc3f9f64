using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>What carrying a MiB costs, in counts.</summary>
internal sealed class CountersSection(RunView target) : ISection
{
    private const int MostColumns = 10;
    private const int MostRows = 400;
    private const string UsualUnit = "per MiB";
    private const string Throughput = "throughput";

    private readonly MeasuredFigure[] counters = [.. CountedBeside(target.Figures)];

    public string Id => target.Id("counters");

    public string Title => target.Title("Cost");

    public bool IsEmpty => counters.Length == 0;

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.P, Attr.Class("lead")))
        {
            html.Text("How much of each it takes to carry one MiB, where no other unit is named; fewer is better. ");
            html.Word("kick", "Kicks");
            html.Text(" and ");
            html.Word("call", "calls");
            html.Text(" wake the other side, ");
            html.Word("credit", "credit updates");
            html.Text(" say that there is room again. Processor time is that of the target and of our load generator apart.");
        }

        (string Counter, string Unit)[] columns = [.. counters.Select(f => (Counter(f), f.Figure.Unit)).Distinct().Take(MostColumns)];
        Row[] rows = [.. counters.GroupBy(f => (Carrier(f), f.Figure.Parameter)).Select(g => new Row(g.Key.Item1, [.. g])).Take(MostRows)];
        WriteTable(html, Title, columns, [.. rows.Where(r => r.Parameter.Changes.Count == 0)]);
        Row[] changed = [.. rows.Where(r => r.Parameter.Changes.Count > 0)];
        if (changed.Length > 0)
        {
            using (html.Open(Tag.Details, Attr.Class("more")))
            {
                html.Element(Tag.Summary, $"With something changed: {HtmlParts.Count(changed.Length, "more row")}");
                WriteTable(html, "the same with something changed", columns, changed);
            }
        }
    }

    private static void WriteTable(HtmlWriter html, string title, (string Counter, string Unit)[] columns, Row[] rows)
    {
        using (html.Open(Tag.Div, Attr.Class("scroll"), Attr.TabStop, Attr.Role("group"), Attr.AriaLabel(title)))
        using (html.Open(Tag.Table, Attr.Class("figures narrow")))
        {
            using (html.Open(Tag.Thead))
            using (html.Open(Tag.Tr))
            {
                html.Element(Tag.Th, UsualUnit, Attr.Scope("col"));
                foreach ((string counter, string unit) in columns)
                {
                    html.Element(Tag.Th, Words(counter) + (unit == UsualUnit ? "" : $", {Numbers.Cut(unit, 20)}"), Attr.Scope("col"), Attr.Class("n"));
                }
            }

            using (html.Open(Tag.Tbody))
            {
                foreach (Row row in rows)
                {
                    using (html.Open(Tag.Tr))
                    {
                        html.Element(Tag.Th, FigureParts.Words(row.Carrier, row.Parameter), Attr.Scope("row"));
                        foreach ((string counter, string unit) in columns)
                        {
                            html.Cell(Words(counter), Numbers.Show(row.Counts.FirstOrDefault(f => Counter(f) == counter && f.Figure.Unit == unit)?.Value?.Middle));
                        }
                    }
                }
            }
        }
    }

    /// <summary>Whatever is counted while something is carried; what is measured by itself, such as the idle processor, is no cost of a MiB.</summary>
    private static IEnumerable<MeasuredFigure> CountedBeside(IReadOnlyList<MeasuredFigure> figures)
    {
        HashSet<string> carriers = [.. figures.Where(f => Counter(f) == Throughput).Select(Carrier)];
        return figures.Where(f => f.Value is not null && Counter(f) != Throughput && carriers.Contains(Carrier(f)));
    }

    private static string Counter(MeasuredFigure figure) => figure.Figure.Family[(figure.Figure.Family.LastIndexOf('/') + 1)..];

    private static string Carrier(MeasuredFigure figure) => figure.Figure.Family[..Math.Max(0, figure.Figure.Family.LastIndexOf('/'))];

    private static string Words(string counter) => Numbers.Cut(counter.Replace('-', ' '), 40);

    private sealed record Row(string Carrier, IReadOnlyList<MeasuredFigure> Counts)
    {
        public Parameter Parameter => Counts[0].Parameter;
    }
}
