using System.Collections.Concurrent;

namespace Vsockspec.Perf.Statistics;

/// <summary>
/// The signed rank test of Wilcoxon for pairs of runs that shared their minutes: what the machine did to both is not in their ratio. Nothing is assumed but that the ratios lie evenly around
/// theirs, as they do when either of the two might have been measured in the other's place. The distribution of its statistic is exact, since a comparison has few runs.
/// </summary>
public static class SignedRank
{
    /// <summary>More pairs are refused: no comparison has so many runs.</summary>
    public const int MostRuns = 200;

    /// <summary>A comparison asks for the same number once for each figure.</summary>
    private static readonly ConcurrentDictionary<int, double[]> Known = [];

    /// <summary>
    /// The distribution of the sum of the ranks of those differences that are negative, when positive and negative are as likely: <c>result[w]</c> is the probability of a sum of
    /// at most w.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no pair, or more than <see cref="MostRuns"/>.</exception>
    public static IReadOnlyList<double> Distribution(int pairs)
    {
        if (pairs is < 1 or > MostRuns)
        {
            throw new ArgumentOutOfRangeException(nameof(pairs), pairs, $"a comparison has 1 to {MostRuns} pairs of runs");
        }

        return Known.GetOrAdd(pairs, Compute);
    }

    /// <summary>The averages of every two differences, each with itself too (Walsh), ascending: the sum of the ranks is the number of those below 0 (Tukey).</summary>
    public static double[] Averages(ReadOnlySpan<double> differences)
    {
        double[] averages = new double[differences.Length * (differences.Length + 1) / 2];
        int at = 0;
        for (int i = 0; i < differences.Length; i++)
        {
            for (int j = i; j < differences.Length; j++)
            {
                averages[at++] = (differences[i] + differences[j]) / 2;
            }
        }

        Array.Sort(averages);
        return averages;
    }

    /// <summary>The probability of seeing differences so far above 0, or farther, if they did not lie above it. An average of 0 counts as half and is rounded against the claim.</summary>
    public static double IsPositive(ReadOnlySpan<double> differences)
    {
        int halves = 0;
        foreach (double average in Averages(differences))
        {
            halves += average < 0 ? 2 : average > 0 ? 0 : 1;
        }

        return Distribution(differences.Length)[(halves + 1) / 2];
    }

    private static double[] Compute(int pairs)
    {
        // Each rank is in the sum or not, with a probability of a half.
        double[] distribution = new double[(pairs * (pairs + 1) / 2) + 1];
        distribution[0] = 1;
        int most = 0;
        for (int rank = 1; rank <= pairs; rank++)
        {
            most += rank;
            for (int sum = most; sum >= 0; sum--)
            {
                distribution[sum] = (distribution[sum] + (sum >= rank ? distribution[sum - rank] : 0)) / 2;
            }
        }

        for (int sum = 1; sum < distribution.Length; sum++)
        {
            // What is left out by rounding must not make more than certainty of it.
            distribution[sum] = Math.Min(1, distribution[sum] + distribution[sum - 1]);
        }

        return distribution;
    }
}
