using System.Diagnostics;
using System.Globalization;
using HdrHistogram;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>Closed-loop round trips: a message to a host application that echoes it, the next when the last has come back.</summary>
internal sealed class RoundTrip : IWorkload
{
    private readonly int size;
    private readonly int times;
    private readonly Figure p50;
    private readonly Figure p99;

    public RoundTrip(int size, int times)
    {
        this.size = size;
        this.times = times;
        string parameter = size.ToString(CultureInfo.InvariantCulture);
        p50 = new Figure("stream/round-trip/p50", parameter, "µs", Better.Lower, FigureRole.Gate);
        p99 = new Figure("stream/round-trip/p99", parameter, "µs", Better.Lower, FigureRole.Shown);
    }

    public string Kind => "round-trip";

    public string Name => p50.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>
    {
        ["socket"] = "stream",
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
        ["times"] = times.ToString(CultureInfo.InvariantCulture),
    };

    public VirtioFeatures Needs => 0;

    public Limit? Limit => new("eventfd", p50, Goal: null, _ => MachineLimits.EventfdPingPong());

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "sizes", "times");
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, Session.LargestPacket, "bytes of a message");
        int times = (int)(map.OptionalNumber("times", 100, 10_000_000) ?? 5000);
        return sizes.Select(size => new RoundTrip(size, times));
    }

    public long Prepare(Bench bench)
    {
        WarmUp(bench, times);
        return times;
    }

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench, (int)Math.Min(volume, 1000));

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        long start = Stopwatch.GetTimestamp();
        LongHistogram trips = Measure(bench, (int)volume);
        sheet.Latency($"stream/round-trip/{size}").Add(trips, Stopwatch.GetElapsedTime(start).TotalSeconds);
        sheet.Add(p50, LatencyRecord.Microseconds(trips, 50));
        sheet.Add(p99, LatencyRecord.Microseconds(trips, 99));
    }

    private LongHistogram Measure(Bench bench, int trips)
    {
        using Session session = new(bench, new Setting(), Pattern.Short);
        Lane lane = session.Lanes[0];
        using HostSide echo = new([new EchoApplication(new ConnectionSocket(lane.Connection), (long)trips * size)]);
        echo.Begin();
        LongHistogram histogram = LatencyRecord.NewHistogram();
        long expected = 0;
        bool Back() => session.Received >= expected || session.Defect is not null || echo.Fault is not null;
        for (int i = 0; i < trips && session.Defect is null && echo.Fault is null; i++)
        {
            bench.Cancellation.ThrowIfCancellationRequested();
            long start = Stopwatch.GetTimestamp();
            VsockHeader header = lane.Flow.Header(Op.Rw) with { Len = (uint)size };
            if (lane.Credit < size || !session.Driver.Tx.TrySend(header, lane.Pattern.At(lane.Phase + lane.Posted, size), out _))
            {
                throw new PerfException($"the device gave no room for round trip {i}");
            }

            session.Driver.Tx.Flush();
            lane.Sent((uint)size);
            lane.Told();
            expected += size;
            if (!session.Driver.Timeline.WaitUntil(Back))
            {
                throw new PerfException($"round trip {i} did not come back in {bench.Patience.TotalSeconds:0.###} s");
            }

            LatencyRecord.Record(histogram, (long)Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }

        session.Check();
        return echo.Fault is { } fault ? throw new PerfException(fault) : histogram;
    }
}
