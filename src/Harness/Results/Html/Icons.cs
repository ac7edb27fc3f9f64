namespace Vsockspec.Results.Html;

/// <summary>The signs of the verdicts, drawn once and used by name; each has a shape of its own, so that nothing depends on colour.</summary>
internal static class Icons
{
    private static readonly (string Name, string Path)[] All =
    [
        ("pass", "M3 8.5l3.2 3.2L13 4.8"),
        ("fail", "M4 4l8 8M12 4l-8 8"),
        ("loose", "M2.5 9.5c2-4 4-4 5.5-1.5s3.5 2.5 5.5-1.5"),
        ("info", "M8 7v5M8 4v.5"),
        ("none", "M3.5 8h9"),
        ("unsure", "M5.5 5.8c0-3 5-3 5 0 0 2-2.5 2-2.5 4M8 12.5v.3"),
        ("known", "M8 2.5l5.5 9.800h-11zM8 6.5v2.5"),
    ];

    public static void Write(HtmlWriter html)
    {
        using (html.Open(Tag.Svg, Attr.Class("icons"), Attr.Decorative))
        {
            foreach ((string name, string path) in All)
            {
                using (html.Open(Tag.Symbol, Attr.Id(Anchor.OfIcon(name).Name), Attr.ViewBox("0 0 16 16")))
                {
                    html.Empty(Tag.Path, Attr.Draw(path));
                }
            }
        }
    }
}
