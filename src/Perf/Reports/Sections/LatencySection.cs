using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>How long answers take: by percentile, and by how much is asked of the target.</summary>
internal sealed class LatencySection(RunView target) : ISection
{
    private const int MostCharts = 8;
    private const int MostFiles = 40;

    private readonly CurveGroup[] distributions =
    [
        .. target.Curves.Where(c => LatencyShape.Usable(c).Count > 0)
            .GroupBy(c => c.OfferedPerSecond is null ? "closed loop" : $"open loop: {LatencyShape.Subject(c.Name)}", StringComparer.Ordinal)
            .SelectMany(g => g.Chunk(LineStyle.Series.Count).Select((part, i) => new CurveGroup(i == 0 ? g.Key : $"{g.Key} ({i + 1})", part)))
            .Take(MostCharts),
    ];

    private readonly CurveGroup[] planes =
    [
        .. target.Curves.Where(c => c.OfferedPerSecond is not null && LatencyShape.Usable(c).Count > 0 && Numbers.IsUsable(c.AchievedPerSecond))
            .GroupBy(c => LatencyShape.Subject(c.Name), StringComparer.Ordinal)
            .Where(g => g.Count() > 1)
            .Select(g => new CurveGroup(g.Key, [.. g.OrderBy(c => c.AchievedPerSecond)]))
            .Take(MostCharts),
    ];

    public string Id => target.Id("latency");

    public string Title => target.Title("Latency");

    public bool IsEmpty => distributions.Length == 0;

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.P, Attr.Class("lead")))
        {
            html.Text("How long a message and its answer take. At 99, one answer in a hundred takes longer than the line says; each label to the right is ten times rarer. In a ");
            html.Word("closed loop");
            html.Text(" the next message is sent when the last is back; in an ");
            html.Word("open loop");
            html.Text(" messages are due at a fixed rate and each is timed from when it was due, so that a target that falls behind cannot hide it.");
        }

        Scale up = Scale.Log(distributions.SelectMany(d => d.Curves).SelectMany(LatencyShape.Usable).Where(IsDrawn).Select(p => p.Microseconds));
        using (html.Open(Tag.Div, Attr.Class("charts wide")))
        {
            foreach ((int i, CurveGroup load) in distributions.Index())
            {
                ChartDrawing.Write(html, Distribution($"{Id}-{i}", load, up));
            }
        }

        WriteHistograms(html);
        if (planes.Length == 0)
        {
            return;
        }

        html.Element(Tag.H3, "Latency by load");
        html.Element(
            Tag.P,
            "To the right: how many messages came back each second. Above: how long they took, half of them (p50) and the slowest of a hundred (p99). A line that turns upwards is where the target cannot follow any more.",
            Attr.Class("lead"));
        using (html.Open(Tag.Div, Attr.Class("charts wide")))
        {
            foreach ((int i, CurveGroup load) in planes.Index())
            {
                ChartDrawing.Write(html, Plane($"{Id}-load-{i}", load));
            }
        }
    }

    private void WriteHistograms(HtmlWriter html)
    {
        string[] files = [.. target.Histograms.Take(MostFiles)];
        if (files.Length > 0)
        {
            using (html.Open(Tag.P, Attr.Class("note")))
            {
                html.Text("Every latency, as histograms of HdrHistogram: ");
                html.Separated(files, file => html.FileLink(file, Numbers.Cut(file, 80)));
            }
        }
    }

    private static Chart Distribution(string id, CurveGroup load, Scale up)
    {
        IReadOnlyList<double> columns = [50, 90, 99, 99.9, 100];
        return new Chart(
            id,
            Numbers.Cut(load.Name, 80),
            "percentile",
            "µs",
            $"Latency by percentile, both logarithmic, of {string.Join("; ", load.Curves.Select(c => $"{LatencyShape.Label(c)}: half within {Numbers.Show(LatencyShape.At(c, 50))} µs, 99 % within {Numbers.Show(LatencyShape.At(c, 99))} µs"))}.",
            Scale.Percentiles(load.Curves.SelectMany(LatencyShape.Usable).Select(p => p.Percentile)),
            up,
            [.. load.Curves.Select((c, i) => new ChartLine(LatencyShape.Label(c), LineStyle.Series[i], [.. LatencyShape.Usable(c).Where(IsDrawn).Select(p => Point(c, p))]))],
            new ChartTable(
                ["", "p50 µs", "p90", "p99", "p99.9", "max", "offered/s", "back/s", "count"],
                [
                    .. load.Curves.Select(c => (IReadOnlyList<string>)
                    [
                        LatencyShape.Label(c), .. columns.Select(p => Numbers.Show(LatencyShape.At(c, p))), Numbers.Show(c.OfferedPerSecond), Numbers.Show(c.AchievedPerSecond), HtmlParts.Number(c.Count),
                    ]),
                ]));
    }

    private static bool IsDrawn(LatencyPoint point) => point.Percentile >= 50;

    private static ChartPoint Point(LatencyCurve curve, LatencyPoint point) =>
        new(point.Percentile, point.Microseconds, Tip: $"{LatencyShape.Label(curve)}, {(point.Percentile >= 100 ? "max" : $"p{point.Percentile:0.####}")}: {Numbers.Show(point.Microseconds)} µs");

    private static Chart Plane(string id, CurveGroup load)
    {
        (string Label, double Percentile)[] percentiles = [("p99", 99), ("p50", 50)];
        ChartLine[] lines =
        [
            .. percentiles.Select((p, i) => new ChartLine(p.Label, LineStyle.Series[1 - i],
            [
                .. from curve in load.Curves
                   let latency = LatencyShape.At(curve, p.Percentile)
                   where latency is not null
                   select new ChartPoint(curve.AchievedPerSecond, latency.Value, Tip: $"{LatencyShape.Label(curve)}, {Numbers.Show(curve.AchievedPerSecond)} messages/s: {p.Label} {Numbers.Show(latency)} µs"),
            ])),
        ];
        return new Chart(
            id,
            Numbers.Cut(load.Name, 80),
            "messages back, per second",
            "µs",
            $"Latency by load. {string.Join("; ", load.Curves.Select(c => $"{LatencyShape.Label(c)}: {Numbers.Show(c.AchievedPerSecond)} messages per second, half within {Numbers.Show(LatencyShape.At(c, 50))} µs, 99 % within {Numbers.Show(LatencyShape.At(c, 99))} µs"))}.",
            Scale.Linear(load.Curves.Select(c => c.AchievedPerSecond), fromZero: true),
            Scale.Log(lines.SelectMany(l => l.Points).Select(p => p.Y)),
            lines,
            new ChartTable(
                ["load", "offered/s", "back/s", "p50 µs", "p99 µs", "kept up"],
                [
                    .. load.Curves.Select(c => (IReadOnlyList<string>)
                    [
                        LatencyShape.Label(c), Numbers.Show(c.OfferedPerSecond), Numbers.Show(c.AchievedPerSecond), Numbers.Show(LatencyShape.At(c, 50)), Numbers.Show(LatencyShape.At(c, 99)),
                        LatencyShape.KeptUp(c) ? "yes" : "no",
                    ]),
                ]));
    }

    private sealed record CurveGroup(string Name, IReadOnlyList<LatencyCurve> Curves);
}
