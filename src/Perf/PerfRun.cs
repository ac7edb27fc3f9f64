using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Perf.Counting;
using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Transports;

namespace Vsockspec.Perf;

/// <summary>
/// Measures one target by a plan: workload and yardstick in turn, so that a machine that drifts drifts under both. A target that stalls, ends or corrupts fails the workload
/// and is started anew for the next; what was measured is kept.
/// </summary>
public sealed class PerfRun(IDeviceTarget target, PerfPlan plan, IReadOnlyDictionary<string, string> environment, TimeProvider time, Action<string> progress)
{
    /// <summary>So many workloads in a row may fail; the rest is not begun, because each costs its patience.</summary>
    private const int MostFailuresInARow = 3;
    private readonly List<WorkloadResult> results = [];

    /// <summary>How long nothing may move before the target counts as stalled.</summary>
    public TimeSpan Patience { get; init; } = Bench.UsualPatience;

    /// <summary>Guests for the workloads that need one; stays its owner's.</summary>
    public GuestPlace? Guests { get; init; }

    /// <summary>Told after each workload, with all that was measured until then.</summary>
    public Action<PerfReport> Keep { get; init; } = _ => { };

    /// <summary>Keeps a distribution beside the report and says in which file, see <see cref="LatencyCurve.Histogram"/>.</summary>
    public Func<LatencyRecord, string?> KeepHistogram { get; init; } = _ => null;

    /// <summary>The machine that is watched while it measures; null: nothing is said about it.</summary>
    public IMachine? Machine { get; init; }

    /// <summary>On a machine that is unfit from the start nothing is measured.</summary>
    public bool OnlyIfFit { get; init; }

    /// <exception cref="TargetException">The target did not come up at all.</exception>
    public PerfReport Run(CancellationToken cancellation)
    {
        DateTimeOffset started = time.GetUtcNow();
        long began = time.GetTimestamp();
        results.Clear();
        using Stage stage = new(target);
        _ = stage.Instance(cancellation);
        FitnessWatch? watch = Machine is null ? null : new FitnessWatch(Machine);
        watch?.Follow(stage.Instance(cancellation).ProcessId);
        Condition[] uncounted = [.. Counting()];
        IReadOnlyList<MachineLimit> limits = [];
        PerfReport report = ReportSoFar();
        if (OnlyIfFit && !report.Conditions.AreFit)
        {
            Keep(report);
            return report;
        }

        limits = MeasureLimits(cancellation);
        int failures = 0;
        foreach (IWorkload workload in plan.Workloads)
        {
            cancellation.ThrowIfCancellationRequested();
            WorkloadResult result = failures < MostFailuresInARow
                ? BoundVerdict.Judge(Watched(watch, () => Measure(stage, workload, cancellation)), limits)
                : NotBegun(workload, $"not begun: {MostFailuresInARow} workloads in a row failed");
            failures = result.Outcome == WorkloadOutcome.Failed ? failures + 1 : 0;
            results.Add(result);
            progress($"{workload.Name}: {Outcome(result)}");
            report = ReportSoFar();
            Keep(report);
        }

        return report;

        PerfReport ReportSoFar() => new(
            PerfReport.CurrentSchema,
            new MeasuredTarget(target.Name, target.Version, target.Digest),
            new MeasuredPlan(plan.Name, plan.Digest, plan.Workloads.Count),
            started,
            time.GetElapsedTime(began).TotalSeconds,
            Guests?.Description is { } guest ? new Dictionary<string, string>(environment) { ["guest"] = guest } : environment,
            new Conditions([.. watch?.SoFar.Checks ?? [], .. uncounted]),
            limits,
            [.. results]);
    }

    private static string Outcome(WorkloadResult result) => result switch
    {
        { Outcome: not WorkloadOutcome.Measured } => $"{result.Outcome}: {result.Why}",
        { Measurements: [{ Beside: { } beside } first, ..] } => FormattableString.Invariant($"{first.Summary.Middle:0.###} {first.Figure.Unit}, {beside.Ratio(first).Middle:0.00} of {beside.Limit}"),
        { Measurements: [{ } first, ..] } => FormattableString.Invariant($"{first.Summary.Middle:0.###} {first.Figure.Unit}"),
        _ => "nothing to measure",
    };

    private static WorkloadResult NotBegun(IWorkload workload, string why) => new(workload.Kind, workload.Dimensions, WorkloadOutcome.Failed, why, [], []);

