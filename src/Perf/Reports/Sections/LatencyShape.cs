using System.Globalization;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>Latency curves that come from a file, and their names for people.</summary>
internal static class LatencyShape
{
    private const string Load = "load-";
    private const string OpenLoop = "open-loop";
    private const double Behind = 0.97;
    private const int MostPoints = 200;

    /// <summary>Points that can be drawn, in order of the percentile.</summary>
    public static IReadOnlyList<LatencyPoint> Usable(LatencyCurve curve) =>
        [.. curve.Points.Where(p => p.Percentile is >= 0 and <= 100 && p.Microseconds > 0 && Numbers.IsUsable(p.Microseconds)).OrderBy(p => p.Percentile).Take(MostPoints)];

    /// <summary>Null where the curve has no such point.</summary>
    public static double? At(LatencyCurve curve, double percentile) => Usable(curve).FirstOrDefault(p => p.Percentile >= percentile - 1e-9)?.Microseconds;

    /// <summary>What is timed, without the load: <c>stream, 64 B</c>.</summary>
    public static string Subject(string name) =>
        Numbers.Cut(string.Join(", ", name.Split('/').Where(part => part != OpenLoop && !part.StartsWith(Load, StringComparison.Ordinal)).Select(Words)), 80);

    /// <summary>Short enough to stand at the end of a line.</summary>
    public static string Label(LatencyCurve curve)
    {
        string[] parts = curve.Name.Split('/');
        string last = parts[^1].StartsWith(Load, StringComparison.Ordinal) ? parts[^1][Load.Length..] + " % load"
            : parts.Length > 1 && long.TryParse(parts[^1], NumberStyles.None, CultureInfo.InvariantCulture, out _) ? parts[^2].Replace('-', ' ')
            : parts[^1].Replace('-', ' ');
        return Numbers.Cut(last.Replace("round trip beside bulk", "beside bulk", StringComparison.Ordinal), 32);
    }

    /// <summary>As much came back as was sent.</summary>
    public static bool KeptUp(LatencyCurve curve) => curve.OfferedPerSecond is not { } offered || curve.AchievedPerSecond >= offered * Behind;

    private static string Words(string part) =>
        long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? Numbers.Bytes(bytes) : part.Replace('-', ' ');
}
