namespace Vsockspec.Perf.Reports;

/// <summary>Middle and range of values that come from a file.</summary>
/// <param name="Count">Of values that are numbers.</param>
internal sealed record Spread(double Middle, double Minimum, double Maximum, int Count)
{
    /// <summary>Null where no value is a number.</summary>
    public static Spread? Of(IEnumerable<double> values)
    {
        double[] usable = [.. values.Where(Numbers.IsUsable).Order()];
        return usable.Length == 0 ? null : new Spread(Summary.MedianOfSorted(usable), usable[0], usable[^1], usable.Length);
    }
}
