using System.Globalization;
using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>Pieces that several sections use.</summary>
internal static class HtmlParts
{
    /// <summary>A longer text is cut; <c>results.json</c> has all of it.</summary>
    private const int LongestText = 4000;

    public static void Chip(this HtmlWriter html, Verdict verdict, string? note = null) => html.Chip(Status.Of(verdict), note);

    public static void Chip(this HtmlWriter html, Status status, string? note = null)
    {
        using (html.Open(Tag.Span, Attr.Class("v " + status.Style)))
        {
            html.Icon(status.Style);
            html.Text(note is null ? status.Word : $"{status.Word} {note}");
        }
    }

    /// <summary>What a report says first: a few words, then sentences.</summary>
    /// <param name="style">See <see cref="Status.Style"/>.</param>
    /// <param name="paragraphs">The sentences.</param>
    public static void Headline(this HtmlWriter html, string headline, string style, params ReadOnlySpan<string> paragraphs)
    {
        using (html.Open(Tag.Div, Attr.Class("verdict " + style)))
        {
            using (html.Open(Tag.P, Attr.Class("headline")))
            {
                html.Icon(style);
                html.Text(headline);
            }

            foreach (string paragraph in paragraphs)
            {
                html.Element(Tag.P, paragraph);
            }
        }
    }

    public static void Icon(this HtmlWriter html, string name)
    {
        using (html.Open(Tag.Svg, Attr.Class("i"), Attr.Decorative))
        {
            html.Empty(Tag.Use, Attr.To(Anchor.OfIcon(name)));
        }
    }

    public static void Link(this HtmlWriter html, Anchor anchor, string text) => html.Element(Tag.A, text, Attr.To(anchor));

    /// <summary>A word that the glossary explains.</summary>
    public static void Word(this HtmlWriter html, string word, string? text = null) =>
        html.Element(Tag.A, text ?? word, Attr.Class("w"), Attr.To(Anchor.OfWord(word)));

    /// <summary>One row of a list of facts; nothing when there is no value.</summary>
    public static void Fact(this HtmlWriter html, string name, string? value, bool code = false)
    {
        if (string.IsNullOrEmpty(value))
        {
            return;
        }

        using (html.Fact(name))
        {
            if (code)
            {
                html.Element(Tag.Code, Cut(value));
            }
            else
            {
                html.Text(Cut(value));
            }
        }
    }

    /// <summary>One row of a list of facts, its value to be written.</summary>
    public static HtmlWriter.Scope Fact(this HtmlWriter html, string name)
    {
        html.Element(Tag.Dt, name);
        return html.Open(Tag.Dd);
    }

    /// <summary>A requirement or an open situation, as a link where this report explains it.</summary>
    public static void Rule(this HtmlWriter html, RequirementRegister register, string id)
    {
        if (register.Find(id) is not null || register.FindSituation(id) is not null)
        {
            html.Element(Tag.A, id, Attr.Class("id"), Attr.To(Anchor.OfRequirement(id)));
        }
        else
        {
            html.Element(Tag.Span, id, Attr.Class("id"));
        }
    }

    public static void Rules(this HtmlWriter html, RequirementRegister register, IEnumerable<string> ids) => html.Separated(ids, id => html.Rule(register, id));

    /// <summary>Elements with a blank between.</summary>
    public static void Separated<T>(this HtmlWriter html, IEnumerable<T> items, Action<T> write)
    {
        bool first = true;
        foreach (T item in items)
        {
            if (!first)
            {
                html.Text(" ");
            }

            first = false;
            write(item);
        }
    }

    /// <summary>A file of the bundle, as a link where the path is a plain one.</summary>
    public static void FileLink(this HtmlWriter html, string path, string text)
    {
        if (Attr.ToFile(path) is { } link)
        {
            html.Element(Tag.A, text, link);
        }
        else
        {
            html.Text(text);
        }
    }

    /// <summary>Text in which https addresses can be followed.</summary>
    public static void TextWithLinks(this HtmlWriter html, string text)
    {
        foreach ((int i, string word) in Cut(text).Split(' ').Index())
        {
            if (i > 0)
            {
                html.Text(" ");
            }

            string address = word.Trim('(', ')', ',', ';', '.');
            if (address.Length == 0 || Attr.ToWeb(address) is not { } link)
            {
                html.Text(word);
                continue;
            }

            int at = word.IndexOf(address, StringComparison.Ordinal);
            html.Text(word[..at]);
            html.Element(Tag.A, address, link);
            html.Text(word[(at + address.Length)..]);
        }
    }

    /// <summary>A table's head.</summary>
    public static void Head(this HtmlWriter html, params IEnumerable<string> columns)
    {
        using (html.Open(Tag.Thead))
        {
            using (html.Open(Tag.Tr))
            {
                foreach (string column in columns)
                {
                    html.Element(Tag.Th, column, Attr.Scope("col"));
                }
            }
        }
    }

    public static string Cut(string text) => Cut(text, LongestText);

    public static string Cut(string text, int length) =>
        text.Length <= length ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, length)}… ({text.Length - length} more characters in results.json)");

    public static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary><c>1 test</c>, <c>2 tests</c>.</summary>
    public static string Count(int count, string one, string? many = null) => $"{Number(count)} {(count == 1 ? one : many ?? one + "s")}";

    public static string Seconds(double milliseconds) => (milliseconds / 1000).ToString(milliseconds < 9_950 ? "0.0" : "0", CultureInfo.InvariantCulture) + " s";
}