    /// <summary>A workload in whose own time the machine was unfit says nothing about the target, unless it failed by what the target did.</summary>
    private static WorkloadResult Watched(FitnessWatch? watch, Func<WorkloadResult> measure)
    {
        if (watch is null)
        {
            return measure();
        }

        MachineMoment begin = watch.Mark();
        WorkloadResult result = measure();
        string? disturbance = watch.DisturbanceSince(begin);
        watch.Calibrate();
        return result.Outcome == WorkloadOutcome.Measured && disturbance is not null ? result with { Outcome = WorkloadOutcome.Disturbed, Why = disturbance } : result;
    }

    /// <summary>What cannot be counted here.</summary>
    private static IEnumerable<Condition> Counting() => SystemCalls.WhyNot() is { } why
        ? [new Condition("system-calls", ConditionGrade.Unknown, $"not counted: {why}", "as root: mount -t tracefs nodev /sys/kernel/tracing")]
        : [];

    private IReadOnlyList<MachineLimit> MeasureLimits(CancellationToken cancellation)
    {
        using CpuAffinity? place = Placement.Driver();
        int[] sizes = [.. plan.Workloads.Where(w => w.Kind == Throughput.KindName).Select(w => int.Parse(w.Dimensions["size"], CultureInfo.InvariantCulture)).Distinct()];
        return MachineLimits.Measure(rounds: 1, sizes, cancellation);
    }

    private WorkloadResult Measure(Stage stage, IWorkload workload, CancellationToken cancellation)
    {
        Sheet sheet = new();
        (WorkloadOutcome outcome, string? why) = (WorkloadOutcome.Measured, null);
        bool? isSteady = null;
        try
        {
            if (RefusalOf(stage, workload, cancellation) is { } refusal)
            {
                (outcome, why) = (WorkloadOutcome.NotSupported, refusal);
            }
            else
            {
                isSteady = Repeat(stage, workload, sheet, cancellation);
                (outcome, why) = sheet.Disturbance is { } disturbance ? (WorkloadOutcome.Disturbed, disturbance) : (outcome, why);
            }
        }
        catch (UnsupportedException e)
        {
            (outcome, why) = (WorkloadOutcome.NotSupported, e.Message);
        }
        catch (Exception e) when (e is PerfException or ExpectationException or TransportException or TargetException)
        {
            (outcome, why) = (WorkloadOutcome.Failed, e.Message + stage.Epitaph());
            stage.Discard();
        }
        catch (GuestException e)
        {
            (outcome, why) = (WorkloadOutcome.Disturbed, e.Message);
        }

        return new WorkloadResult(workload.Kind, workload.Dimensions, outcome, why, sheet.Measurements, [.. sheet.Latencies.Select(l => l.ToCurve(KeepHistogram(l))).OfType<LatencyCurve>()])
        {
            IsSteady = isSteady,
        };
    }

    /// <summary>Why the target cannot be asked. A guest holds the device and asks it itself.</summary>
    private string? RefusalOf(Stage stage, IWorkload workload, CancellationToken cancellation)
    {
        if (workload.IsFromGuest)
        {
            return null;
        }

        Guests?.Leave();
        return Stage.Refusal(workload, BenchOn(stage, workload, cancellation));
    }

    private Bench BenchOn(Stage stage, IWorkload workload, CancellationToken cancellation) => stage.Bench(workload, plan.SecondsPerTransfer, Patience, cancellation) with { Guests = Guests };

    /// <returns>As <see cref="WorkloadResult.IsSteady"/>.</returns>
    private bool? Repeat(Stage stage, IWorkload workload, Sheet sheet, CancellationToken cancellation)
    {
        long volume = Placed(workload.Prepare);
        bool? isSteady = workload.WantsFreshTarget || workload.IsFromGuest ? null : Placed(bench => WarmUp.UntilSteady(bench, workload, volume));
        Limit? limit = workload.Limit;
        for (int i = 0; i < plan.Repeats; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (workload.WantsFreshTarget)
            {
                stage.Discard();
            }

            bool limitFirst = i % 2 == 0;
            _ = Placed(bench =>
            {
                MeasureLimit(when: limitFirst);
                workload.Run(bench, volume, sheet);
                MeasureLimit(when: !limitFirst);
                return 0L;
            });
        }

        _ = Placed(bench =>
        {
            workload.Count(bench, volume, sheet);
            return 0L;
        });
        return isSteady;

        void MeasureLimit(bool when)
        {
            if (when && limit is not null)
            {
                sheet.AddBeside(limit.Figure, limit.Name, limit.Goal, limit.Measure(volume));
            }
        }

        // A target that is started inherits our place, so it is started before we take ours; and so would a guest.
        T Placed<T>(Func<Bench, T> work)
        {
            Bench bench = BenchOn(stage, workload, cancellation);
            using CpuAffinity? place = workload.IsFromGuest ? null : Placement.Driver();
            return work(bench);
        }
    }
}
