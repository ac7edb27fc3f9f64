using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Histories;

/// <summary>A step in a history, and between which commits it came.</summary>
/// <param name="First">The first entry of the new level.</param>
/// <param name="LastBefore">The last entry of the old one.</param>
/// <param name="IsRegression">The figure became worse.</param>
/// <param name="IsConfirmed">A second, quite different detector (ED-PELT) sees a step there too, and so certain a one is no chance among all series.</param>
public sealed record Step(ChangePoint Point, HistoryEntry LastBefore, HistoryEntry First, bool IsRegression, bool IsConfirmed);

/// <summary>What a history tells: its steps, stretch by stretch.</summary>
/// <param name="series">How many series are judged together: among many, one looks like a step by chance.</param>
public sealed class Trend(ChangePointDetector detector, int series = 1)
{
    /// <summary>Of all series together, for one night (Bonferroni).</summary>
    private const double ErrorRate = 0.01;

    /// <summary>How far apart the two detectors may put the same step.</summary>
    private const int SamePlace = 2;

    /// <summary>In order of time. Where the machine changes a new stretch begins, whose first values are no step.</summary>
    public IReadOnlyList<Step> Steps(History history, Better better)
    {
        List<Step> steps = [];
        for (int from = 0; from < history.Entries.Count;)
        {
            HistoryEntry[] stretch = [.. history.Entries.Skip(from).TakeWhile(e => e.Machine == history.Entries[from].Machine)];
            from += stretch.Length;
            double[] values = [.. stretch.Select(e => e.Value)];
            IReadOnlyList<int> secondOpinion = SecondOpinion.Places(values);
            steps.AddRange(detector.Find(values).Select(point => new Step(
                point,
                stretch[point.Index - 1],
                stretch[point.Index],
                point.Change > 0 == (better == Better.Lower),
                point.Probability * series <= ErrorRate && secondOpinion.Any(place => Math.Abs(place - point.Index) <= SamePlace))));
        }

        return steps;
    }
}
