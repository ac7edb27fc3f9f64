namespace Vsockspec.Perf.Statistics;

/// <summary>
/// The step-down correction of Holm (1979): of a whole family of tests, the probability that even one accuses wrongly stays within the error rate.
/// </summary>
public static class Holm
{
    /// <summary>For each test its probability, raised so that it can be held against the error rate of the family; in the order given.</summary>
    /// <exception cref="ArgumentException">A value is no probability.</exception>
    public static double[] Adjust(IReadOnlyList<double> probabilities)
    {
        if (probabilities.Any(p => p is not (>= 0 and <= 1)))
        {
            throw new ArgumentException("a probability lies between 0 and 1", nameof(probabilities));
        }

        int[] order = [.. Enumerable.Range(0, probabilities.Count).OrderBy(i => probabilities[i])];
        double[] adjusted = new double[probabilities.Count];
        double floor = 0;
        for (int rank = 0; rank < order.Length; rank++)
        {
            floor = Math.Max(floor, Math.Min(1, (order.Length - rank) * probabilities[order[rank]]));
            adjusted[order[rank]] = floor;
        }

        return adjusted;
    }
}
