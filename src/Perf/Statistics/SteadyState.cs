using Perfolizer.Mathematics.Distributions.ContinuousDistributions;

namespace Vsockspec.Perf.Statistics;

/// <summary>
/// Whether what is measured in pieces has settled: compilers that work in the background, caches that fill and clocks that sink show as a slope. As fio's steady state does it, by the
/// straight line through the last pieces.
/// </summary>
/// <param name="limit">Of the middle, by how much the line may rise or fall over the pieces.</param>
/// <param name="pieces">How many pieces are looked at together; 3 or more.</param>
public sealed class SteadyState(double limit = 0.05, int pieces = 8)
{
    /// <summary>A slope this improbable in pieces that only scatter is one.</summary>
    private const double Certain = 0.01;

    public int Pieces { get; } = pieces >= 3 ? pieces : throw new ArgumentOutOfRangeException(nameof(pieces), pieces, "a slope among noise needs 3 pieces");

    /// <summary>
    /// By how much of its middle the line through the pieces rises (or, negative, falls) from the first to the last, by least squares.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than two pieces, or one that is not a positive number.</exception>
    public static double Drift(ReadOnlySpan<double> series) => Line(series).Rise;

    /// <summary>True when the pieces rise or fall by no more than the limit, or by no more than their scatter explains.</summary>
    /// <exception cref="ArgumentException">As <see cref="Drift"/>.</exception>
    public bool IsFlat(ReadOnlySpan<double> series)
    {
        (double rise, double probability) = Line(series);
        return Math.Abs(rise) <= limit || probability > Certain;
    }

    /// <summary>Takes pieces until the last of them are flat, or there have been too many.</summary>
    /// <param name="piece">Measures the next one; a positive number.</param>
    /// <param name="most">How many pieces there are at most.</param>
    /// <returns>Whether they became flat, and the pieces taken.</returns>
    public (bool IsSteady, IReadOnlyList<double> Taken) WarmUp(Func<double> piece, int most)
    {
        List<double> taken = [];
        while (taken.Count < most)
        {
            taken.Add(piece());
            if (taken.Count >= Pieces && IsFlat([.. taken.TakeLast(Pieces)]))
            {
                return (true, taken);
            }
        }

        return (false, taken);
    }

    private static (double Rise, double Probability) Line(ReadOnlySpan<double> series)
    {
        if (series.Length < 2)
        {
            throw new ArgumentException("a slope needs two pieces", nameof(series));
        }

        double middle = (series.Length - 1) / 2.0;
        double mean = 0;
        foreach (double value in series)
        {
            mean += (value > 0 && double.IsFinite(value) ? value : throw new ArgumentException($"{value} is no positive number", nameof(series))) / series.Length;
        }

        double along = 0;
        double across = 0;
        double all = 0;
        for (int i = 0; i < series.Length; i++)
        {
            along += (i - middle) * (i - middle);
            across += (i - middle) * (series[i] - mean);
            all += (series[i] - mean) * (series[i] - mean);
        }

        double slope = across / along;
        int freedom = series.Length - 2;
        double left = Math.Max(0, all - (slope * across));
        double error = freedom == 0 ? 0 : Math.Sqrt(left / freedom / along);
        double probability = slope == 0 ? 1 : error == 0 ? 0 : 2 * new StudentDistribution(freedom).Cdf(-Math.Abs(slope) / error);
        return (slope * (series.Length - 1) / mean, probability);
    }
}
