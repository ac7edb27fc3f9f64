using System.Text;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Charts;

/// <summary>
/// Draws charts that are as wide as their place while their texts keep their size: places across are parts of the width, and lines are in a drawing of their own that is stretched.
/// </summary>
internal static class ChartDrawing
{
    /// <summary>Pixels between the lowest and the highest place.</summary>
    private const double Height = 220;

    private const double LabelHeight = 15;
    private const double WidestMark = 0.75;
    private const int MarkRows = 4;
    private const int LongestLabel = 15;
    private const int MostTips = 40;

    private static readonly (string Name, string Path)[] Shapes =
    [
        ("s0", "M-4.500 0a4.500 4.500 0 1 0 9 0a4.500 4.500 0 1 0 -9 0z"),
        ("s1", "M-4-4h8v8h-8z"),
        ("s2", "M0-5.500L5.200 4H-5.200z"),
        ("s3", "M0-5.500L5.500 0 0 5.500-5.500 0z"),
        ("s4", "M0 5.500L5.200-4H-5.200z"),
        ("s5", "M-5-1.700h3.300V-5h3.400v3.300H5v3.400H1.700V5h-3.400V1.700H-5z"),
        ("limit", "M-3.500-3.500l7 7M-3.500 3.500l7-7"),
    ];

    /// <summary>Shapes that the charts use by name.</summary>
    public static void WriteShapes(HtmlWriter html)
    {
        using (html.Open(Tag.Svg, Attr.Class("icons"), Attr.Decorative))
        using (html.Open(Tag.Defs))
        {
            foreach ((string name, string path) in Shapes)
            {
                html.Empty(Tag.Path, Attr.Id(Anchor.OfMark(name).Name), Attr.Draw(path));
            }
        }
    }

    public static void Write(HtmlWriter html, Chart chart)
    {
        using (html.Open(Tag.Figure, Attr.Class("chart")))
        {
            html.Element(Tag.Figcaption, chart.Title);
            using (html.Open(Tag.Div, Attr.Class(Room(chart))))
            using (html.Open(Tag.Svg, Attr.Class("draw"), Attr.Role("img"), Attr.LabelledBy($"{chart.Id}-t", $"{chart.Id}-d"), Attr.FullWidth, Attr.Height((int)Height)))
            {
                html.Element(Tag.Title, chart.Title, Attr.Id($"{chart.Id}-t"));
                html.Element(Tag.Desc, chart.Description, Attr.Id($"{chart.Id}-d"));
                WriteAxes(html, chart);
                WriteMarks(html, chart);
                WriteLines(html, chart);
                WriteLabels(html, chart);
            }

            WriteTable(html, chart.Title, chart.Table);
        }

        html.Line();
    }

