using System.Collections.Concurrent;

namespace Vsockspec.Perf.Statistics;

/// <summary>
/// The rank test of Mann and Whitney for two groups of runs: nothing is assumed about how runs are distributed, only that the groups differ by a shift, if at all. The
/// distribution of its statistic is exact, since the groups of a comparison are small.
/// </summary>
public static class MannWhitney
{
    /// <summary>Groups beyond this size are refused: no comparison has so many runs, and the exact distribution would take seconds.</summary>
    public const int MostRuns = 200;

    /// <summary>A comparison asks for the same sizes once for each figure.</summary>
    private static readonly ConcurrentDictionary<(int First, int Second), double[]> Known = [];

    /// <summary>
    /// The distribution of U, the number of pairs in which the second group's value is the smaller, when the groups are alike: <c>result[u]</c> is the probability of
    /// U being at most u, for u from 0 to <paramref name="first"/> times <paramref name="second"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A group is empty or has more than <see cref="MostRuns"/> values.</exception>
    public static IReadOnlyList<double> Distribution(int first, int second)
    {
        CheckSize(first);
        CheckSize(second);
        return Known.GetOrAdd((first, second), sizes => Compute(sizes.First, sizes.Second));
    }

    /// <summary>
    /// The probability of seeing the second group so far above the first, or farther, if the second were not above it. Equal values count as half a pair and are
    /// rounded against the claim.
    /// </summary>
    public static double SecondIsGreater(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        int halves = 0;
        foreach (double a in first)
        {
            foreach (double b in second)
            {
                halves += b < a ? 2 : b > a ? 0 : 1;
            }
        }

        return Distribution(first.Length, second.Length)[(halves + 1) / 2];
    }

    private static double[] Compute(int first, int second)
    {
        // P(n, m, u): the largest of all values is one of the first group's (then it lies above all m of the second and adds m to U) or one of the second's (it adds
        // nothing); Mann and Whitney 1947, equation 3, in probabilities so that nothing overflows.
        double[][] column = new double[second + 1][];
        for (int m = 0; m <= second; m++)
        {
            column[m] = [1];
        }

        for (int n = 1; n <= first; n++)
        {
            double[][] next = new double[second + 1][];
            next[0] = [1];
            for (int m = 1; m <= second; m++)
            {
                double[] of = new double[(n * m) + 1];
                double mine = (double)n / (n + m);
                Add(column[m], mine, m, of);
                Add(next[m - 1], 1 - mine, 0, of);
                next[m] = of;
            }

            column = next;
        }

        double[] cumulative = column[second];
        for (int u = 1; u < cumulative.Length; u++)
        {
            // What is left out by rounding must not make more than certainty of it.
            cumulative[u] = Math.Min(1, cumulative[u] + cumulative[u - 1]);
        }

        return cumulative;
    }

    private static void Add(double[] from, double weight, int shift, double[] to)
    {
        for (int u = 0; u < from.Length; u++)
        {
            to[u + shift] += weight * from[u];
        }
    }

    private static void CheckSize(int size)
    {
        if (size is < 1 or > MostRuns)
        {
            throw new ArgumentOutOfRangeException(nameof(size), size, $"a group has 1 to {MostRuns} runs");
        }
    }
}
