namespace Vsockspec.Results.Html;

/// <summary>Whether tests say the same when they run again.</summary>
internal sealed class RepeatSection(ReportContext context) : ISection
{
    public string Id => "repeatability";

    public string Title => "Repeatability";

    public bool IsEmpty => context.Groups.Count == 0;

    public void Write(HtmlWriter html)
    {
        int most = context.Report.Cases.Max(c => c.Repetition);
        (CaseGroup Group, CaseVariant Variant)[] repeated = [.. context.Groups.SelectMany(g => g.Variants.Where(v => v.Results.Count > 1).Select(v => (g, v)))];
        if (repeated.Length == 0)
        {
            html.Element(Tag.P, "Each test ran once, so this run says nothing of whether results repeat.", Attr.Class("lead"));
            return;
        }

        (CaseGroup Group, CaseVariant Variant)[] unstable = [.. repeated.Where(r => r.Variant.IsUnstable)];
        html.Element(
            Tag.P,
            $"{HtmlParts.Count(repeated.Length, "test")} (variants counted apart) ran {most} times. "
            + (unstable.Length == 0 ? "Each said the same every time." : $"{HtmlParts.Count(unstable.Length, "test")} did not say the same every time:"),
            Attr.Class("lead"));
        if (unstable.Length == 0)
        {
            return;
        }

        using (html.Open(Tag.Table, Attr.Class("cards")))
        {
            html.Head("test", "what it asks", "verdicts in order");
            using (html.Open(Tag.Tbody))
            {
                foreach ((CaseGroup group, CaseVariant variant) in unstable)
                {
                    using (html.Open(Tag.Tr))
                    {
                        using (html.Open(Tag.Td))
                        {
                            html.Link(Anchor.OfCase(group.Id), variant.Results[0].FullName);
                        }

                        html.Element(Tag.Td, group.Title);
                        using (html.Open(Tag.Td))
                        {
                            html.Separated(variant.Results, r => html.Chip(r.Verdict));
                        }
                    }
                }
            }
        }
    }
}