    /// <summary>The figures behind a chart, folded away.</summary>
    public static void WriteTable(HtmlWriter html, string title, ChartTable table)
    {
        using (html.Open(Tag.Details, Attr.Class("more")))
        {
            html.Element(Tag.Summary, $"Table: {title}");
            using (html.Open(Tag.Div, Attr.Class("scroll"), Attr.TabStop, Attr.Role("group"), Attr.AriaLabel(title)))
            using (html.Open(Tag.Table, Attr.Class("data")))
            {
                html.Head(table.Columns);
                using (html.Open(Tag.Tbody))
                {
                    foreach (IReadOnlyList<string> row in table.Rows)
                    {
                        using (html.Open(Tag.Tr))
                        {
                            html.Element(Tag.Th, row[0], Attr.Scope("row"));
                            foreach (string cell in row.Skip(1))
                            {
                                html.Element(Tag.Td, cell);
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>A line of values without axes.</summary>
    public static void WriteSpark(HtmlWriter html, IReadOnlyList<double> values)
    {
        Scale y = Scale.Linear(values, fromZero: false);
        double last = Math.Max(1, values.Count - 1);
        using (html.Open(Tag.Svg, Attr.Class("spark"), Attr.ViewBox("0 0 100 24"), Attr.Stretch, Attr.Decorative))
        {
            html.Empty(Tag.Path, Attr.Draw(Through(values.Select((v, i) => (100 * i / last, 22 - (20 * y.Of(v)))))));
        }
    }

    /// <summary>Class of the style sheet that leaves as much room for the labels as they need.</summary>
    private static string Room(Chart chart) => "plot " + chart.Lines.Max(l => l.Label?.Length ?? 0) switch { 0 => "bare", <= 7 => "near", <= 11 => "far", _ => "farthest" };

    private static double Down(Scale y, double value) => Height * (1 - y.Of(value));

    private static void WriteAxes(HtmlWriter html, Chart chart)
    {
        using (html.Open(Tag.G, Attr.Class("axes")))
        {
            foreach (Tick tick in chart.Y.Ticks)
            {
                double y = Height * (1 - tick.Place);
                html.Empty(Tag.LineTo, Attr.AcrossFrom(0), Attr.AcrossTo(1), Attr.DownFrom(y), Attr.DownTo(y));
                html.Element(Tag.SvgText, tick.Label, Attr.Class("left"), Attr.Across(0), Attr.Beside(-8), Attr.Down(y + 4));
            }

            html.Empty(Tag.LineTo, Attr.Class("base"), Attr.AcrossFrom(0), Attr.AcrossTo(1), Attr.DownFrom(Height), Attr.DownTo(Height));
            foreach (Tick tick in chart.X.Ticks)
            {
                html.Empty(Tag.LineTo, Attr.Class("base"), Attr.AcrossFrom(tick.Place), Attr.AcrossTo(tick.Place), Attr.DownFrom(Height), Attr.DownTo(Height + 5));
                html.Element(Tag.SvgText, tick.Label, Attr.Class(tick.IsMinor ? "under minor" : "under"), Attr.Across(tick.Place), Attr.Down(Height + 19));
            }

            html.Element(Tag.SvgText, chart.Up, Attr.Class("name"), Attr.Across(0), Attr.Beside(-46), Attr.Down(-14));
            html.Element(Tag.SvgText, chart.Across, Attr.Class("name under"), Attr.Across(0.5), Attr.Down(Height + 38));
        }
    }

    private static void WriteMarks(HtmlWriter html, Chart chart)
    {
        int row = 0;
        double before = double.NegativeInfinity;
        foreach (ChartMark mark in chart.Marks)
        {
            // A label that may reach the next one stands on a line of its own.
            double x = chart.X.Of(mark.X);
            row = x - before < WidestMark ? (row + 1) % MarkRows : 0;
            before = x;
            using (html.Open(Tag.G, Attr.Class($"mark {mark.Style}")))
            {
                html.Empty(Tag.LineTo, Attr.AcrossFrom(x), Attr.AcrossTo(x), Attr.DownFrom(0), Attr.DownTo(Height));
                html.Element(Tag.SvgText, mark.Label, Attr.Class(x > 0.6 ? "left" : "right"), Attr.Across(x), Attr.Beside(x > 0.6 ? -5 : 5), Attr.Down(10 + (row * LabelHeight)));
            }
        }
    }

    private static void WriteLines(HtmlWriter html, Chart chart)
    {
        using (html.Open(Tag.Svg, Attr.Class("lines"), Attr.ViewBox($"0 0 1000 {Attr.Pixels(Height)}"), Attr.Stretch, Attr.FullWidth, Attr.Height((int)Height)))
        {
            foreach (ChartLine line in chart.Lines)
            {
                using (html.Open(Tag.G, Attr.Class(line.Style.Class)))
                {
                    WritePath(html, chart, line);
                }
            }
        }

        foreach (ChartLine line in chart.Lines.Where(l => l.Style != LineStyle.Dots && l.Style != LineStyle.Level))
        {
            using (html.Open(Tag.G, Attr.Class(line.Style.Class)))
            {
                foreach ((int i, ChartPoint point) in line.Points.Index())
                {
                    WritePoint(html, chart, line.Style, point, hasTip: i < MostTips);
                }
            }
        }
    }

    private static void WritePath(HtmlWriter html, Chart chart, ChartLine line)
    {
        (double X, double Y)[] places = [.. line.Points.Select(p => (1000 * chart.X.Of(p.X), Down(chart.Y, p.Y)))];
        if (line.Style == LineStyle.Dots)
        {
            StringBuilder dots = new();
            foreach ((double x, double y) in places)
            {
                dots.Append('M').Append(Attr.Pixels(x)).Append(' ').Append(Attr.Pixels(y)).Append("h0");
            }

            html.Empty(Tag.Path, Attr.Class("points"), Attr.Draw(dots.ToString()));
            return;
        }

        ChartPoint[] ranged = [.. line.Points.Where(p => p is { Low: not null, High: not null })];
        if (ranged.Length > 1)
        {
            IEnumerable<(double, double)> there = ranged.Select(p => (1000 * chart.X.Of(p.X), Down(chart.Y, p.High!.Value)));
            IEnumerable<(double, double)> back = ranged.Reverse().Select(p => (1000 * chart.X.Of(p.X), Down(chart.Y, p.Low!.Value)));
            html.Empty(Tag.Path, Attr.Class("band"), Attr.Draw(Through(there.Concat(back)) + "z"));
        }

        if (places.Length > 1)
        {
            html.Empty(Tag.Path, Attr.Class("through"), Attr.Draw(Through(places)));
        }
    }

    private static void WritePoint(HtmlWriter html, Chart chart, LineStyle style, ChartPoint point, bool hasTip)
    {
        double x = chart.X.Of(point.X);
        using (html.Open(Tag.G))
        {
            if (hasTip && point.Tip is { } tip)
            {
                html.Element(Tag.Title, tip);
            }

            if (point is { Low: { } low, High: { } high })
            {
                html.Empty(Tag.LineTo, Attr.Class("range"), Attr.AcrossFrom(x), Attr.AcrossTo(x), Attr.DownFrom(Down(chart.Y, high)), Attr.DownTo(Down(chart.Y, low)));
            }

            html.Empty(Tag.Use, Attr.Class("shape"), Attr.To(Anchor.OfMark(style.Class)), Attr.Across(x), Attr.Down(Down(chart.Y, point.Y)));
        }
    }

    /// <summary>The name of each line at its end, as close as the others let it be.</summary>
    private static void WriteLabels(HtmlWriter html, Chart chart)
    {
        (ChartLine Line, double X, double Y)[] ends =
        [
            .. chart.Lines.Where(l => l.Label is not null && l.Points.Count > 0)
                .Select(l => (l, chart.X.Of(l.Points[^1].X), Down(chart.Y, l.Points[^1].Y)))
                .OrderBy(e => e.Item3),
        ];
        double[] places = Apart([.. ends.Select(e => e.Y)], LabelHeight, Height);
        foreach ((int i, (ChartLine line, double x, double y)) in ends.Index())
        {
            using (html.Open(Tag.G, Attr.Class(line.Style.Class)))
            {
                if (x < 0.99)
                {
                    html.Empty(Tag.LineTo, Attr.Class("lead"), Attr.AcrossFrom(x), Attr.AcrossTo(1), Attr.DownFrom(y), Attr.DownTo(places[i]));
                }

                html.Empty(Tag.Use, Attr.Class("shape"), Attr.To(Anchor.OfMark(line.Style.Class)), Attr.Across(1), Attr.Down(places[i]), Attr.Shifted(15));
                html.Element(Tag.SvgText, Numbers.Cut(line.Label!, LongestLabel), Attr.Class("label"), Attr.Across(1), Attr.Beside(24), Attr.Down(places[i] + 4));
            }
        }
    }

    /// <summary>Places near <paramref name="wanted"/>, in its order, no two closer than <paramref name="gap"/> where the height allows that.</summary>
    internal static double[] Apart(IReadOnlyList<double> wanted, double gap, double height)
    {
        double step = wanted.Count > 1 ? Math.Min(gap, height / (wanted.Count - 1)) : gap;
        double[] places = [.. wanted];
        for (int i = 1; i < places.Length; i++)
        {
            places[i] = Math.Max(places[i], places[i - 1] + step);
        }

        for (int i = places.Length - 1; i >= 0; i--)
        {
            places[i] = Math.Min(places[i], i == places.Length - 1 ? height : places[i + 1] - step);
        }

        return places;
    }

    private static string Through(IEnumerable<(double X, double Y)> places)
    {
        StringBuilder path = new();
        foreach ((double x, double y) in places)
        {
            path.Append(path.Length == 0 ? 'M' : 'L').Append(Attr.Pixels(x)).Append(' ').Append(Attr.Pixels(y));
        }

        return path.ToString();
    }
}
