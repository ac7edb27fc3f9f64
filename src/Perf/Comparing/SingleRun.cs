using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Transports;

namespace Vsockspec.Perf.Comparing;

/// <summary>One run of one target: a process of its own that carries every workload of the plan once. Its figures are one value each.</summary>
public sealed class SingleRun(IDeviceTarget target, PerfPlan plan)
{
    /// <summary>How much each workload carries, by its name, so that it takes about as long as the plan wants; both targets of a comparison carry the same.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    /// <exception cref="TargetException">It does not come up.</exception>
    public IReadOnlyDictionary<string, long> Volumes(CancellationToken cancellation)
    {
        Dictionary<string, long> volumes = [];
        ForEach((bench, workload) => volumes.Add(workload.Name, workload.Prepare(bench)), cancellation);
        return volumes;
    }

    /// <summary>Every figure's value, of the workloads that have a volume and that this target supports.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    /// <exception cref="TargetException">It does not come up.</exception>
    public IReadOnlyDictionary<Figure, double> Measure(IReadOnlyDictionary<string, long> volumes, CancellationToken cancellation)
    {
        Sheet sheet = new();
        ForEach(
            (bench, workload) =>
            {
                if (volumes.TryGetValue(workload.Name, out long volume))
                {
                    _ = workload.WantsFreshTarget ? null : WarmUp.UntilSteady(bench, workload, volume);
                    workload.Run(bench, volume, sheet);
                }
            },
            cancellation);
        return sheet.Last;
    }

    private void ForEach(Action<Bench, IWorkload> work, CancellationToken cancellation)
    {
        using Stage stage = new(target);
        try
        {
            foreach (IWorkload workload in plan.Workloads)
            {
                cancellation.ThrowIfCancellationRequested();
                if (workload.WantsFreshTarget)
                {
                    stage.Discard();
                }

                // A target that is started inherits our place, so it is started before we take ours.
                Bench bench = stage.Bench(plan.SecondsPerTransfer, Bench.UsualPatience, cancellation);
                if (Stage.Refusal(workload, bench) is null)
                {
                    using CpuAffinity? place = Placement.Driver();
                    Guarded(workload, () => work(bench, workload));
                }
            }
        }
        catch (Exception e) when (e is PerfException or ExpectationException or TransportException)
        {
            throw new PerfException(e.Message + stage.Epitaph());
        }
    }

    private static void Guarded(IWorkload workload, Action work)
    {
        try
        {
            work();
        }
        catch (UnsupportedException)
        {
            // Neither target is compared by it: see Volumes.
        }
        catch (Exception e) when (e is PerfException or ExpectationException or TransportException)
        {
            throw new PerfException($"{workload.Name}: {e.Message}");
        }
    }
}
