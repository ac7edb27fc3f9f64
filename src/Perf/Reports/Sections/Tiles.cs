using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>The few figures that people ask for first.</summary>
internal static class Tiles
{
    private const string MebiPerSecond = "MiB/s";

    private static readonly (string Family, long Size, string Words, bool IsCounted)[] Asked =
    [
        ("stream/guest-to-host/throughput", 65_536, "guest to host", false),
        ("stream/host-to-guest/throughput", 65_536, "host to guest", false),
        ("stream/guest-to-host/throughput", 64, "messages guest to host", true),
        ("stream/host-to-guest/throughput", 64, "messages host to guest", true),
        // Those without a size are measured once, under whatever parameter.
        ("stream/round-trip/p50", 64, "there and back, half within", false),
        ("stream/connect/rate", 0, "connections made and closed", false),
        ("stream/fairness/jain", 0, "fairness, 1 is fair", false),
        ("idle/cpu", 0, "processor while idle", false),
        ("memory/per-connection", 0, "memory for each connection", false),
    ];

    public static void Write(HtmlWriter html, RunView target)
    {
        (string Words, MeasuredFigure Figure, bool IsCounted)[] found =
        [
            .. from asked in Asked
               let figure = asked.Size > 0 ? target.Usual(asked.Family, asked.Size) : target.First(asked.Family)
               where figure is not null && (!asked.IsCounted || (figure.Parameter.Size == asked.Size && figure.Figure.Unit == MebiPerSecond))
               select (asked.Words, figure, asked.IsCounted),
        ];
        if (found.Length == 0)
        {
            return;
        }

        using (html.Open(Tag.Ul, Attr.Class("tiles")))
        {
            foreach ((string words, MeasuredFigure figure, bool isCounted) in found)
            {
                using (html.Open(Tag.Li))
                {
                    WriteTile(html, words, figure, isCounted);
                }
            }
        }
    }

    private static void WriteTile(HtmlWriter html, string words, MeasuredFigure figure, bool isCounted)
    {
        string parameter = figure.Parameter.Label is { Length: > 0 } label ? $", {label}" : "";
        html.Element(Tag.Span, words + parameter, Attr.Class("what"));
        using (html.Open(Tag.Span, Attr.Class("value")))
        {
            double middle = figure.Value!.Middle;
            (double value, string unit) = isCounted ? (middle * (1 << 20) / figure.Parameter.Size!.Value / 1e6, "million/s") : (middle, Numbers.Unit(figure.Figure.Unit));
            html.Text(Numbers.Show(value));
            if (unit.Length > 0)
            {
                html.Element(Tag.Span, " " + unit);
            }
        }

        if (figure.Ratio is { } ratio)
        {
            using (html.Open(Tag.Span, Attr.Class("beside")))
            {
                html.Text($"{Numbers.Ratio(ratio.Middle)} of {Numbers.Cut(figure.Beside!.Limit, 30)} ");
                if (figure.IsGoalMet is { } met)
                {
                    html.Chip((met ? GoalsSection.Met : GoalsSection.Missed) with { Word = $"goal {Numbers.Ratio(figure.Goal)}" }, met ? "met" : "missed");
                }
            }
        }
    }
}
