namespace Vsockspec.Perf.Statistics;

/// <summary>
/// Single values that went astray, as after a night in which something else ran: one of them widens the spread of its whole stretch, and a step that is far smaller is no longer certain. They are told by
/// their neighbours (Hampel 1974): far from the middle of these, in terms of how these scatter. What several nights in a row share is no stray.
/// </summary>
public static class Strays
{
    /// <summary>Neighbours at each side.</summary>
    private const int Reach = 4;

    /// <summary>Standard deviations.</summary>
    private const double Far = 5;

    /// <summary>Of normal values the median of distances from the middle is so small a part of the standard deviation.</summary>
    private const double MadOfNormal = 0.6745;

    /// <summary>The values, strays replaced by the middle of their neighbours.</summary>
    public static double[] Replaced(ReadOnlySpan<double> values)
    {
        double[] calm = values.ToArray();
        for (int i = 0; i < values.Length; i++)
        {
            double[] near = [.. values[Math.Max(0, i - Reach)..Math.Min(values.Length, i + Reach + 1)]];
            if (near.Length <= Reach)
            {
                continue;
            }

            double middle = Summary.Median(near);
            double scatter = Summary.Median(near.Select(v => Math.Abs(v - middle))) / MadOfNormal;
            if (Math.Abs(values[i] - middle) > Far * scatter)
            {
                calm[i] = middle;
            }
        }

        return calm;
    }
}
