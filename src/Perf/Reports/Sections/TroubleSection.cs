using Vsockspec.Perf.Measuring;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>What keeps figures from deciding: failed and disturbed workloads, and a machine that is not fit.</summary>
internal sealed class TroubleSection(RunView target) : ISection
{
    private const int LongestReason = 600;
    private const int Most = 200;

    private readonly WorkloadResult[] troubled = [.. target.Report.Workloads.Where(w => w.Outcome != WorkloadOutcome.Measured).OrderBy(w => Rank(w.Outcome))];
    private readonly Condition[] conditions = [.. target.Report.Conditions.Checks.Where(c => c.Grade is ConditionGrade.Unfit or ConditionGrade.Doubtful)];

    public string Id => target.Id("trouble");

    public string Title => target.Title(IsGrave ? "What went wrong" : "What was not measured");

    public bool IsEmpty => troubled.Length == 0 && !IsGrave;

    /// <summary>A figure may be wrong, or is missing for a reason that should not be.</summary>
    public bool IsGrave => conditions.Any(c => c.Grade == ConditionGrade.Unfit) || troubled.Any(w => w.Outcome != WorkloadOutcome.NotSupported);

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.Table, Attr.Class("cards figures")))
        {
            html.Head("what", "", "why", "remedy");
            using (html.Open(Tag.Tbody))
            {
                foreach (WorkloadResult workload in troubled.Take(Most))
                {
                    WriteRow(html, Workloads.Name(workload), Workloads.Status(workload.Outcome), workload.Why ?? "no reason is given", workload.Outcome == WorkloadOutcome.Disturbed ? "measure again on an idle machine" : "");
                }

                foreach (Condition condition in IsGrave ? conditions.Take(Most) : [])
                {
                    WriteRow(html, $"machine: {Numbers.Cut(condition.Name, 60)}", MachineSection.Status(condition.Grade), condition.Observed, condition.Remedy ?? "");
                }
            }
        }

        if (troubled.Length > Most)
        {
            html.Element(Tag.P, $"and {troubled.Length - Most} more workloads", Attr.Class("note"));
        }
    }

    private static void WriteRow(HtmlWriter html, string what, Status status, string why, string remedy)
    {
        using (html.Open(Tag.Tr))
        {
            html.Element(Tag.Th, what, Attr.Scope("row"));
            using (html.Open(Tag.Td))
            {
                html.Chip(status);
            }

            html.Element(Tag.Td, Numbers.Cut(why, LongestReason));
            html.Element(Tag.Td, Numbers.Cut(remedy, LongestReason));
        }
    }

    private static int Rank(WorkloadOutcome outcome) => outcome switch { WorkloadOutcome.Failed => 0, WorkloadOutcome.Disturbed => 1, _ => 2 };
}
