using System.Runtime.ExceptionServices;
using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Comparing;

/// <summary>How a comparison is made.</summary>
/// <param name="RunsEach">Runs, of both targets, before the first look.</param>
/// <param name="MostRunsEach">While something is inconclusive, runs are added in groups of <paramref name="RunsEach"/> up to here.</param>
public sealed record CompareOptions(int RunsEach = 10, int MostRunsEach = 30, double Tolerance = Comparison.UsualTolerance, double ErrorRate = Comparison.UsualErrorRate)
{
    /// <summary>How often the figures are looked at, at most; each look gets its part of the error rate.</summary>
    public int Looks => (MostRunsEach + RunsEach - 1) / RunsEach;
}

/// <summary>Measures two targets in turn, run by run, and judges the second by the first.</summary>
public sealed class CompareRun(IDeviceTarget first, IDeviceTarget second, PerfPlan plan, CompareOptions options, TimeProvider time, Action<string> progress)
{
    /// <summary>One alone does not tell what varies.</summary>
    private const int FewestRuns = 2;

    /// <summary>The machine that is watched while it measures, so that an unfit one ends the comparison; null: nothing is said about it.</summary>
    public IMachine? Machine { get; init; }

    /// <summary>Goes on measuring on an unfit machine. The verdict is Inconclusive all the same; each figure has its own.</summary>
    public bool EvenIfUnfit { get; init; }

    /// <summary>Told after each run, with all that was measured until then: what a comparison that is stopped leaves.</summary>
    public Action<CompareReport> Keep { get; init; } = _ => { };

    /// <returns>With what was measured until then when a target stalls, corrupts or ends, or does not come up for a run that counts.</returns>
    /// <exception cref="TargetException">A target does not come up at all.</exception>
    public CompareReport Run(IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        DateTimeOffset started = time.GetUtcNow();
        FitnessWatch? watch = Machine is null ? null : new FitnessWatch(Machine);
        List<PairValues> runs = [];
        PairValues broken = new();
        ComparedFailure? failure = null;
        if (!EvenIfUnfit && watch?.SoFar is { AreFit: false } unfit)
        {
            progress($"the machine is unfit: {FitnessWatch.WhyUnfit(unfit)}");
            return Report();
        }

        int run = 0;
        try
        {
            PairRun pair = new(first, second, plan);
            IReadOnlyDictionary<string, long> volumes = pair.Volumes(cancellation);
            pair.Measure(volumes, new PairValues(), cancellation);
            do
            {
                for (int left = Math.Min(options.RunsEach, options.MostRunsEach - runs.Count); left > 0; left--)
                {
                    run++;
                    broken = new PairValues();
                    pair.Measure(volumes, broken, cancellation);
                    runs.Add(broken);
                    broken = new PairValues();
                    if (!IsStillFit())
                    {
                        return Report();
                    }

                    Keep(Report() with { IsComplete = false });
                }
            }
            while (IsOpen() && runs.Count < options.MostRunsEach);
        }
        catch (PairException e) when (run == 0 && e.InnerException is TargetException never)
        {
            ExceptionDispatchInfo.Throw(never);
        }
        catch (PairException e)
        {
            failure = new ComparedFailure(e.IsFirst ? "a" : "b", (e.IsFirst ? first : second).Name, run, e.Message);
            progress(failure.Sentence);
        }

        return Report();

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

        bool IsOpen()
        {
            IReadOnlyList<FigureComparison> figures = Judged();
            int open = figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Inconclusive);
            progress($"{runs.Count} runs: {figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Slower)} figures slower, {open} inconclusive");
            return open > 0;
        }

        IReadOnlyList<FigureComparison> Judged() => runs.Count < FewestRuns
            ? []
            : new Judgement(options.Tolerance, options.ErrorRate / options.Looks).Of([.. runs.Select(r => r.First)], [.. runs.Select(r => r.Second)]);

        CompareReport Report() => new(
            CompareReport.CurrentSchema,
            new ComparedTarget(first.Name, first.Digest),
            new ComparedTarget(second.Name, second.Digest),
            plan.Name,
            started,
            environment,
            options,
            runs.Count,
            Judged())
        {
            Conditions = watch?.SoFar ?? new Conditions([]),
            Runs = [.. runs.Append(broken).Where(r => r.First.Count > 0).Select(r => new RunPair(ByName(r.First), ByName(r.Second)))],
            Failure = failure,
        };
    }

    private static Dictionary<string, double> ByName(IReadOnlyDictionary<Figure, double> run) => run.ToDictionary(f => f.Key.Name, f => f.Value);
}
