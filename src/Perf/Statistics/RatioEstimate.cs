namespace Vsockspec.Perf.Statistics;

/// <summary>How many times the second's figure is the first's, from runs in which both were measured in turn.</summary>
/// <param name="Ratio">The estimate of Hodges and Lehmann for pairs: the (geometric) middle of the means of every two ratios, which a few runs that went astray do not move.</param>
/// <param name="Lower">0 when there are too few runs for the error rate.</param>
/// <param name="Upper">Infinity when there are too few runs for the error rate.</param>
/// <param name="ErrorRate">In so many of all cases, at most, the true ratio lies outside; that is what the runs can reach, which may be less than what was asked for.</param>
public sealed record RatioEstimate(double Ratio, double Lower, double Upper, double ErrorRate)
{
    /// <summary>
    /// The interval comes from turning the signed rank test round (Hollander and Wolfe, Nonparametric Statistical Methods, section 3.3): it has all ratios that the test would not
    /// refuse.
    /// </summary>
    /// <param name="first">One value for each run; all are positive.</param>
    /// <param name="second">One value for each run, in the same order; all are positive.</param>
    /// <param name="errorRate">Between 0 and 1, of both sides together.</param>
    /// <exception cref="ArgumentException">There is no run, there are too many or not as many of both, or a value is not a positive number; the rate is out of range.</exception>
    public static RatioEstimate Of(ReadOnlySpan<double> first, ReadOnlySpan<double> second, double errorRate)
    {
        if (errorRate is not (> 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(errorRate), errorRate, "an error rate lies between 0 and 1");
        }

        double[] averages = SignedRank.Averages(Differences(first, second));
        IReadOnlyList<double> distribution = SignedRank.Distribution(first.Length);

        // How many averages may be left out at either end.
        int outside = 0;
        while (2 * distribution[outside] <= errorRate)
        {
            outside++;
        }

        double middle = Math.Exp(Summary.MedianOfSorted(averages));
        return outside == 0
            ? new RatioEstimate(middle, 0, double.PositiveInfinity, 0)
            : new RatioEstimate(middle, Math.Exp(averages[outside - 1]), Math.Exp(averages[^outside]), 2 * distribution[outside - 1]);
    }

    /// <summary>Logarithms of the ratio of each run.</summary>
    /// <exception cref="ArgumentException">Not as many of both, or a value that is not a positive number.</exception>
    internal static double[] Differences(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(second.Length, first.Length, nameof(second));
        double[] differences = new double[first.Length];
        for (int i = 0; i < differences.Length; i++)
        {
            differences[i] = Math.Log(Positive(second[i]) / Positive(first[i]));
        }

        return differences;
    }

    private static double Positive(double value) =>
        value > 0 && double.IsFinite(value) ? value : throw new ArgumentException($"{value} is no positive number, and has no ratio to another");
}
