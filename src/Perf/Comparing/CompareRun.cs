using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Comparing;

/// <summary>How a comparison is made.</summary>
/// <param name="RunsEach">Runs of each target before the first look; even.</param>
/// <param name="MostRunsEach">While something is inconclusive, runs are added in groups of <paramref name="RunsEach"/> up to here.</param>
public sealed record CompareOptions(int RunsEach = 10, int MostRunsEach = 30, double Tolerance = Comparison.UsualTolerance, double ErrorRate = Comparison.UsualErrorRate)
{
    /// <summary>How often the figures are looked at, at most; each look gets its part of the error rate.</summary>
    public int Looks => (MostRunsEach + RunsEach - 1) / RunsEach;
}

/// <summary>Measures two targets in turn, a process for each run, and judges the second by the first.</summary>
public sealed class CompareRun(IDeviceTarget first, IDeviceTarget second, PerfPlan plan, CompareOptions options, TimeProvider time, Action<string> progress)
{
    /// <summary>Runs between two looks at the machine; A B B A is whole after so many.</summary>
    private const int RunsBetweenLooks = 4;

    /// <summary>The machine that is watched while it measures, so that an unfit one ends the comparison; null: nothing is said about it.</summary>
    public IMachine? Machine { get; init; }

    /// <summary>Goes on measuring on an unfit machine. The verdict is Inconclusive all the same; each figure has its own.</summary>
    public bool EvenIfUnfit { get; init; }

    /// <exception cref="PerfException">A target stalls, corrupts or ends; the message names it.</exception>
    /// <exception cref="TargetException">A target does not come up.</exception>
    public CompareReport Run(IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        DateTimeOffset started = time.GetUtcNow();
        FitnessWatch? watch = Machine is null ? null : new FitnessWatch(Machine);
        if (!EvenIfUnfit && watch?.SoFar is { AreFit: false } unfit)
        {
            progress($"the machine is unfit: {FitnessWatch.WhyUnfit(unfit)}");
            return Report([], []);
        }

        IReadOnlyDictionary<string, long> volumes = Of(first, "a", run => run.Volumes(cancellation));
        _ = Of(second, "b", run => run.Measure(volumes, cancellation));
        List<IReadOnlyDictionary<Figure, double>> a = [];
        List<IReadOnlyDictionary<Figure, double>> b = [];
        Judgement judgement = new(options.Tolerance, options.ErrorRate / options.Looks);
        while (true)
        {
            foreach (bool isFirst in Interleaving.Abba(Math.Min(options.RunsEach, options.MostRunsEach - a.Count)))
            {
                cancellation.ThrowIfCancellationRequested();
                (isFirst ? a : b).Add(isFirst ? Of(first, "a", run => run.Measure(volumes, cancellation)) : Of(second, "b", run => run.Measure(volumes, cancellation)));
                if ((a.Count + b.Count) % RunsBetweenLooks == 0 && !IsStillFit())
                {
                    return Report(a, b);
                }
            }

            IReadOnlyList<FigureComparison> figures = judgement.Of(a, b);
            int open = figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Inconclusive);
            progress($"{a.Count} runs each: {figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Slower)} figures slower, {open} inconclusive");
            if (open == 0 || a.Count >= options.MostRunsEach)
            {
                return Report(a, b);
            }
        }

        bool IsStillFit()
        {
            watch?.Calibrate();
            if (!EvenIfUnfit && watch?.SoFar is { AreFit: false } now)
            {
                progress($"the machine became unfit: {FitnessWatch.WhyUnfit(now)}");
                return false;
            }

            return true;
        }

        CompareReport Report(List<IReadOnlyDictionary<Figure, double>> a, List<IReadOnlyDictionary<Figure, double>> b) => new(
            CompareReport.CurrentSchema,
            new ComparedTarget(first.Name, first.Digest),
            new ComparedTarget(second.Name, second.Digest),
            plan.Name,
            started,
            environment,
            options,
            a.Count,
            a.Count == 0 ? [] : new Judgement(options.Tolerance, options.ErrorRate / options.Looks).Of(a, b))
        {
            Conditions = watch?.SoFar ?? new Conditions([]),
            Runs = [.. a.Zip(b, (x, y) => new RunPair(ByName(x), ByName(y)))],
        };
    }

    private T Of<T>(IDeviceTarget target, string which, Func<SingleRun, T> measure)
    {
        try
        {
            return measure(new SingleRun(target, plan));
        }
        catch (PerfException e)
        {
            throw new PerfException($"{which} ({target.Name}): {e.Message}");
        }
    }

    private static Dictionary<string, double> ByName(IReadOnlyDictionary<Figure, double> run) => run.ToDictionary(f => f.Key.Name, f => f.Value);
}
