using Perfolizer.Mathematics.Cpd;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Histories;

/// <summary>Another detector, of a quite different kind: ED-PELT (Haynes, Fearnhead and Eckley 2017), by Perfolizer.</summary>
public static class SecondOpinion
{
    private const int FewestValues = 2 * ChangePointDetector.FewestAtASide;

    /// <summary>The first value of each level but the first.</summary>
    public static IReadOnlyList<int> Places(double[] values) => values.Length < FewestValues
        ? []
        : [.. EdPeltChangePointDetector.Instance.GetChangePointIndexes(values, ChangePointDetector.FewestAtASide).Select(last => last + 1)];
}
