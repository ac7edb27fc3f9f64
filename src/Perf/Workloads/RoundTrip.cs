using System.Diagnostics;
using System.Globalization;
using HdrHistogram;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Latency;
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
    /// <summary>µs that a device may add to the bare socket hop when nobody has to be woken.</summary>
    private const double PollingAllowance = 3;
    private const double RelayGoal = 1 / 1.25;
    private static readonly Dictionary<string, bool> OnOff = new() { ["false"] = false, ["true"] = true, ["off"] = false, ["on"] = true };
    private readonly Setting setting;
    private readonly int size;
    private readonly int times;
    private readonly Figure p50;
    private readonly Figure p99;

    public RoundTrip(Setting setting, int size, int times)
    {
        this.setting = setting;
        this.size = size;
        this.times = times;
        string parameter = string.Create(CultureInfo.InvariantCulture, $"{size}{setting.Suffix}");
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
        ["polling"] = setting.Polling ? "on" : "off",
    };

    public SharedWith Shares => setting.Polling ? SharedWith.HostEnd : SharedWith.Driver;

    public VirtioFeatures Needs => 0;

    public Limit? Limit => setting.Polling
        ? new Limit($"socket-hop-polling plus {PollingAllowance:0} µs", p50, Goal: 1, trips => MachineLimits.SocketHopPolling((int)trips, size) + PollingAllowance)
        : new Limit("relay", p50, RelayGoal, trips => MachineLimits.RelayRoundTrip((int)trips, size));

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "sizes", "times", "polling");
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, Session.LargestPacket, "bytes of a message");
        IReadOnlyList<bool> polling = PlanList.Words(map, "polling", OnOff, false);
        int times = (int)(map.OptionalNumber("times", 100, 10_000_000) ?? 5000);
        return from polls in polling from size in sizes select new RoundTrip(new Setting(Polling: polls), size, times);
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
        sheet.Latency($"stream/round-trip/{size}{setting.Suffix}").Add(trips, Stopwatch.GetElapsedTime(start).TotalSeconds);
        sheet.Add(p50, LatencyRecord.Microseconds(trips, 50));
        sheet.Add(p99, LatencyRecord.Microseconds(trips, 99));
    }

    private LongHistogram Measure(Bench bench, int trips)
    {
        using Session session = setting.Polling ? PolledEcho.Open(bench, setting) : new Session(bench, setting, Pattern.Short);
        LongHistogram histogram;
        if (setting.Polling)
        {
            histogram = ClosedLoop.Run(new PolledEcho(bench, session, session.Lanes[0], size), trips, bench.Patience, TimeProvider.System);
        }
        else
        {
            using EchoLine line = new(bench, session, session.Lanes[0], size);
            histogram = ClosedLoop.Run(line, trips, bench.Patience, TimeProvider.System);
        }

        session.Check();
        return histogram;
    }
}
