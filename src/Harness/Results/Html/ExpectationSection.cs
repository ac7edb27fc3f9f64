using System.Globalization;
using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>The failures that were announced beforehand, and what became of each announcement.</summary>
internal sealed class ExpectationSection(ReportContext context) : ISection
{
    private readonly ExpectationUse[] entries = [.. (context.Report.Expectations?.Entries ?? []).Where(e => e.Results.Count > 0)];

    public string Id => "announced";

    public string Title => "Announced failures";

    public bool IsEmpty => entries.Length == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(Tag.P, "Failures that were announced beforehand are borne until a date. An announcement that does not come true, or is out of date, fails the run.", Attr.Class("lead"));
        using (html.Open(Tag.Table, Attr.Class("cards")))
        {
            html.Head("tests", "failure", "reason", "owner", "until", "seen");
            using (html.Open(Tag.Tbody))
            {
                foreach (ExpectationUse entry in entries)
                {
                    WriteEntry(html, entry);
                }
            }
        }
    }

    private static void WriteEntry(HtmlWriter html, ExpectationUse entry)
    {
        using (html.Open(Tag.Tr))
        {
            html.Element(Tag.Td, entry.Case);
            html.Element(Tag.Td, entry.FailureCode);
            using (html.Open(Tag.Td))
            {
                html.TextWithLinks($"{entry.Reason} ({entry.Link})");
            }

            html.Element(Tag.Td, entry.Owner);
            html.Element(Tag.Td, entry.Expires.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
            using (html.Open(Tag.Td))
            {
                html.Separated(entry.Results, r => html.Chip(r.Key, r.Value > 1 ? $"×{r.Value}" : null));
                if (entry.Problem() is { } problem)
                {
                    html.Element(Tag.Span, problem, Attr.Class("why"));
                }
            }
        }
    }
}
