using HdrHistogram;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Limits;

/// <summary>What the machine does without any target, measured in the same minutes as the workloads; and what our load generator does without one.</summary>
public static class MachineLimits
{
    private const double Mebibyte = 1 << 20;
    private const int RoundTripBytes = 64;
    private static readonly TimeSpan GeneratorTime = TimeSpan.FromMilliseconds(50);

    /// <summary>Every limit, each measured so many times in turn after one round to warm up.</summary>
    /// <param name="sizes">Sizes of the messages that throughput is measured with, in bytes: for each there is a bare socket pair and the load generator alone.</param>
    /// <exception cref="PerfException">The machine stood still.</exception>
    public static IReadOnlyList<MachineLimit> Measure(int rounds, IReadOnlyCollection<int> sizes, CancellationToken cancellation)
    {
        List<(string Name, string Unit, Better Better, Func<double> Measure)> limits =
        [
            ("memcpy", "MiB/s", Better.Higher, () => Memcpy.MebibytesPerSecond(threads: 1)),
            ("memcpy-two-threads", "MiB/s", Better.Higher, () => Memcpy.MebibytesPerSecond(threads: 2)),
            ("eventfd-round-trip", "µs", Better.Lower, () => Median(EventfdPingPong.Measure(3000))),
            ("relay-round-trip", "µs", Better.Lower, () => RelayRoundTrip(2000, RoundTripBytes)),
            ("socket-hop-polling", "µs", Better.Lower, () => SocketHopPolling(3000, RoundTripBytes)),
            ("unix-connect", "per second", Better.Higher, () => UnixConnect.PerSecond(500)),
        ];
        foreach (int size in sizes.Order())
        {
            limits.Add(($"socketpair/{size}", "MiB/s", Better.Higher, () => SocketPairThroughput(size)));
            foreach (Direction direction in (Direction[])[Direction.GuestToHost, Direction.HostToGuest])
            {
                limits.Add((BoundVerdict.NameOfGenerator(direction, size), "MiB/s", Better.Higher, () => GeneratorThroughput(direction, size)));
            }
        }

        List<double>[] values = [.. limits.Select(_ => new List<double>())];

        // The first round finds code that is not compiled yet, and a processor that was asleep.
        for (int round = -1; round < rounds; round++)
        {
            for (int i = 0; i < limits.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                double value = limits[i].Measure();
                if (round >= 0)
                {
                    values[i].Add(value);
                }
            }
        }

        return [.. limits.Zip(values, (limit, measured) => new MachineLimit(limit.Name, limit.Unit, limit.Better, measured))];
    }

    /// <summary>µs, median: the hops of a vsock round trip with nothing in between.</summary>
    internal static double RelayRoundTrip(int times, int size) => Median(Relay.Measure(times, size));

    /// <summary>µs, median: a message through a socket pair and back, both ends polling.</summary>
    internal static double SocketHopPolling(int times, int size) => Median(SocketHop.Measure(times, size));

    private static double SocketPairThroughput(int size)
    {
        // Small messages take as long as large ones: what counts is their number.
        const long MostBytes = 16 << 20;
        const long MostMessages = 30_000;
        long messages = Math.Max(1, Math.Min(MostBytes / size, MostMessages));
        return messages * size / Mebibyte / SocketPair.Transfer(messages * size, size);
    }

    /// <summary>A message that is longer than a packet goes in several.</summary>
    private static double GeneratorThroughput(Direction direction, int size)
    {
        int packet = Math.Min(size, Pattern.Short.Period);
        return GeneratorAlone.MessagesPerSecond(direction, packet, GeneratorTime) * packet / Mebibyte;
    }

    private static double Median(LongHistogram nanoseconds) => LatencyRecord.Microseconds(nanoseconds, 50);
}
