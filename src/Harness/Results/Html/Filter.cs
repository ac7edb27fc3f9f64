namespace Vsockspec.Results.Html;

/// <summary>A search field and a choice of verdicts above a list of tables. Shown only where scripts run.</summary>
internal static class Filter
{
    /// <param name="list">Id of the element that holds the tables.</param>
    public static void Write(HtmlWriter html, string list, string what, IReadOnlyList<string> words)
    {
        using (html.Open(Tag.Div, Attr.Class("filter"), Attr.Filters(list), Attr.Role("search"), Attr.AriaLabel($"filter of {what}")))
        {
            using (html.Open(Tag.Label))
            {
                html.Element(Tag.Span, $"Search {what}");
                html.Empty(Tag.Input, Attr.Type("search"), Attr.Placeholder("id or word"));
            }

            using (html.Open(Tag.Label))
            {
                html.Element(Tag.Span, "Show");
                using (html.Open(Tag.Select))
                {
                    html.Element(Tag.Option, "all", Attr.ValueOf(""));
                    foreach (string word in words)
                    {
                        html.Element(Tag.Option, word, Attr.ValueOf(word));
                    }
                }
            }

            html.Empty(Tag.Output, Attr.AriaLive("polite"));
        }
    }
}
