using HdrHistogram;
using Vsockspec.Interop;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;

namespace Vsockspec.Perf;

/// <summary>Measures one target: workload and yardstick in turn, so that a machine that drifts drifts under both.</summary>
public sealed class PerfRun(IDeviceTarget target, PerfPlan plan, IReadOnlyDictionary<string, string> environment, TimeProvider time, Action<string> progress)
{
    private const ulong GuestCid = 3;
    private const long ProbeBytes = 4 << 20;

    /// <exception cref="PerfException">A measurement that cannot be used.</exception>
    /// <exception cref="TargetException">The target did not come up.</exception>
    public PerfReport Run(CancellationToken cancellation)
    {
        DateTimeOffset started = time.GetUtcNow();
        using InstanceFolder folder = InstanceFolder.Create();
        using ITargetInstance instance = target.Start(new TargetPlace(folder.Path, GuestCid), cancellation);
        using CpuAffinity? place = Placement.Driver();
        MachineLimits limits = MachineLimits.Measure();
        List<ThroughputResult> throughput = [];
        foreach (Direction direction in (Direction[])[Direction.GuestToHost, Direction.HostToGuest])
        {
            foreach (int size in plan.Sizes)
            {
                throughput.Add(MeasureThroughput(instance, direction, size, cancellation));
                progress($"{direction} {size} B: {throughput[^1].Ratio.Middle:0.00} of a socketpair");
            }
        }

        LongHistogram trips = RoundTrip.Run(instance, plan.RoundTrips);
        double At(double percentile) => trips.GetValueAtPercentile(percentile) / 1000.0;
        RoundTripResult roundTrip = new(RoundTrip.Size, trips.TotalCount, At(50), At(90), At(99), At(99.9), At(100), At(50) / limits.EventfdRoundTripMicroseconds);
        progress($"round trip: p50 {roundTrip.P50:0.0} µs");
        return new PerfReport(PerfReport.CurrentSchema, target.Name, target.Digest, plan.Name, started, environment, limits, throughput, roundTrip);
    }

    private ThroughputResult MeasureThroughput(ITargetInstance instance, Direction direction, int size, CancellationToken cancellation)
    {
        // The first transfers also warm both sides up; they only decide how much to send.
        double probe = Throughput.Run(instance, direction, ProbeBytes, size).Seconds;
        double pair = SocketPair.Transfer(ProbeBytes, size);
        long total = Math.Max(1, (long)(ProbeBytes * plan.SecondsPerTransfer / Math.Max(probe, pair)) / Pattern.Period) * Pattern.Period;
        List<double> rates = [];
        List<double> yardsticks = [];
        List<double> ratios = [];
        Counters counters = new(0, 0, 0, 0);
        for (int i = 0; i < plan.Repeats; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            double yardstick = i % 2 == 0 ? total / SocketPair.Transfer(total, size) : 0;
            (double seconds, counters) = Throughput.Run(instance, direction, total, size);
            yardstick = i % 2 == 0 ? yardstick : total / SocketPair.Transfer(total, size);
            rates.Add(total / seconds);
            yardsticks.Add(yardstick);
            ratios.Add(total / seconds / yardstick);
        }

        double mebibytes = total / (double)(1 << 20);
        return new ThroughputResult(direction, size, total, Summary.Of(rates), Summary.Of(yardsticks), Summary.Of(ratios), new Dictionary<string, double>
        {
            ["packets"] = counters.Packets / mebibytes,
            ["kicks"] = counters.Kicks / mebibytes,
            ["calls"] = counters.Calls / mebibytes,
            ["creditUpdates"] = counters.CreditUpdates / mebibytes,
        });
    }
}
