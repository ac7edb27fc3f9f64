namespace Vsockspec.Results.Html;

/// <summary>Part of a long table that can be folded away: a name, and how many of its rows have which status.</summary>
internal static class Foldout
{
    /// <summary>Writes the heading and one table.</summary>
    /// <param name="what">Of what there are how many: <c>rule</c>.</param>
    /// <param name="statuses">One for each row.</param>
    public static void Write(HtmlWriter html, string name, string what, IReadOnlyList<Status> statuses, string style, IEnumerable<string> columns, Action rows)
    {
        bool isOpen = statuses.Any(s => s.NeedsAttention);
        using (isOpen ? html.Open(Tag.Details, Attr.Class("fold"), Attr.Open) : html.Open(Tag.Details, Attr.Class("fold")))
        {
            using (html.Open(Tag.Summary))
            {
                html.Element(Tag.Span, name, Attr.Class("name"));
                html.Element(Tag.Span, HtmlParts.Count(statuses.Count, what), Attr.Class("quiet"));
                foreach (IGrouping<string, Status> group in statuses.GroupBy(s => s.Word).OrderBy(g => g.First().Rank))
                {
                    html.Chip(group.First(), $"×{group.Count()}");
                }
            }

            using (html.Open(Tag.Table, Attr.Class("cards " + style)))
            {
                html.Head(columns);
                using (html.Open(Tag.Tbody))
                {
                    rows();
                }
            }
        }

        html.Line();
    }
}
