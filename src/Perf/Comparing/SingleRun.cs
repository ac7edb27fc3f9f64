using HdrHistogram;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Comparing;

/// <summary>One run of one target: a process of its own that carries every workload of the plan once. Its figures are one value each.</summary>
public sealed class SingleRun(IDeviceTarget target, PerfPlan plan)
{
    private const ulong GuestCid = 3;
    private const long WarmUpBytes = 4 << 20;

    /// <summary>How many bytes take about as long as the plan wants, for each transfer; both targets of a comparison carry the same.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    /// <exception cref="TargetException">It does not come up.</exception>
    public IReadOnlyDictionary<(Direction Direction, int Size), long> Volumes(CancellationToken cancellation) => With(
        instance => Transfers().ToDictionary(t => t, t =>
        {
            cancellation.ThrowIfCancellationRequested();
            _ = Throughput.Run(instance, t.Direction, WarmUpBytes, t.Size);
            double seconds = Throughput.Run(instance, t.Direction, WarmUpBytes, t.Size).Seconds;
            return Math.Max(1, (long)(WarmUpBytes * plan.SecondsPerTransfer / seconds) / Pattern.Period) * Pattern.Period;
        }),
        cancellation);

    /// <summary>Every figure's value.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    /// <exception cref="TargetException">It does not come up.</exception>
    public IReadOnlyDictionary<Figure, double> Measure(IReadOnlyDictionary<(Direction Direction, int Size), long> volumes, CancellationToken cancellation) => With(
        instance =>
        {
            Dictionary<Figure, double> values = [];
            foreach ((Direction direction, int size) in Transfers())
            {
                cancellation.ThrowIfCancellationRequested();
                string family = $"stream/{(direction == Direction.GuestToHost ? "guest-to-host" : "host-to-guest")}";
                string parameter = $"{size}";
                _ = Throughput.Run(instance, direction, WarmUpBytes, size);
                long bytes = volumes[(direction, size)];
                (double seconds, Counters counters) = Throughput.Run(instance, direction, bytes, size);
                double mebibytes = bytes / (double)(1 << 20);
                values.Add(new Figure($"{family}/throughput", parameter, "MiB/s", Better.Higher, FigureRole.Gate), mebibytes / seconds);
                Count("packets", counters.Packets);
                Count("kicks", counters.Kicks);
                Count("calls", counters.Calls);
                Count("credit-updates", counters.CreditUpdates);

                void Count(string what, double count) => values.Add(new Figure($"{family}/{what}", parameter, "per MiB", Better.Lower, FigureRole.Counter), count / mebibytes);
            }

            LongHistogram trips = RoundTrip.Run(instance, plan.RoundTrips);
            Trip(50, "p50", FigureRole.Gate);
            Trip(99, "p99", FigureRole.Shown);
            return values;

            void Trip(double percentile, string name, FigureRole role) =>
                values.Add(new Figure($"stream/round-trip/{name}", $"{RoundTrip.Size}", "µs", Better.Lower, role), trips.GetValueAtPercentile(percentile) / 1000.0);
        },
        cancellation);

    private IEnumerable<(Direction Direction, int Size)> Transfers() =>
        from direction in (Direction[])[Direction.GuestToHost, Direction.HostToGuest]
        from size in plan.Sizes
        select (direction, size);

    private T With<T>(Func<ITargetInstance, T> work, CancellationToken cancellation)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        using ITargetInstance instance = target.Start(new TargetPlace(folder.Path, GuestCid), cancellation);
        return work(instance);
    }
}
