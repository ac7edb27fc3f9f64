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

/// <summary>Two groups of runs of one figure. The run is the unit: what was measured within one run is already one value.</summary>
/// <param name="Slowdown">How many times slower (or dearer) the second is, whichever way of the figure is better: above 1 is worse.</param>
/// <param name="Tolerance">0.03: a change of 3 % does not matter.</param>
/// <param name="PSlower">The probability of seeing the second so much slower, or more, if it were slower by no more than the tolerance.</param>
/// <param name="Modes">Not null: the runs of a group lie in heaps rather than around one value, so that no ratio describes them; says which group.</param>
public sealed record Comparison(RatioEstimate Slowdown, double Tolerance, double PSlower, int FirstRuns, int SecondRuns, string? Modes)
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
    /// <param name="second">One value for each run of what is judged.</param>
    /// <exception cref="ArgumentException">As <see cref="RatioEstimate.Of"/>; the tolerance is negative.</exception>
    public static Comparison Of(ReadOnlySpan<double> first, ReadOnlySpan<double> second, Better better, double tolerance = UsualTolerance, double errorRate = UsualErrorRate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);

        // A cost in place of a rate: then more is worse in both.
        double[] before = Costs(first, better);
        double[] after = Costs(second, better);
        double[] within = [.. after.Select(cost => cost / (1 + tolerance))];
        string? modes = Modality.IsSplit(before) ? "the runs of the first" : Modality.IsSplit(after) ? "the runs of the second" : null;
        return new Comparison(
            RatioEstimate.Of(before, after, errorRate), tolerance, MannWhitney.SecondIsGreater(before, within), first.Length, second.Length, modes is null ? null : modes + " lie in more than one heap");
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
