namespace Vsockspec.Perf.Statistics;

/// <summary>Which way of a figure is the better one.</summary>
public enum Better
{
    /// <summary>Throughput, rates.</summary>
    Higher,

    /// <summary>Latencies, costs, counters.</summary>
    Lower,
}

/// <summary>What a comparison says.</summary>
public enum PerfVerdict
{
    /// <summary>Even the mildest slowdown that the runs allow exceeds the tolerance.</summary>
    Slower,

    /// <summary>All that the runs allow is within the tolerance.</summary>
    Equivalent,

    /// <summary>Even the smallest gain that the runs allow exceeds the tolerance.</summary>
    Faster,

    /// <summary>The runs allow both; more of them may tell.</summary>
    Inconclusive,

    /// <summary>Of a whole comparison only: a target stalled, ended or delivered wrong bytes before there was an answer.</summary>
    Failed,
}

/// <summary>The runs of two targets, one figure of each. The run, in which both were measured in turn, is the unit: what was measured within it is already one value for each.</summary>
/// <param name="Slowdown">How many times slower (or dearer) the second is, whichever way of the figure is better: above 1 is worse.</param>
/// <param name="Tolerance">0.03: a change of 3 % does not matter.</param>
/// <param name="PSlower">The probability of seeing the second so much slower, or more, if it were slower by no more than the tolerance.</param>
/// <param name="Modes">Not null: the ratios of the runs lie in heaps rather than around one value, so that none describes them; says so.</param>
public sealed record Comparison(RatioEstimate Slowdown, double Tolerance, double PSlower, int Runs, string? Modes)
{
    /// <summary>An interval misses the true ratio once in a hundred comparisons.</summary>
    public const double UsualErrorRate = 0.01;

    public const double UsualTolerance = 0.03;

    public PerfVerdict Verdict => this switch
    {
        { Modes: not null } => PerfVerdict.Inconclusive,
        _ when Slowdown.Lower > 1 + Tolerance => PerfVerdict.Slower,
        _ when Slowdown.Upper < 1 / (1 + Tolerance) => PerfVerdict.Faster,
        _ when Slowdown.Upper < 1 + Tolerance && Slowdown.Lower > 1 / (1 + Tolerance) => PerfVerdict.Equivalent,
        _ => PerfVerdict.Inconclusive,
    };

    /// <param name="first">One value for each run of what is the yardstick.</param>
    /// <param name="second">One value for each run of what is judged, in the same order.</param>
    /// <exception cref="ArgumentException">As <see cref="RatioEstimate.Of"/>; the tolerance is negative.</exception>
    public static Comparison Of(ReadOnlySpan<double> first, ReadOnlySpan<double> second, Better better, double tolerance = UsualTolerance, double errorRate = UsualErrorRate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);

        // A cost in place of a rate: then more is worse in both.
        double[] before = Costs(first, better);
        double[] after = Costs(second, better);
        double[] differences = RatioEstimate.Differences(before, after);
        double[] beyond = [.. differences.Select(d => d - Math.Log(1 + tolerance))];
        string? modes = Modality.IsSplit([.. differences.Select(Math.Exp)]) ? "the ratios of the runs lie in more than one heap" : null;
        return new Comparison(RatioEstimate.Of(before, after, errorRate), tolerance, SignedRank.IsPositive(beyond), first.Length, modes);
    }

    private static double[] Costs(ReadOnlySpan<double> values, Better better)
    {
        double[] costs = values.ToArray();
        for (int i = 0; better == Better.Higher && i < costs.Length; i++)
        {
            costs[i] = 1 / costs[i];
        }

        return costs;
    }
}
