using System.Globalization;

namespace Vsockspec.Perf.Reports;

/// <summary>Numbers and names as the reports show them. What comes from a file may be anything.</summary>
internal static class Numbers
{
    /// <summary>Beyond this a number is an accident; it is neither drawn nor counted into a middle.</summary>
    private const double Largest = 1e15;

    private const string Unknown = "–";
    private const string Minus = "−";

    /// <summary>A number and its unit stay on one line.</summary>
    public const string Blank = "\u00a0";

    public static bool IsUsable(double value) => double.IsFinite(value) && Math.Abs(value) <= Largest;

    /// <summary>Three digits that count.</summary>
    public static string Show(double? value) => value switch
    {
        null or double.NaN => Unknown,
        double.PositiveInfinity => "∞",
        < 0 => Minus + Show(-value),
        0 => "0",
        >= 1e7 or < 0.001 => value.Value.ToString("0.00e+0", CultureInfo.InvariantCulture),
        >= 100 => Math.Round(value.Value).ToString("#,0", CultureInfo.InvariantCulture),
        >= 10 => value.Value.ToString("0.#", CultureInfo.InvariantCulture),
        >= 1 => value.Value.ToString("0.##", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("0.###", CultureInfo.InvariantCulture),
    };

    /// <summary>A ratio, always with two digits: columns of them are compared.</summary>
    public static string Ratio(double? value) => value switch
    {
        null or double.NaN => Unknown,
        double.PositiveInfinity => "∞",
        >= 1000 => Show(value),
        _ => value.Value.ToString("0.00", CultureInfo.InvariantCulture),
    };

    public static string Range(Spread? spread) => spread is null ? Unknown : $"{Show(spread.Minimum)} to {Show(spread.Maximum)}";

    /// <summary>0.05: <c>+5.0 %</c>.</summary>
    public static string Change(double part) => IsUsable(part) ? $"{(part < 0 ? Minus : "+")}{Math.Abs(part * 100).ToString("0.0", CultureInfo.InvariantCulture)}{Blank}%" : Unknown;

    /// <summary>0.05: <c>5 %</c>.</summary>
    public static string Percent(double part) => IsUsable(part) ? Math.Abs(part * 100).ToString(Math.Abs(part) < 0.1 ? "0.#" : "0", CultureInfo.InvariantCulture) + Blank + "%" : Unknown;

    /// <summary><c>64 KiB</c>; bytes where it is no whole number of a larger unit.</summary>
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1 << 20 when bytes % (1 << 20) == 0 => $"{bytes >> 20}{Blank}MiB",
        >= 1 << 10 when bytes % (1 << 10) == 0 => $"{bytes >> 10}{Blank}KiB",
        _ => $"{bytes}{Blank}B",
    };

    public static string Seconds(double seconds) => !IsUsable(seconds) ? Unknown : seconds < 100 ? $"{Show(seconds)}{Blank}s" : $"{Show(seconds / 60)}{Blank}min";

    public static string Day(DateTimeOffset at) => at.UtcDateTime.ToString("d MMMM yyyy", CultureInfo.InvariantCulture);

    public static string Minute(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>A figure's unit as it stands behind a number; nothing for a share of one.</summary>
    public static string Unit(string unit) => unit == "1" ? "" : Cut(unit, 20);

    /// <summary>A text of somebody else's, no longer than a line bears.</summary>
    public static string Cut(string text, int length)
    {
        if (text.Length <= length)
        {
            return text;
        }

        int end = char.IsHighSurrogate(text[length - 2]) ? length - 2 : length - 1;
        return text[..end] + "…";
    }

    /// <summary>The commit of a history's entry, as short as commits are written; else its run.</summary>
    public static string Place(Histories.HistoryEntry entry) => entry.Commit is { Length: > 0 } commit ? Cut(commit, 13) : Cut(entry.Run, 24);
}
