using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>Pieces of tables that several sections use.</summary>
internal static class FigureParts
{
    private const int LongestUnit = 20;

    /// <summary>A row's first cell: the figure in words, its permanent name below.</summary>
    public static void FigureName(this HtmlWriter html, Figure figure, Parameter parameter)
    {
        using (html.Open(Tag.Th, Attr.Scope("row")))
        {
            html.Element(Tag.Span, Words(figure.Family, parameter), Attr.Class("name"));
            html.Element(Tag.Code, Numbers.Cut(figure.Name, 160), Attr.Class("clause"));
        }
    }

    /// <summary>A number's cell.</summary>
    /// <param name="column">Its heading, shown beside it where there is no room for a table.</param>
    /// <param name="below">What is to be said of it.</param>
    public static void Cell(this HtmlWriter html, string column, string text, string? below = null)
    {
        using (html.Open(Tag.Td, Attr.Class("n"), Attr.Column(column)))
        {
            html.Text(text);
            if (below is not null)
            {
                html.Element(Tag.Span, below, Attr.Class("why"));
            }
        }
    }

    public static string Words(string family, Parameter parameter)
    {
        string what = Numbers.Cut(family.Replace('-', ' ').Replace("/", ", ", StringComparison.Ordinal), 80);
        return parameter.Label is { Length: > 0 } label ? $"{what}, {label}" : what;
    }

    public static string WithUnit(double? value, string unit) => value is null ? "–" : $"{Numbers.Show(value)}{Numbers.Blank}{Numbers.Cut(unit, LongestUnit)}";

    /// <summary>What a scale has to have room for.</summary>
    public static IEnumerable<double> Extent(Spread? spread) => spread is null ? [] : [spread.Minimum, spread.Maximum];

    public static string Bound(Bound bound) => bound switch
    {
        Measuring.Bound.Target => "the target",
        Measuring.Bound.Generator => "the load generator",
        _ => "–",
    };
}
