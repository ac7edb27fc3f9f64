using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Comparing;

/// <summary>How often something came out, of so many times; with the interval of Wilson that has the true rate in 95 of 100 cases.</summary>
public sealed record Rate(int Count, int Times)
{
    private const double TwoSided95 = 1.959964;

    public double Part => Times == 0 ? 0 : (double)Count / Times;

    public double Lower => Bound(-1);

    public double Upper => Bound(1);

    /// <summary>Wilson 1927.</summary>
    private double Bound(int sign)
    {
        if (Times == 0)
        {
            return sign < 0 ? 0 : 1;
        }

        double z2 = TwoSided95 * TwoSided95;
        double half = TwoSided95 * Math.Sqrt((Part * (1 - Part) / Times) + (z2 / (4.0 * Times * Times)));
        return Math.Clamp((Part + (z2 / (2 * Times)) + (sign * half)) / (1 + (z2 / Times)), 0, 1);
    }
}

/// <summary>A figure of one build, measured over and over.</summary>
/// <param name="Spread">Standard deviation from run to run of what was measured, without what the machine did to all that was measured in the run, as a part of the middle.</param>
/// <param name="Relabelled">How often it was called slower when the runs were labelled anew.</param>
public sealed record FigureNoise(string Figure, double Spread, Rate Relabelled);

/// <summary>How often a comparison accuses a build of being slower than itself.</summary>
/// <param name="RunsEach">Runs under each of the two labels.</param>
/// <param name="Relabelled">
/// Of the real runs, A and B exchanged in some of them: how often any figure was called slower. What the machine did in these very minutes is in
/// it, heaps, drift and strays; but it is about these minutes only, and the labellings share their runs, so it has no interval.
/// </param>
/// <param name="Simulated">
/// Of whole comparisons, more runs when inconclusive, of figures that are made up with the spread that was seen and do not depend on each other: how often any was called slower.
/// </param>
/// <param name="SimulatedOpen">How often such a comparison ended Inconclusive.</param>
public sealed record AlarmRates(int RunsEach, Rate Relabelled, Rate Simulated, Rate SimulatedOpen, IReadOnlyList<FigureNoise> Figures);

/// <summary>Measures the false alarms of the comparison itself, from runs of one build against the same build.</summary>
public sealed class AlarmRate(CompareOptions options, int seed)
{
    /// <param name="a">What was labelled A, a value for each run.</param>
    /// <param name="b">What was labelled B, in the same runs.</param>
    /// <param name="times">How often the runs are labelled anew, and how many comparisons are simulated.</param>
    public AlarmRates Of(IReadOnlyList<IReadOnlyDictionary<Figure, double>> a, IReadOnlyList<IReadOnlyDictionary<Figure, double>> b, int times, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Count, b.Count);
        Figure[] figures = [.. a[0].Keys.Where(figure => a.Concat(b).All(run => run.ContainsKey(figure)))];
        Judgement judgement = new(options.Tolerance, options.ErrorRate / options.Looks);
        Random random = new(seed);
        Dictionary<string, int> accused = figures.ToDictionary(f => f.Name, _ => 0);
        int anyAccused = 0;
        for (int i = 0; i < times; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            (List<IReadOnlyDictionary<Figure, double>> first, List<IReadOnlyDictionary<Figure, double>> second) = Relabel(a, b, random);
            FigureComparison[] slower = [.. judgement.Of(first, second).Where(f => f is { Decides: true, Verdict: PerfVerdict.Slower })];
            anyAccused += slower.Length > 0 ? 1 : 0;
            foreach (FigureComparison figure in slower)
            {
                accused[figure.Figure.Name]++;
            }
        }

        Figure[] gates = [.. figures.Where(f => f.Role == FigureRole.Gate)];
        Dictionary<Figure, double> spreads = figures.ToDictionary(f => f, f => Spread([.. a.Select(run => run[f])], [.. b.Select(run => run[f])]));
        PerfVerdict[] simulated = [.. Enumerable.Range(0, times).Select(_ => Simulate([.. gates.Select(g => (g, spreads[g]))], judgement, random, cancellation))];
        return new AlarmRates(
            a.Count,
            new Rate(anyAccused, times),
            new Rate(simulated.Count(v => v == PerfVerdict.Slower), times),
            new Rate(simulated.Count(v => v == PerfVerdict.Inconclusive), times),
            [.. figures.Where(f => f.Role != FigureRole.Shown).Select(f => new FigureNoise(f.Name, spreads[f], new Rate(accused[f.Name], times)))]);
    }

    /// <summary>
    /// In each run the two targets, which are the same build, are exchanged or not: either might have been the one that was called A. Values of different runs are not exchanged, because
    /// the machine may have drifted, which measuring both in turn is there for.
    /// </summary>
    private static (List<IReadOnlyDictionary<Figure, double>> A, List<IReadOnlyDictionary<Figure, double>> B) Relabel(
        IReadOnlyList<IReadOnlyDictionary<Figure, double>> a, IReadOnlyList<IReadOnlyDictionary<Figure, double>> b, Random random)
    {
        List<IReadOnlyDictionary<Figure, double>> first = [];
        List<IReadOnlyDictionary<Figure, double>> second = [];
        for (int run = 0; run < a.Count; run++)
        {
            bool isExchanged = random.Next(2) == 1;
            first.Add((isExchanged ? b : a)[run]);
            second.Add((isExchanged ? a : b)[run]);
        }

        return (first, second);
    }

    /// <summary>A whole comparison as <see cref="CompareRun"/> makes it.</summary>
    private PerfVerdict Simulate((Figure Figure, double Spread)[] figures, Judgement judgement, Random random, CancellationToken cancellation)
    {
        List<IReadOnlyDictionary<Figure, double>> a = [];
        List<IReadOnlyDictionary<Figure, double>> b = [];
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int i = Math.Min(options.RunsEach, options.MostRunsEach - a.Count); i > 0; i--)
            {
                a.Add(MakeUp());
                b.Add(MakeUp());
            }

            FigureComparison[] deciding = [.. judgement.Of(a, b).Where(f => f.Decides)];
            bool isOpen = deciding.Any(f => f.Verdict == PerfVerdict.Inconclusive);
            if (!isOpen || a.Count >= options.MostRunsEach)
            {
                return deciding.Any(f => f.Verdict == PerfVerdict.Slower) ? PerfVerdict.Slower : isOpen ? PerfVerdict.Inconclusive : PerfVerdict.Equivalent;
            }
        }

        IReadOnlyDictionary<Figure, double> MakeUp() => figures.ToDictionary(f => f.Figure, f => Math.Exp(f.Spread * random.NextNormal()));
    }

    /// <summary>Of one target within its run, as their ratios tell it: what the machine did to both is not in it.</summary>
    private static double Spread(double[] first, double[] second)
    {
        // A count may be 0; such a figure is not simulated.
        if (first.Concat(second).Any(v => v <= 0))
        {
            return 0;
        }

        double[] logs = RatioEstimate.Differences(first, second);
        double mean = logs.Average();
        return Math.Sqrt(logs.Sum(l => (l - mean) * (l - mean)) / Math.Max(1, logs.Length - 1) / 2);
    }
}
