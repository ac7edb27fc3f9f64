namespace Vsockspec.Perf.Statistics;

/// <summary>Whether runs lie around one value or in several heaps, as when a scheduler places threads now one way, now another.</summary>
public static class Modality
{
    /// <summary>Fewer runs do not show heaps.</summary>
    public const int FewestRuns = 8;

    /// <summary>A gap counts when it is so many times the usual distance of neighbours ...</summary>
    private const double GapToNeighbours = 12;

    /// <summary>... and so large a part of the middle value: smaller steps do not change a verdict.</summary>
    private const double GapToMiddle = 0.05;

    /// <summary>True when one gap parts the runs into two groups that have a quarter of them at least. A single run that went astray is no heap.</summary>
    public static bool IsSplit(ReadOnlySpan<double> runs)
    {
        if (runs.Length < FewestRuns)
        {
            return false;
        }

        double[] sorted = runs.ToArray();
        Array.Sort(sorted);
        double[] gaps = [.. sorted.Skip(1).Zip(sorted, (next, value) => next - value)];
        int widest = Array.IndexOf(gaps, gaps.Max());
        int below = widest + 1;
        double gap = gaps[widest];
        return Math.Min(below, sorted.Length - below) * 4 >= sorted.Length
            && gap > GapToMiddle * Summary.MedianOfSorted(sorted)
            && gap > GapToNeighbours * Summary.Median(gaps);
    }
}
