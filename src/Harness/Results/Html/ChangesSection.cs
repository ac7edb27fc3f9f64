using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>What is different from an earlier run.</summary>
internal sealed class ChangesSection(ReportContext context) : ISection
{
    public string Id => "changes";

    public string Title => "What changed";

    public bool IsEmpty => context.Earlier is null;

    public void Write(HtmlWriter html)
    {
        RunReport earlier = context.Earlier!;
        IReadOnlyList<CaseChange> changes = BundleDiff.Between(earlier, context.Report);
        string when = earlier.Run.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", System.Globalization.CultureInfo.InvariantCulture);
        html.Element(
            Tag.P,
            $"Compared with the run of {when} on {earlier.Target.Name}{(earlier.Target.Version is { } version ? $" {version}" : "")}, suite {earlier.Suite.Version}: "
            + (changes.Count == 0 ? "no verdict changed." : $"{HtmlParts.Count(changes.Count, "verdict")} changed, {changes.Count(c => c.IsWorse)} for the worse."),
            Attr.Class("lead"));
        if (changes.Count == 0)
        {
            return;
        }

        using (html.Open(Tag.Table, Attr.Class("cards")))
        {
            html.Head("test", "what it asks", "before", "now", "");
            using (html.Open(Tag.Tbody))
            {
                foreach (CaseChange change in changes.OrderByDescending(c => c.IsWorse))
                {
                    WriteChange(html, change);
                }
            }
        }
    }

    private static void WriteChange(HtmlWriter html, CaseChange change)
    {
        using (html.Open(Tag.Tr))
        {
            using (html.Open(Tag.Td))
            {
                html.Link(Anchor.OfCase(change.Case.Split('[')[0]), change.Case);
            }

            html.Element(Tag.Td, change.Title);
            foreach (Verdict? verdict in (Verdict?[])[change.Before, change.After])
            {
                using (html.Open(Tag.Td))
                {
                    html.Chip(verdict is { } known ? Status.Of(known) : new Status("absent", "none", ""));
                }
            }

            html.Element(Tag.Td, change.IsWorse ? "worse" : "");
        }
    }
}
