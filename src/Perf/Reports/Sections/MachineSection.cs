using Vsockspec.Perf.Measuring;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>What was measured, where and when, and whether the machine was fit for it.</summary>
internal sealed class MachineSection(RunView target) : ISection
{
    private const int MostRows = 200;
    private readonly PerfReport report = target.Report;

    public string Id => target.Id("machine");

    public string Title => target.Title("How it was measured");

    public static Status Status(ConditionGrade grade) => grade switch
    {
        ConditionGrade.Good => new("good", "pass", ""),
        ConditionGrade.Doubtful => new("doubtful", "loose", "Not as one would have it."),
        ConditionGrade.Unfit => new("unfit", "fail", "Nothing measured under it decides."),
        _ => new("unknown", "none", "This machine does not tell."),
    };

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            html.Fact("target", report.Target.Version is { } version ? $"{Numbers.Cut(report.Target.Name, 200)} {Numbers.Cut(version, 80)}" : Numbers.Cut(report.Target.Name, 200));
            html.Fact("its program", report.Target.Digest is { } digest ? $"sha256 {Numbers.Cut(digest, 80)}" : "no digest: it is not a file that could be read", code: report.Target.Digest is not null);
            html.Fact("plan", Numbers.Cut(report.Plan.Name, 80));
            html.Fact("its text", report.Plan.Digest is { } plan ? $"sha256 {Numbers.Cut(plan, 80)}" : null, code: true);
            html.Fact("started", Numbers.Minute(report.StartedAt));
            html.Fact("took", Numbers.Seconds(report.DurationSeconds));
            foreach ((string name, string value) in report.Environment.OrderBy(e => e.Key, StringComparer.Ordinal).Take(MostRows))
            {
                html.Fact(Numbers.Cut(name, 40), Numbers.Cut(value, 300));
            }
        }

        WriteConditions(html);
        WriteLimits(html);
    }

    private void WriteConditions(HtmlWriter html)
    {
        if (report.Conditions.Checks.Count == 0)
        {
            return;
        }

        html.Element(Tag.H3, "Was the machine fit for it?");
        using (html.Open(Tag.Table, Attr.Class("cards figures")))
        {
            html.Head("what", "", "observed", "remedy");
            using (html.Open(Tag.Tbody))
            {
                foreach (Condition condition in report.Conditions.Checks.Take(MostRows))
                {
                    using (html.Open(Tag.Tr))
                    {
                        html.Element(Tag.Th, Numbers.Cut(condition.Name, 60), Attr.Scope("row"));
                        using (html.Open(Tag.Td))
                        {
                            html.Chip(Status(condition.Grade));
                        }

                        html.Element(Tag.Td, Numbers.Cut(condition.Observed, 300));
                        html.Element(Tag.Td, Numbers.Cut(condition.Remedy ?? "", 300));
                    }
                }
            }
        }
    }

    private void WriteLimits(HtmlWriter html)
    {
        if (report.Limits.Count == 0)
        {
            return;
        }

        html.Element(Tag.H3, "The machine's own limits");
        html.Element(Tag.P, "What the machine does at such things without vsock, measured in the same minutes.", Attr.Class("lead"));
        using (html.Open(Tag.Table, Attr.Class("cards figures")))
        {
            using (html.Open(Tag.Thead))
            using (html.Open(Tag.Tr))
            {
                html.Element(Tag.Th, "limit", Attr.Scope("col"));
                html.Element(Tag.Th, "middle", Attr.Scope("col"), Attr.Class("n"));
                html.Element(Tag.Th, "lowest to highest", Attr.Scope("col"), Attr.Class("n"));
            }

            using (html.Open(Tag.Tbody))
            {
                foreach (MachineLimit limit in report.Limits.Take(MostRows))
                {
                    Spread? spread = Spread.Of(limit.Values);
                    using (html.Open(Tag.Tr))
                    {
                        html.Element(Tag.Th, Numbers.Cut(limit.Name, 80), Attr.Scope("row"));
                        html.Cell("middle", FigureParts.WithUnit(spread?.Middle, limit.Unit));
                        html.Cell("lowest to highest", Numbers.Range(spread));
                    }
                }
            }
        }
    }
}
