namespace Vsockspec.Perf.Statistics;

/// <summary>How many times the second group's figure is the first's.</summary>
/// <param name="Ratio">The estimate of Hodges and Lehmann: the median over all pairs, which a few runs that went astray do not move.</param>
/// <param name="Lower">0 when there are too few runs for the error rate.</param>
/// <param name="Upper">Infinity when there are too few runs for the error rate.</param>
/// <param name="ErrorRate">In so many of all cases, at most, the true ratio lies outside; that is what the runs can reach, which may be less than what was asked for.</param>
public sealed record RatioEstimate(double Ratio, double Lower, double Upper, double ErrorRate)
{
    /// <summary>
    /// The interval comes from turning the test of Mann and Whitney round (Hollander and Wolfe, Nonparametric Statistical Methods, section 4.3): it has all ratios that the test would
    /// not refuse.
    /// </summary>
    /// <param name="first">One value for each run; all are positive.</param>
    /// <param name="second">One value for each run; all are positive.</param>
    /// <param name="errorRate">Between 0 and 1, of both sides together.</param>
    /// <exception cref="ArgumentException">A group is empty, has too many values, or a value that is not a positive number; the rate is out of range.</exception>
    public static RatioEstimate Of(ReadOnlySpan<double> first, ReadOnlySpan<double> second, double errorRate)
    {
        if (errorRate is not (> 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(errorRate), errorRate, "an error rate lies between 0 and 1");
        }

        IReadOnlyList<double> distribution = MannWhitney.Distribution(first.Length, second.Length);
        double[] ratios = new double[first.Length * second.Length];
        for (int i = 0; i < first.Length; i++)
        {
            for (int j = 0; j < second.Length; j++)
            {
                ratios[(i * second.Length) + j] = Positive(second[j]) / Positive(first[i]);
            }
        }

        Array.Sort(ratios);

        // How many pairs may be left out at either end.
        int outside = 0;
        while (2 * distribution[outside] <= errorRate)
        {
            outside++;
        }

        double middle = Summary.MedianOfSorted(ratios);
        return outside == 0
            ? new RatioEstimate(middle, 0, double.PositiveInfinity, 0)
            : new RatioEstimate(middle, ratios[outside - 1], ratios[^outside], 2 * distribution[outside - 1]);
    }

    private static double Positive(double value) =>
        value > 0 && double.IsFinite(value) ? value : throw new ArgumentException($"{value} is no positive number, and has no ratio to another");
}
