namespace Vsockspec.Perf;

/// <summary>Median and range of repeated measurements. Nothing here claims a significance; that needs the run as unit.</summary>
public sealed record Summary(double Middle, double Minimum, double Maximum)
{
    public static Summary Of(IReadOnlyCollection<double> values) => new(Median(values), values.Min(), values.Max());

    /// <summary>The middle value, or the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return MedianOfSorted(sorted);
    }

    internal static double MedianOfSorted(ReadOnlySpan<double> sorted)
    {
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
