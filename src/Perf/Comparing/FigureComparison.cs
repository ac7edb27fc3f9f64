using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Comparing;

/// <summary>One figure of two targets.</summary>
/// <param name="First">Middle value of the runs.</param>
/// <param name="Second">Middle value of the runs.</param>
/// <param name="Slowdown">Null for a counter: it is compared as it is.</param>
/// <param name="Why">What keeps the figure alone from deciding; null: nothing.</param>
public sealed record FigureComparison(Figure Figure, double First, double Second, PerfVerdict Verdict, RatioEstimate? Slowdown, double? AdjustedP, string? Why)
{
    /// <summary>True when the verdict counts for the outcome of the whole comparison.</summary>
    public bool Decides => Figure.Role == FigureRole.Gate || (Figure.Role == FigureRole.Counter && Why is null);
}

/// <summary>Judges all figures of two targets together, from runs in which both were measured.</summary>
/// <param name="tolerance">As <see cref="Comparison.Tolerance"/>.</param>
/// <param name="errorRate">Of each interval, and of the whole family of figures for the claim that one is slower.</param>
public sealed class Judgement(double tolerance, double errorRate)
{
    private const string NotDeterministic = "varies from run to run";

    /// <summary>In the order of the figures; those that a run lacks are left out, because a target does not support them or they could not be counted.</summary>
    public IReadOnlyList<FigureComparison> Of(IReadOnlyList<IReadOnlyDictionary<Figure, double>> first, IReadOnlyList<IReadOnlyDictionary<Figure, double>> second)
    {
        Figure[] figures = [.. first[0].Keys.Where(figure => first.Concat(second).All(run => run.ContainsKey(figure)))];
        Figure[] timed = [.. figures.Where(f => f.Role != FigureRole.Counter)];
        Comparison[] comparisons = [.. timed.Select(f => Comparison.Of(Values(first, f), Values(second, f), f.Better, tolerance, errorRate))];
        int[] gates = [.. Enumerable.Range(0, timed.Length).Where(i => timed[i].Role == FigureRole.Gate)];
        double[] adjusted = Holm.Adjust([.. gates.Select(i => comparisons[i].PSlower)]);
        Dictionary<string, double> families = gates.GroupBy(i => timed[i].Family).ToDictionary(g => g.Key, g => g.Average(i => Math.Log(comparisons[i].Slowdown.Ratio)));

        Dictionary<Figure, FigureComparison> judged = [];
        for (int i = 0; i < timed.Length; i++)
        {
            int gate = Array.IndexOf(gates, i);
            double? p = gate < 0 ? null : adjusted[gate];
            (PerfVerdict verdict, string? why) = Weigh(comparisons[i], p, families.GetValueOrDefault(timed[i].Family));
            judged.Add(timed[i], new FigureComparison(timed[i], Middle(first, timed[i]), Middle(second, timed[i]), verdict, comparisons[i].Slowdown, p, why));
        }

        foreach (Figure counter in figures.Except(timed))
        {
            judged.Add(counter, Count(counter, Values(first, counter), Values(second, counter)));
        }

        return [.. figures.Select(f => judged[f])];
    }

    /// <summary>A figure that seems slower must stand beside all others that were tried, and its family must move with it.</summary>
    private (PerfVerdict Verdict, string? Why) Weigh(Comparison comparison, double? adjusted, double family) => comparison.Verdict switch
    {
        PerfVerdict.Slower when adjusted > errorRate => (PerfVerdict.Inconclusive, "among so many figures one may look slower by chance"),
        PerfVerdict.Slower when adjusted is not null && family <= 0 => (PerfVerdict.Inconclusive, "under other parameters the same figure did not become slower"),
        PerfVerdict verdict => (verdict, comparison.Modes),
    };

    /// <summary>A count that never varies needs no statistics: any difference is one.</summary>
    private static FigureComparison Count(Figure counter, double[] first, double[] second)
    {
        double before = Summary.Median(first);
        double after = Summary.Median(second);
        bool isFixed = first.Distinct().Count() == 1 && second.Distinct().Count() == 1;
        PerfVerdict verdict = after == before ? PerfVerdict.Equivalent : !isFixed ? PerfVerdict.Inconclusive : after > before ? PerfVerdict.Slower : PerfVerdict.Faster;
        return new FigureComparison(counter, before, after, verdict, null, null, isFixed ? null : NotDeterministic);
    }

    private static double[] Values(IReadOnlyList<IReadOnlyDictionary<Figure, double>> runs, Figure figure) => [.. runs.Select(run => run[figure])];

    private static double Middle(IReadOnlyList<IReadOnlyDictionary<Figure, double>> runs, Figure figure) => Summary.Median(Values(runs, figure));
}
