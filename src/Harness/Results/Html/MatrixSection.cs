using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>Every row of the register of requirements, judged or not.</summary>
internal sealed class MatrixSection(ReportContext context) : ISection
{
    private const string ListId = "rules-list";
    private static readonly RequirementLevel[] Levels = [RequirementLevel.Must, RequirementLevel.Described, RequirementLevel.Should, RequirementLevel.May];
    private readonly IReadOnlyList<RuleState> rules = RuleState.Of(context);

    public string Id => "rules";

    public string Title => "All rules";

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            $"The register of this suite has {rules.Count} rules of the specification for vsock devices and drivers. Each is here, also those that nobody can test from outside. "
            + "The texts are paraphrases; the clause is the authority.",
            Attr.Class("lead"));
        WriteLevels(html);
        Filter.Write(html, ListId, "rules", [.. rules.Select(r => r.Status).DistinctBy(s => s.Word).OrderBy(s => s.Rank).Select(s => s.Word)]);
        using (html.Open(Tag.Div, Attr.Id(ListId)))
        {
            foreach (IGrouping<RuleFamily, RuleState> family in rules.GroupBy(r => RuleFamily.Of(r.Requirement.Id)).OrderBy(g => g.Key.Place))
            {
                RuleState[] members = [.. family];
                Foldout.Write(html, family.Key.Name, "rule", [.. members.Select(r => r.Status)], "rules", ["rule", "level", "what it says", "in this run", "tests"], () =>
                {
                    foreach (RuleState rule in members)
                    {
                        WriteRule(html, rule);
                    }
                });
            }
        }

        WriteSituations(html);
    }

    private void WriteLevels(HtmlWriter html)
    {
        Status[] columns = [.. rules.Select(r => r.Status).DistinctBy(s => s.Word).OrderBy(s => s.Rank)];
        using (html.Open(Tag.Table, Attr.Class("counts")))
        {
            html.Element(Tag.Caption, "Rules by level. A described rule is stated in prose without a keyword; breaking it is a failure of a class of its own.");
            html.Head(["level", .. columns.Select(c => c.Word), "all"]);
            using (html.Open(Tag.Tbody))
            {
                foreach (RequirementLevel level in Levels)
                {
                    RuleState[] ofLevel = [.. rules.Where(r => r.Requirement.Level == level)];
                    using (html.Open(Tag.Tr))
                    {
                        html.Element(Tag.Th, level == RequirementLevel.Described ? "described" : level.ToString().ToUpperInvariant(), Attr.Scope("row"));
                        foreach (Status column in columns)
                        {
                            int count = ofLevel.Count(r => r.Status.Word == column.Word);
                            html.Element(Tag.Td, count == 0 ? "·" : HtmlParts.Number(count));
                        }

                        html.Element(Tag.Td, HtmlParts.Number(ofLevel.Length));
                    }
                }
            }
        }
    }

    private static void WriteRule(HtmlWriter html, RuleState rule)
    {
        Requirement row = rule.Requirement;
        using (html.Open(Tag.Tr, Attr.Id(Anchor.OfRequirement(row.Id).Name), Attr.Words(rule.Status.Word)))
        {
            html.Element(Tag.Th, row.Id, Attr.Scope("row"));
            using (html.Open(Tag.Td))
            {
                html.Element(Tag.Span, row.Keyword, Attr.Class("level"));
            }

            using (html.Open(Tag.Td))
            {
                html.Text(row.Text + " ");
                html.Element(Tag.Span, $"{Whom(row.Role)}, clause {row.Clause}, since {row.Since}", Attr.Class("clause"));
                if (!row.ListedInConformanceClause && row.SinceVirtio is not null)
                {
                    html.Text(" ");
                    html.Element(Tag.A, "not listed in clause 7", Attr.Class("unlisted"), Attr.To(Anchor.OfWord("conformance clause")));
                }
            }

            using (html.Open(Tag.Td))
            {
                html.Chip(rule.Status);
                if (rule.Why is { } why)
                {
                    html.Element(Tag.Span, why, Attr.Class("why"));
                }
            }

            using (html.Open(Tag.Td))
            {
                html.Separated(rule.Cases, id => html.Link(Anchor.OfCase(id), id));
            }
        }

        html.Line();
    }

    /// <summary>Open situations that cases of this run name; their results are in the implementation profile.</summary>
    private void WriteSituations(HtmlWriter html)
    {
        HashSet<string> named = [.. context.Report.Cases.SelectMany(c => c.Requirements)];
        OpenSituation[] situations = [.. context.Register.Situations.Where(s => named.Contains(s.Id))];
        if (situations.Length == 0)
        {
            return;
        }

        using (html.Open(Tag.Details, Attr.Class("more")))
        {
            html.Element(Tag.Summary, $"{HtmlParts.Count(situations.Length, "situation")} that the specification leaves open, and tests look at");
            using (html.Open(Tag.Dl, Attr.Class("facts")))
            {
                foreach (OpenSituation situation in situations)
                {
                    html.Element(Tag.Dt, situation.Id, Attr.Id(Anchor.OfRequirement(situation.Id).Name));
                    html.Element(Tag.Dd, situation.Title + (situation.Specification is { } says ? $" (specification: {says})" : ""));
                }
            }
        }
    }

    private static string Whom(RequirementRole role) => role switch
    {
        RequirementRole.Device => "device",
        RequirementRole.Driver => "driver",
        RequirementRole.BackEnd => "vhost-user back-end",
        RequirementRole.VhostKernel => "kernel's vhost-vsock",
        _ => "device and driver",
    };
}
