namespace Vsockspec.Perf.Statistics;

/// <summary>Whether what is measured within one run has settled: warming up, throttling and filling caches show as a slope.</summary>
public static class SteadyState
{
    /// <summary>
    /// By how much of its middle value the series rises (or, negative, falls) from its first to its last value, by the slope of Theil and Sen: the median over the slopes of
    /// all pairs, which a few values that went astray do not move.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than two values, or a middle value of 0.</exception>
    public static double Drift(ReadOnlySpan<double> series)
    {
        if (series.Length < 2)
        {
            throw new ArgumentException("a slope needs two values", nameof(series));
        }

        List<double> slopes = [];
        for (int i = 0; i < series.Length; i++)
        {
            for (int j = i + 1; j < series.Length; j++)
            {
                slopes.Add((series[j] - series[i]) / (j - i));
            }
        }

        double middle = Summary.Median(series.ToArray());
        return middle == 0
            ? throw new ArgumentException("a series around 0 has no relative drift", nameof(series))
            : Summary.Median(slopes) * (series.Length - 1) / middle;
    }

    /// <summary>How many values at the start to leave out so that the rest drifts by no more than <paramref name="limit"/> of its middle; null when less than half would be left.</summary>
    public static int? WarmUp(ReadOnlySpan<double> series, double limit)
    {
        for (int skipped = 0; skipped <= series.Length / 2 && series.Length - skipped >= 2; skipped++)
        {
            if (Math.Abs(Drift(series[skipped..])) <= limit)
            {
                return skipped;
            }
        }

        return null;
    }
}
