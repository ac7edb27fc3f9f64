namespace Vsockspec.Results.Html;

/// <summary>What every report has around its sections: a head that allows nothing but the page's own style and script, a table of contents, header and footer.</summary>
/// <param name="Title">As the browser's tab shows it.</param>
/// <param name="Styles">Later ones go beyond earlier ones.</param>
/// <param name="Sections">In order; none is empty.</param>
internal sealed record HtmlPage(string Title, IReadOnlyList<ReportAsset> Styles, ReportAsset Script, IReadOnlyList<ISection> Sections)
{
    public void Write(HtmlWriter html, Action header, Action footer)
    {
        using (html.Open(Tag.Html, Attr.Lang("en")))
        {
            WriteHead(html);
            using (html.Open(Tag.Body))
            {
                Icons.Write(html);
                html.Element(Tag.A, "Skip to the content", Attr.Class("skip"), Attr.ToMain);
                using (html.Open(Tag.Header))
                {
                    header();
                }

                WriteContents(html);
                using (html.Open(Tag.Main, Attr.Id(Attr.MainId)))
                {
                    foreach (ISection section in Sections)
                    {
                        html.Line();
                        using (html.Open(Tag.Section, Attr.Id(section.Id)))
                        {
                            html.Element(Tag.H2, section.Title);
                            section.Write(html);
                        }
                    }
                }

                using (html.Open(Tag.Footer))
                {
                    footer();
                }
            }
        }
    }

    private void WriteHead(HtmlWriter html)
    {
        using (html.Open(Tag.Head))
        {
            html.Empty(Tag.Meta, Attr.Charset("utf-8"));
            html.Empty(
                Tag.Meta,
                Attr.HttpEquiv("Content-Security-Policy"),
                Attr.Content($"default-src 'none'; style-src {string.Join(' ', Styles.Select(s => s.Source))}; script-src {Script.Source}; base-uri 'none'; form-action 'none'"));
            html.Empty(Tag.Meta, Attr.MetaName("viewport"), Attr.Content("width=device-width, initial-scale=1"));
            html.Empty(Tag.Meta, Attr.MetaName("color-scheme"), Attr.Content("light dark"));
            html.Empty(Tag.Meta, Attr.MetaName("referrer"), Attr.Content("no-referrer"));
            html.Element(Tag.Title, Title);
            foreach (ReportAsset style in Styles)
            {
                html.Element(Tag.Style, style);
            }

            html.Element(Tag.Script, Script);
        }
    }

    private void WriteContents(HtmlWriter html)
    {
        using (html.Open(Tag.Nav, Attr.AriaLabel("contents")))
        {
            using (html.Open(Tag.Ul))
            {
                foreach (ISection section in Sections)
                {
                    using (html.Open(Tag.Li))
                    {
                        html.Link(Anchor.Of(section), section.Title);
                    }
                }
            }
        }
    }
}
