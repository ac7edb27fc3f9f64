using System.Buffers;
using System.Text;
using Vsockspec.Targets;

namespace Vsockspec.Results.Html;

/// <summary>
/// Writes HTML that is well-formed XML too. Whatever is given as text stays text: there is no way to write markup but by elements, and the
/// contents of style and script come from files of this program only.
/// </summary>
internal sealed class HtmlWriter
{
    // Characters that turn the direction of what follows would let a text look like another one.
    private static readonly SearchValues<char> Special = SearchValues.Create("&<>\"'\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069");
    private readonly StringBuilder html = new("<!DOCTYPE html>\n");

    /// <summary>Characters written so far.</summary>
    public int Length => html.Length;

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(html.ToString());

    /// <summary>Begins an element, which ends when the result is disposed of.</summary>
    public Scope Open(Tag tag, params ReadOnlySpan<Attr> attributes)
    {
        Begin(tag, attributes);
        return new Scope(this, tag);
    }

    /// <summary>A whole element with text.</summary>
    public void Element(Tag tag, string text, params ReadOnlySpan<Attr> attributes)
    {
        Begin(tag, attributes);
        Text(text);
        End(tag);
    }

    /// <summary>A whole element without content.</summary>
    public void Empty(Tag tag, params ReadOnlySpan<Attr> attributes)
    {
        Begin(tag, attributes);
        if (!tag.IsVoid)
        {
            End(tag);
        }
    }

    /// <summary>Text, fit to be shown and escaped.</summary>
    public void Text(string text) => Escape(Printable.Clean(text));

    /// <summary>A line feed in the source, for whoever reads that.</summary>
    public void Line() => html.Append('\n');

    /// <summary>The content of a style or script element.</summary>
    public void Element(Tag tag, ReportAsset asset)
    {
        Begin(tag, []);
        html.Append(asset.Text);
        End(tag);
    }

    private void Begin(Tag tag, ReadOnlySpan<Attr> attributes)
    {
        html.Append('<').Append(tag.Name);
        foreach (Attr attribute in attributes)
        {
            html.Append(' ').Append(attribute.Name).Append("=\"");
            Escape(Printable.Clean(attribute.Value ?? ""));
            html.Append('"');
        }

        html.Append(tag.IsVoid ? "/>" : ">");
    }

    private void End(Tag tag) => html.Append("</").Append(tag.Name).Append('>');

    private void Escape(string text)
    {
        ReadOnlySpan<char> rest = text;
        while (rest.IndexOfAny(Special) is var at and >= 0)
        {
            html.Append(rest[..at]);
            _ = rest[at] switch
            {
                '&' => html.Append("&amp;"),
                '<' => html.Append("&lt;"),
                '>' => html.Append("&gt;"),
                '"' => html.Append("&quot;"),
                '\'' => html.Append("&#39;"),
                _ => html.Append('\ufffd'),
            };
            rest = rest[(at + 1)..];
        }

        html.Append(rest);
    }

    /// <summary>An element that has begun.</summary>
    public readonly struct Scope(HtmlWriter writer, Tag tag) : IDisposable
    {
        public void Dispose() => writer.End(tag);
    }
}
