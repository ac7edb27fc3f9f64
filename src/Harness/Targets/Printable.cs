using System.Buffers;
using System.Text;

namespace Vsockspec.Targets;

/// <summary>Texts that come from targets, made fit for terminals, Markdown and XML.</summary>
public static class Printable
{
    /// <summary>Most texts have nothing else, and are left as they are.</summary>
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c), '\t', '\n']);

    /// <summary>
    /// Replaces control characters other than tab and line feed, halves of surrogate pairs, and what XML 1.0 cannot carry, by U+FFFD.
    /// </summary>
    public static string Clean(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plain))
        {
            return text;
        }

        StringBuilder clean = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            // EnumerateRunes itself gives U+FFFD for half a pair.
            bool allowed = rune.Value is '\t' or '\n' || (!Rune.IsControl(rune) && rune.Value is not (0xfffe or 0xffff));
            clean.Append((allowed ? rune : Rune.ReplacementChar).ToString());
        }

        return clean.ToString();
    }
}
