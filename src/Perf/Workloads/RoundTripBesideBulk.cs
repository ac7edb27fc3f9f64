using System.Diagnostics;
using System.Globalization;
using HdrHistogram;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>Round trips of one flow while another flow sends to the host as much as it can, in messages of 64 KiB, through the same queues.</summary>
internal sealed class RoundTripBesideBulk : IWorkload
{
    private readonly int size;
    private readonly int times;
    private readonly Figure p50;
    private readonly Figure p99;
    private readonly Figure bulk;

    public RoundTripBesideBulk(int size, int times)
    {
        this.size = size;
        this.times = times;
        string parameter = size.ToString(CultureInfo.InvariantCulture);
        p50 = new Figure("stream/round-trip-beside-bulk/p50", parameter, "µs", Better.Lower, FigureRole.Gate);
        p99 = new Figure("stream/round-trip-beside-bulk/p99", parameter, "µs", Better.Lower, FigureRole.Shown);
        bulk = new Figure("stream/round-trip-beside-bulk/bulk", parameter, "MiB/s", Better.Higher, FigureRole.Shown);
    }

    public string Kind => "round-trip-beside-bulk";

    public string Name => p50.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>
    {
        ["socket"] = "stream",
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
        ["times"] = times.ToString(CultureInfo.InvariantCulture),
    };

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "sizes", "times");
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, Session.LargestPacket, "bytes of a message", 64);
        int times = (int)(map.OptionalNumber("times", 100, 10_000_000) ?? 1000);
        return sizes.Select(size => new RoundTripBesideBulk(size, times));
    }

    public long Prepare(Bench bench)
    {
        WarmUp(bench, times);
        return times;
    }

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench, (int)Math.Min(volume, 200));

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        (LongHistogram trips, double seconds, long bulkBytes) = Measure(bench, (int)volume);
        sheet.Latency($"stream/round-trip-beside-bulk/{size}").Add(trips, seconds);
        sheet.Add(p50, LatencyRecord.Microseconds(trips, 50));
        sheet.Add(p99, LatencyRecord.Microseconds(trips, 99));
        sheet.Add(bulk, bulkBytes / (double)(1 << 20) / seconds);
    }

    private (LongHistogram Trips, double Seconds, long BulkBytes) Measure(Bench bench, int trips)
    {
        Pattern pattern = Pattern.Short;
        using Session session = new(bench, new Setting(Flows: 2), pattern, ReadyPackets.MemoryFor(pattern, Session.LargestPacket, renewed: 0));
        Lane busy = session.Lanes[1];
        using HostSide reader = new([new HostApplication(new ConnectionSocket(busy.Connection), pattern, busy.Phase, long.MaxValue, toWrite: 0, Session.LargestPacket, isMessages: false)]);
        Bulk other = new(session, busy, reader);
        using EchoLine line = new(bench, session, session.Lanes[0], size, () => other.CanPost);
        reader.Begin();
        long start = Stopwatch.GetTimestamp();
        LongHistogram histogram = ClosedLoop.Run(new BulkBeside(line, other), trips, bench.Patience, TimeProvider.System);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        session.Check();
        return (histogram, seconds, reader.Moved);
    }

    /// <summary>The other flow.</summary>
    private sealed class Bulk(Session session, Lane lane, HostSide reader)
    {
        private readonly ReadyPackets packets = new(session, lane, Session.LargestPacket, renewed: 0);

        /// <summary>One descriptor is left to the flow that is timed.</summary>
        public bool CanPost => lane.Credit >= packets.NextSize && packets.NextIsFree && session.Driver.Tx.Ring.FreeDescriptors > 1;

        /// <summary>Posts as much as goes; true when it was something.</summary>
        public bool Fill()
        {
            bool posted = false;
            while (CanPost && packets.TryPost())
            {
                posted = true;
            }

            if (posted)
            {
                session.Driver.Tx.Flush();
            }

            return reader.Fault is { } fault ? throw new PerfException(fault) : posted;
        }
    }

    /// <summary>A line whose every look at the rings also keeps the other flow full.</summary>
    private sealed class BulkBeside(EchoLine line, Bulk bulk) : IEchoLine
    {
        public long Returned => line.Returned;

        public bool TrySend()
        {
            _ = bulk.Fill();
            return line.TrySend();
        }

        public void Pump()
        {
            line.Pump();
            _ = bulk.Fill();
        }

        public void Wait(TimeSpan most)
        {
            if (!bulk.Fill())
            {
                line.Wait(most);
            }
        }
    }
}
