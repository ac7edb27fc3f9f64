using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>Every test of the run, one row for all its variants.</summary>
internal sealed class CasesSection(ReportContext context) : ISection
{
    private const string ListId = "tests-list";

    public string Id => "tests";

    public string Title => "All tests";

    public bool IsEmpty => context.Groups.Count == 0;

    public void Write(HtmlWriter html)
    {
        int results = context.Report.Cases.Count;
        html.Element(
            Tag.P,
            $"{HtmlParts.Count(context.Groups.Count, "test")}, with all variants and repetitions {HtmlParts.Count(results, "result")}. A variant is the same test with rings of another layout.",
            Attr.Class("lead"));
        Verdict[] verdicts = [.. context.Report.Summary.ByVerdict.Keys.Order()];
        Filter.Write(html, ListId, "tests", [.. verdicts.Select(v => Status.Of(v).Word)]);
        using (html.Open(Tag.Div, Attr.Id(ListId)))
        {
            foreach (IGrouping<string, CaseGroup> area in context.Groups.GroupBy(g => g.Area, StringComparer.Ordinal))
            {
                CaseGroup[] members = [.. area];
                Foldout.Write(html, area.Key, "test", [.. members.Select(g => Status.Of(g.Worst))], "cases", ["test", "what it asks", "rules", "result"], () =>
                {
                    foreach (CaseGroup group in members)
                    {
                        WriteRow(html, group);
                    }
                });
            }
        }
    }

    private void WriteRow(HtmlWriter html, CaseGroup group)
    {
        (Verdict Verdict, int Count, string Names)[] verdicts =
        [
            .. group.Variants.SelectMany(v => v.Results)
                .GroupBy(r => r.Verdict)
                .OrderBy(g => g.Key)
                .Select(g => (g.Key, g.Count(), string.Join(", ", g.Select(r => r.Variant).Where(v => v.Length > 0).Distinct(StringComparer.Ordinal)))),
        ];
        using (html.Open(Tag.Tr, Attr.Id(Anchor.OfCase(group.Id).Name), Attr.Words(string.Join('|', verdicts.Select(v => Status.Of(v.Verdict).Word)))))
        {
            html.Element(Tag.Th, group.Id, Attr.Scope("row"));
            html.Element(Tag.Td, group.Title);
            using (html.Open(Tag.Td))
            {
                html.Rules(context.Register, group.Requirements);
            }

            using (html.Open(Tag.Td))
            {
                html.Separated(verdicts, v => WriteVerdict(html, v.Verdict, v.Count, verdicts.Length > 1 ? v.Names : ""));
                if (Verdicts.ExitCode([group.Worst]) != 0)
                {
                    html.Text(" ");
                    html.Link(Anchor.OfFailure(group.Id), "why");
                }
            }
        }

        html.Line();
    }

    private static void WriteVerdict(HtmlWriter html, Verdict verdict, int count, string variants)
    {
        html.Chip(verdict, count > 1 ? $"×{count}" : null);
        if (variants.Length > 0)
        {
            html.Element(Tag.Span, variants, Attr.Class("why"));
        }
    }
}
