using System.Globalization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Fitness;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>How often the nights' comparison accuses a target of being slower than itself.</summary>
internal sealed class AlarmRateSection(AlarmNights nights) : ISection
{
    private const int MostNamed = 8;
    private const int LongestName = 80;
    private const int LongestReason = 300;

    private static readonly Status Alarm = new("false alarm", "fail", "");
    private static readonly Status NoAlarm = new("no alarm", "pass", "");
    private static readonly Status Unfit = new("not fit", "unsure", "");
    private static readonly Status Counted = new("counted", "info", "");

    public string Id => "alarms";

    public string Title => "False alarms";

    public void Write(HtmlWriter html)
    {
        html.Element(Tag.P, "The target compared with itself, as two targets are: whatever that calls slower is a false alarm.", Attr.Class("lead"));
        if (nights.Last is not { } last)
        {
            html.Element(Tag.P, "No night of this history was compared with itself, so that nothing is known of the rate.", Attr.Class("note"));
            return;
        }

        using (html.Open(Tag.Table, Attr.Class("cards figures")))
        {
            using (html.Open(Tag.Thead))
            using (html.Open(Tag.Tr))
            {
                html.Element(Tag.Th, "asked", Attr.Scope("col"));
                html.Element(Tag.Th, "", Attr.Scope("col"));
                foreach (string column in (ReadOnlySpan<string>)["accused", "of"])
                {
                    html.Element(Tag.Th, column, Attr.Scope("col"), Attr.Class("n"));
                }

                html.Element(Tag.Th, "says", Attr.Scope("col"));
            }

            using (html.Open(Tag.Tbody))
            {
                WriteLast(html, last);
                WriteRow(html, "nights so far", Counted, nights.Alarms, $"the true rate is {Interval(nights.Alarms)}: nights are independent of each other");
                if (last.Rates is { } rates)
                {
                    WriteRow(html, "the last night's runs, labelled anew", Counted, rates.Relabelled, $"{Percent(rates.Relabelled.Part)}, of those minutes only: the labellings share their runs");
                    WriteRow(html, "simulated with the spread seen", Counted, rates.Simulated, $"{Interval(rates.Simulated)}, if runs scatter around one value and figures do not depend on each other; {Percent(rates.SimulatedOpen.Part)} end inconclusive");
                }
            }
        }

        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            html.Fact("last night's target", Numbers.Cut(last.Target.Name, LongestName));
            html.Fact("plan", Numbers.Cut(last.Plan, LongestName));
            html.Fact("started", Numbers.Minute(last.StartedAt));
            html.Fact("runs", last.Rates is { } rates ? $"{HtmlParts.Number(rates.RunsEach)}, the target twice in turn in each; tolerance {Numbers.Percent(last.Options.Tolerance)}" : null);
        }
    }

    private static void WriteLast(HtmlWriter html, AlarmRateReport last)
    {
        if (FitnessWatch.WhyUnfit(last.Conditions) is { } unfit)
        {
            WriteRow(html, "the last night", Unfit, new Rate(0, 0), Numbers.Cut($"it does not count, the machine was unfit: {unfit}", LongestReason));
            return;
        }

        bool isAlarm = last.Accused.Count > 0;
        string more = last.Accused.Count > MostNamed ? $", and {last.Accused.Count - MostNamed} more" : "";
        WriteRow(
            html,
            "the last night",
            isAlarm ? Alarm : NoAlarm,
            new Rate(isAlarm ? 1 : 0, 1),
            isAlarm ? string.Join(", ", last.Accused.Take(MostNamed).Select(figure => Numbers.Cut(figure, LongestName))) + more : $"{last.Verdict}");
    }

    private static void WriteRow(HtmlWriter html, string what, Status status, Rate rate, string says)
    {
        using (html.Open(Tag.Tr))
        {
            html.Element(Tag.Th, what, Attr.Scope("row"));
            using (html.Open(Tag.Td))
            {
                html.Chip(status);
            }

            html.Cell("accused", HtmlParts.Number(rate.Count));
            html.Cell("of", HtmlParts.Number(rate.Times));
            html.Element(Tag.Td, says);
        }
    }

    private static string Interval(Rate rate) => $"{Percent(rate.Lower)} to {Percent(rate.Upper)} (95{Numbers.Blank}%)";

    private static string Percent(double part) => Numbers.IsUsable(part) ? (part * 100).ToString("0.00", CultureInfo.InvariantCulture) + Numbers.Blank + "%" : "–";
}
