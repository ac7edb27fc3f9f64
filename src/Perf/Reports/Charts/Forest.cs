using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Charts;

/// <param name="Label">What the interval is of.</param>
/// <param name="Words">The same in words and numbers.</param>
/// <param name="Style">Class of the style sheet: <c>pass</c>, <c>fail</c>, <c>unsure</c>, <c>quiet</c>.</param>
/// <param name="Lower">0 where nothing bounds it.</param>
/// <param name="Upper">Infinity where nothing bounds it.</param>
internal sealed record ForestRow(string Label, string Words, string Style, double Ratio, double Lower, double Upper);

/// <summary>Ratios with their intervals, one below the other, before the band of what does not matter.</summary>
internal static class Forest
{
    private const double RowHeight = 40;
    private const double Foot = 44;

    /// <param name="id">Unique in the page.</param>
    /// <param name="tolerance">0.03: a change of 3 % does not matter.</param>
    public static void Write(HtmlWriter html, string id, string title, string description, double tolerance, IReadOnlyList<ForestRow> rows, ChartTable table)
    {
        Scale scale = Scale.Slowdown(rows.SelectMany(r => new[] { r.Ratio, r.Lower, r.Upper }), tolerance);
        double height = rows.Count * RowHeight;
        using (html.Open(Tag.Figure, Attr.Class("chart forest")))
        {
            html.Element(Tag.Figcaption, title);
            using (html.Open(Tag.Svg, Attr.Class("draw"), Attr.Role("img"), Attr.LabelledBy($"{id}-t", $"{id}-d"), Attr.FullWidth, Attr.Height((int)(height + Foot))))
            {
                html.Element(Tag.Title, title, Attr.Id($"{id}-t"));
                html.Element(Tag.Desc, description, Attr.Id($"{id}-d"));
                WriteAxis(html, scale, tolerance, height);
                foreach ((int i, ForestRow row) in rows.Index())
                {
                    WriteRow(html, scale, row, i * RowHeight);
                }
            }

            ChartDrawing.WriteTable(html, title, table);
        }

        html.Line();
    }

    private static void WriteAxis(HtmlWriter html, Scale scale, double tolerance, double height)
    {
        double low = scale.Of(1 / (1 + tolerance));
        using (html.Open(Tag.G, Attr.Class("axes")))
        {
            html.Empty(Tag.Rect, Attr.Class("tolerated"), Attr.Across(low), Attr.Breadth(scale.Of(1 + tolerance) - low), Attr.Down(0), Attr.Height((int)height));
            foreach (Tick tick in scale.Ticks)
            {
                html.Empty(Tag.LineTo, Attr.AcrossFrom(tick.Place), Attr.AcrossTo(tick.Place), Attr.DownFrom(0), Attr.DownTo(height + 4));
                html.Element(Tag.SvgText, tick.Label, Attr.Class("under"), Attr.Across(tick.Place), Attr.Down(height + 18));
            }

            html.Element(Tag.SvgText, "← faster, cheaper", Attr.Class("name"), Attr.Across(0), Attr.Down(height + 36));
            html.Element(Tag.SvgText, "slower, dearer →", Attr.Class("name left"), Attr.Across(1), Attr.Down(height + 36));
        }
    }

    private static void WriteRow(HtmlWriter html, Scale scale, ForestRow row, double top)
    {
        double y = top + 29;
        using (html.Open(Tag.G, Attr.Class("row " + row.Style)))
        {
            html.Element(Tag.SvgText, row.Label, Attr.Class("what"), Attr.Across(0), Attr.Down(top + 15));
            html.Element(Tag.SvgText, row.Words, Attr.Class("words left"), Attr.Across(1), Attr.Down(top + 15));
            html.Empty(Tag.LineTo, Attr.Class("interval"), Attr.AcrossFrom(scale.Of(row.Lower)), Attr.AcrossTo(scale.Of(row.Upper)), Attr.DownFrom(y), Attr.DownTo(y));
            html.Empty(Tag.Use, Attr.Class("shape"), Attr.To(Anchor.OfMark(Shape(row.Style))), Attr.Across(scale.Of(row.Ratio)), Attr.Down(y));
        }
    }

    /// <summary>A shape for each verdict.</summary>
    private static string Shape(string style) => style switch { "fail" => "s3", "pass" => "s0", _ => "s1" };
}
