using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Comparing;

/// <summary>Compares a target with itself, and counts what the comparison makes of its runs.</summary>
/// <param name="options">With one look: the same most runs as runs.</param>
public sealed class AlarmRateRun(IDeviceTarget target, PerfPlan plan, CompareOptions options, TimeProvider time, Action<string> progress)
{
    /// <summary>As <see cref="CompareRun.Machine"/>.</summary>
    public IMachine? Machine { get; init; }

    /// <param name="before">The false alarms of earlier nights.</param>
    /// <param name="times">As <see cref="AlarmRate.Of"/>.</param>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    /// <exception cref="TargetException">It does not come up.</exception>
    public AlarmRateReport Run(IReadOnlyDictionary<string, string> environment, Rate before, int times, int seed, CancellationToken cancellation)
    {
        CompareReport compared = new CompareRun(target, target, plan, options, time, progress) { Machine = Machine }.Run(environment, cancellation);
        if (compared.Failure is { } failure)
        {
            throw new PerfException(failure.Sentence);
        }

        string[] accused = [.. compared.Figures.Where(f => f is { Decides: true, Verdict: PerfVerdict.Slower }).Select(f => f.Figure.Name)];
        bool isFit = compared.Conditions.AreFit;
        return new AlarmRateReport(
            AlarmRateReport.CurrentSchema,
            compared.A,
            plan.Name,
            compared.StartedAt,
            environment,
            compared.Conditions,
            options,
            compared.Verdict,
            accused,
            isFit ? Rates(compared, times, seed, cancellation) : null,
            isFit ? new Rate(before.Count + (accused.Length > 0 ? 1 : 0), before.Times + 1) : before);
    }

    private AlarmRates Rates(CompareReport compared, int times, int seed, CancellationToken cancellation)
    {
        Dictionary<string, Figure> figures = compared.Figures.ToDictionary(f => f.Figure.Name, f => f.Figure);
        IReadOnlyDictionary<Figure, double> Known(IReadOnlyDictionary<string, double> run) => figures.ToDictionary(f => f.Value, f => run[f.Key]);

        // Simulated are comparisons as people make them, with more runs when inconclusive.
        CompareOptions usual = new() { RunsEach = options.RunsEach, MostRunsEach = Math.Max(options.RunsEach, new CompareOptions().MostRunsEach), Tolerance = options.Tolerance, ErrorRate = options.ErrorRate };
        return new AlarmRate(usual, seed).Of([.. compared.Runs.Select(pair => Known(pair.A))], [.. compared.Runs.Select(pair => Known(pair.B))], times, cancellation);
    }
}
