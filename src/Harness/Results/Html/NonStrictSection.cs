using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>What is legal, but not as the specification recommends.</summary>
internal sealed class NonStrictSection(ReportContext context) : ISection
{
    private readonly CaseGroup[] groups = [.. context.Groups.Where(g => g.With(Verdict.NonStrict).Count > 0)];

    public string Id => "non-strict";

    public string Title => "Legal, but not as recommended";

    public bool IsEmpty => groups.Length == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(Tag.P, "Recommendations (SHOULD) that were not followed. Nobody is obliged to; others may rely on them all the same.", Attr.Class("lead"));
        using (html.Open(Tag.Table, Attr.Class("cards")))
        {
            html.Head("test", "rule", "expected", "observed");
            using (html.Open(Tag.Tbody))
            {
                foreach (CaseGroup group in groups)
                {
                    WriteRow(html, group);
                }
            }
        }
    }

    private void WriteRow(HtmlWriter html, CaseGroup group)
    {
        IReadOnlyList<CaseVariant> variants = group.With(Verdict.NonStrict);
        CaseResult result = variants[0].Telling;
        using (html.Open(Tag.Tr))
        {
            using (html.Open(Tag.Td))
            {
                html.Link(Anchor.OfCase(group.Id), group.Id);
                html.Text($" {group.Title}{(group.Variants.Count > 1 ? $" ({string.Join(", ", variants.Select(v => v.Name))})" : "")}");
            }

            using (html.Open(Tag.Td))
            {
                html.Rules(context.Register, group.Requirements);
            }

            html.Element(Tag.Td, HtmlParts.Cut(result.Expected ?? "", 800));
            using (html.Open(Tag.Td))
            {
                html.TextWithLinks(string.Join("; ", [result.Observed ?? "", .. result.Hints.Select(h => h.ToString()), .. result.Findings.Take(3).Select(f => $"{f.Requirement}: {f.Detail}")]).TrimStart(';', ' '));
            }
        }
    }
}
