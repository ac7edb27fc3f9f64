using System.Globalization;
using System.Text.RegularExpressions;

namespace Vsockspec.Perf.Reports;

/// <summary>The last part of a figure's name: a size and what is not the default.</summary>
/// <param name="Size">Of messages, in bytes; null where the figure has none.</param>
/// <param name="Changes">What is not the default, in the order of the name.</param>
internal sealed partial record Parameter(long? Size, IReadOnlyList<ParameterChange> Changes)
{
    private const string NoEventIndex = "no-event-idx";
    private const string Other = "other";
    private const int LongestWord = 24;
    private const int LongestLabel = 48;

    /// <summary>For people: <c>64 KiB, 8 flows</c>.</summary>
    public string Label => string.Join(", ", Changes.Select(c => c.Label).Prepend(Size is { } size ? Numbers.Bytes(size) : "").Where(t => t.Length > 0));

    /// <summary>Without the size.</summary>
    public string Variant => string.Join(", ", Changes.Select(c => c.Label));

    /// <summary>Any text is a parameter: what is not understood is shown as it is.</summary>
    public static Parameter Parse(string text)
    {
        string[] words = Numbers.Cut(text, 200).Replace(NoEventIndex, "noEventIndex", StringComparison.Ordinal).Split('-', StringSplitOptions.RemoveEmptyEntries);
        long? size = words is [var first, ..] && long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : null;
        List<ParameterChange> changes = [];
        foreach (ParameterChange change in words.Skip(size is null ? 0 : 1).Select(Change))
        {
            // Words that nobody knows belong together: no-buffers is one thing.
            if (change.Dimension == Other && changes is [.., { Dimension: Other } last])
            {
                changes[^1] = last with { Label = Numbers.Cut($"{last.Label} {change.Label}", LongestLabel) };
            }
            else
            {
                changes.Add(change);
            }
        }

        return new Parameter(size, changes);
    }

    private static ParameterChange Change(string word)
    {
        Match match = Counted().Match(word);
        if (word == "noEventIndex")
        {
            return new ParameterChange("event-idx", "no event index", 0);
        }

        if (!match.Success || !long.TryParse(match.Groups[2].Value, NumberStyles.None, CultureInfo.InvariantCulture, out long value))
        {
            return new ParameterChange(Other, Numbers.Cut(word, LongestWord), 0);
        }

        string what = match.Groups[1].Value;
        return new ParameterChange(what, what switch
        {
            "flows" => value == 1 ? "1 flow" : $"{value} flows",
            "window" => $"window {Numbers.Bytes(value)}",
            "load" => $"{value} % load",
            _ => $"{what} {value}",
        }, value);
    }

    [GeneratedRegex("^(flows|window|queue|load)([0-9]+)$")]
    private static partial Regex Counted();
}

/// <param name="Dimension"><c>flows</c>, <c>window</c>, <c>queue</c>, <c>event-idx</c>, <c>load</c>, or <c>other</c>.</param>
/// <param name="Value">For the order; 0 where there is no number.</param>
internal sealed record ParameterChange(string Dimension, string Label, long Value);
