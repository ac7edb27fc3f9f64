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
    /// <exception cref="PerfException">A target stalls, corrupts or ends; the message names it.</exception>
    /// <exception cref="TargetException">A target does not come up.</exception>
    public CompareReport Run(IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        DateTimeOffset started = time.GetUtcNow();
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
            }

            IReadOnlyList<FigureComparison> figures = judgement.Of(a, b);
            int open = figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Inconclusive);
            progress($"{a.Count} runs each: {figures.Count(f => f.Decides && f.Verdict == PerfVerdict.Slower)} figures slower, {open} inconclusive");
            if (open == 0 || a.Count >= options.MostRunsEach)
            {
                return new CompareReport(
                    CompareReport.CurrentSchema, new ComparedTarget(first.Name, first.Digest), new ComparedTarget(second.Name, second.Digest), plan.Name, started, environment, options, a.Count, figures)
                {
                    Runs = [.. a.Zip(b, (x, y) => new RunPair(ByName(x), ByName(y)))],
                };
            }
        }
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
