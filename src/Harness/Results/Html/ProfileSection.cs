namespace Vsockspec.Results.Html;

/// <summary>What the target does where the specification is silent.</summary>
internal sealed class ProfileSection(ReportContext context) : ISection
{
    public string Id => "profile";

    public string Title => "Where the specification is silent";

    public bool IsEmpty => context.Report.ImplementationProfile.Count == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(
            Tag.P,
            "The implementation profile: what the target did in situations that the specification leaves open or mentions in passing. Nothing here is right or wrong; "
            + "whoever connects two implementations may want to know.",
            Attr.Class("lead"));
        using (html.Open(Tag.Table, Attr.Class("cards")))
        {
            html.Head("situation", "what", "seen", "variants", "test");
            foreach (IGrouping<string, RecordedBehaviour> entries in context.Report.ImplementationProfile.GroupBy(e => string.Join(' ', e.Situations), StringComparer.Ordinal))
            {
                using (html.Open(Tag.Tbody))
                {
                    foreach ((int i, RecordedBehaviour entry) in entries.Index())
                    {
                        WriteEntry(html, entry, isFirst: i == 0);
                    }
                }
            }
        }
    }

    private void WriteEntry(HtmlWriter html, RecordedBehaviour entry, bool isFirst)
    {
        using (html.Open(Tag.Tr))
        {
            using (html.Open(Tag.Td))
            {
                foreach (string id in isFirst ? entry.Situations : [])
                {
                    html.Rule(context.Register, id);
                    html.Text($" {context.Register.FindSituation(id)?.Title ?? ""} ");
                }
            }

            html.Element(Tag.Td, entry.Key);
            html.Element(Tag.Td, HtmlParts.Cut(entry.Value, 800));
            html.Element(Tag.Td, string.Join(", ", entry.Variants));
            using (html.Open(Tag.Td))
            {
                html.Link(Anchor.OfCase(entry.Case), entry.Case);
            }
        }
    }
}
