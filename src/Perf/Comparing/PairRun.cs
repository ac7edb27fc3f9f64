using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Transports;

namespace Vsockspec.Perf.Comparing;

/// <summary>A target went wrong in a comparison.</summary>
/// <param name="isFirst">Which of the two.</param>
/// <param name="inner">A <see cref="TargetException"/>: it did not come up.</param>
public sealed class PairException(bool isFirst, string message, Exception? inner = null) : Exception(message, inner)
{
    public bool IsFirst { get; } = isFirst;
}

/// <summary>
/// One run of two targets: a process of each one's own, and every workload of the plan carried by both in short slices, A B B A, so that what the machine does within a second it does to both.
/// Figures are one value for each target, the median of its slices.
/// </summary>
public sealed class PairRun(IDeviceTarget first, IDeviceTarget second, PerfPlan plan)
{
    /// <summary>Of each target, for each workload; even.</summary>
    private const int Slices = 24;

    /// <summary>
    /// How much a slice of each workload carries, by its name: all slices of a target together take about as long as the plan wants. As the first target does it; both carry the same.
    /// </summary>
    /// <exception cref="PairException">The first target stalls, corrupts or ends, or does not come up.</exception>
    public IReadOnlyDictionary<string, long> Volumes(CancellationToken cancellation)
    {
        Dictionary<string, long> volumes = [];
        using Side side = new(first, isFirst: true, plan, cancellation);
        foreach (IWorkload workload in plan.Workloads)
        {
            _ = side.Do(workload, bench => volumes.Add(workload.Name, workload.Prepare(bench)));
        }

        return volumes;
    }

    /// <summary>Every figure's values, of the workloads that have a volume and that both targets support.</summary>
    /// <param name="into">Gets the values of each workload as soon as it is whole, so that they are there when a target goes wrong later.</param>
    /// <exception cref="PairException">A target stalls, corrupts or ends, or does not come up.</exception>
    public void Measure(IReadOnlyDictionary<string, long> volumes, PairValues into, CancellationToken cancellation)
    {
        using Side a = new(first, isFirst: true, plan, cancellation);
        using Side b = new(second, isFirst: false, plan, cancellation);
        foreach (IWorkload workload in plan.Workloads)
        {
            if (!volumes.TryGetValue(workload.Name, out long volume) || !a.Begin(workload, volume) || !b.Begin(workload, volume))
            {
                continue;
            }

            foreach (bool isFirst in Interleaving.Abba(workload.WantsFreshTarget ? 2 : Slices))
            {
                (isFirst ? a : b).Slice(workload, volume);
            }

            into.Add(a.Take(), b.Take());
        }
    }

    /// <summary>One of the two targets.</summary>
    private sealed class Side(IDeviceTarget target, bool isFirst, PerfPlan plan, CancellationToken cancellation) : IDisposable
    {
        private readonly Stage stage = new(target);
        private Sheet sheet = new();

        /// <summary>Warms the workload up; false when the target does not support it.</summary>
        public bool Begin(IWorkload workload, long volume) => Do(workload, bench => _ = workload.WantsFreshTarget ? null : WarmUp.UntilSteady(bench, workload, volume));

        public void Slice(IWorkload workload, long volume) => _ = Do(workload, bench => workload.Run(bench, volume, sheet));

        /// <summary>The values of the slices since the last time.</summary>
        public IReadOnlyDictionary<Figure, double> Take()
        {
            IReadOnlyDictionary<Figure, double> medians = sheet.Medians;
            sheet = new Sheet();
            return medians;
        }

        /// <summary>False when the target does not support the workload.</summary>
        public bool Do(IWorkload workload, Action<Bench> work)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                if (workload.WantsFreshTarget)
                {
                    stage.Discard();
                }

                // A target that is started inherits our place, so it is started before we take ours.
                Bench bench = stage.Bench(workload, plan.SecondsPerTransfer / Slices, Bench.UsualPatience, cancellation);
                if (Stage.Refusal(workload, bench) is not null)
                {
                    return false;
                }

                using CpuAffinity? place = Placement.Driver();
                work(bench);
                return true;
            }
            catch (UnsupportedException)
            {
                return false;
            }
            catch (TargetException e)
            {
                throw new PairException(isFirst, e.Message, e);
            }
            catch (Exception e) when (e is PerfException or ExpectationException or TransportException)
            {
                throw new PairException(isFirst, $"{workload.Name}: {e.Message}{stage.Epitaph()}");
            }
        }

        public void Dispose() => stage.Dispose();
    }
}

/// <summary>The values of one run of two targets.</summary>
public sealed class PairValues
{
    private readonly Dictionary<Figure, double> first = [];
    private readonly Dictionary<Figure, double> second = [];

    public IReadOnlyDictionary<Figure, double> First => first;

    public IReadOnlyDictionary<Figure, double> Second => second;

    /// <summary>Those of one workload.</summary>
    internal void Add(IReadOnlyDictionary<Figure, double> ofFirst, IReadOnlyDictionary<Figure, double> ofSecond)
    {
        Add(first, ofFirst);
        Add(second, ofSecond);
    }

    private static void Add(Dictionary<Figure, double> all, IReadOnlyDictionary<Figure, double> more)
    {
        foreach ((Figure figure, double value) in more)
        {
            all.Add(figure, value);
        }
    }
}
