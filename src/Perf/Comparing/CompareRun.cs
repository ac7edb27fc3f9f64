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

    /// <summary>Of each target; one alone does not tell what varies.</summary>
    private const int FewestRuns = 2;

    /// <summary>The machine that is watched while it measures, so that an unfit one ends the comparison; null: nothing is said about it.</summary>
    public IMachine? Machine { get; init; }

    /// <summary>Goes on measuring on an unfit machine. The verdict is Inconclusive all the same; each figure has its own.</summary>
    public bool EvenIfUnfit { get; init; }

    /// <returns>With what was measured until then when a target stalls, corrupts or ends, or does not come up for a run that counts.</returns>
    /// <exception cref="TargetException">A target does not come up at all.</exception>
    public CompareReport Run(IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        DateTimeOffset started = time.GetUtcNow();
        FitnessWatch? watch = Machine is null ? null : new FitnessWatch(Machine);
        List<IReadOnlyDictionary<Figure, double>> a = [];
        List<IReadOnlyDictionary<Figure, double>> b = [];
        ComparedFailure? failure = null;
        if (!EvenIfUnfit && watch?.SoFar is { AreFit: false } unfit)
        {
            progress($"the machine is unfit: {FitnessWatch.WhyUnfit(unfit)}");
            return Report();
        }

        try
        {
            MeasureAll();
        }
        catch (PerfException) when (failure is not null)
        {
            progress(failure.Sentence);
        }

        return Report();

        void MeasureAll()
        {
            IReadOnlyDictionary<string, long> volumes = Of(isFirst: true, run: 0, run => run.Volumes(cancellation));
            _ = Of(isFirst: false, run: 0, run => run.Measure(volumes, cancellation));
            while (true)
            {
                foreach (bool isFirst in Interleaving.Abba(Math.Min(options.RunsEach, options.MostRunsEach - a.Count)))
                {
                    cancellation.ThrowIfCancellationRequested();
                    List<IReadOnlyDictionary<Figure, double>> runs = isFirst ? a : b;
                    runs.Add(Of(isFirst, runs.Count + 1, run => run.Measure(volumes, cancellation)));
                    if ((a.Count + b.Count) % RunsBetweenLooks == 0 && !IsStillFit())
                    {
                        return;
                    }
                }

                IReadOnlyList<FigureComparison> figures = Judged();
                int open = figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Inconclusive);
                progress($"{a.Count} runs each: {figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Slower)} figures slower, {open} inconclusive");
                if (open == 0 || a.Count >= options.MostRunsEach)
                {
                    return;
                }
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

        IReadOnlyList<FigureComparison> Judged() => Math.Min(a.Count, b.Count) < FewestRuns ? [] : new Judgement(options.Tolerance, options.ErrorRate / options.Looks).Of(a, b);

        CompareReport Report() => new(
            CompareReport.CurrentSchema,
            new ComparedTarget(first.Name, first.Digest),
            new ComparedTarget(second.Name, second.Digest),
            plan.Name,
            started,
            environment,
            options,
            Math.Min(a.Count, b.Count),
            Judged())
        {
            Conditions = watch?.SoFar ?? new Conditions([]),
            Runs = [.. Enumerable.Range(0, Math.Max(a.Count, b.Count)).Select(i => new RunPair(ByName(a.ElementAtOrDefault(i)), ByName(b.ElementAtOrDefault(i))))],
            Failure = failure,
        };

        T Of<T>(bool isFirst, int run, Func<SingleRun, T> measure)
        {
            IDeviceTarget target = isFirst ? first : second;
            try
            {
                return measure(new SingleRun(target, plan));
            }
            catch (Exception e) when (e is PerfException || (e is TargetException && run > 0))
            {
                failure = new ComparedFailure(isFirst ? "a" : "b", target.Name, run, e.Message);
                throw new PerfException(failure.Sentence);
            }
        }
    }

    private static Dictionary<string, double>? ByName(IReadOnlyDictionary<Figure, double>? run) => run?.ToDictionary(f => f.Key.Name, f => f.Value);
}
