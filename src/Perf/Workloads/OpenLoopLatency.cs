using System.Globalization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// Latency of messages that are sent at a constant rate and echoed by a host application, from the moment when each was due. The rate is a part of
/// what the target echoes when as many as it takes are under way.
/// </summary>
internal sealed class OpenLoopLatency : IWorkload
{
    /// <summary>Messages under way while the capacity is measured: as many as a ring of the usual size has entries.</summary>
    private const int Window = Setting.UsualQueue;
    private readonly int size;
    private readonly int load;
    private readonly Figure p50;
    private readonly Figure p99;
    private readonly Figure p999;

    /// <param name="size">Bytes of a message.</param>
    /// <param name="load">Percent of the capacity.</param>
    public OpenLoopLatency(int size, int load)
    {
        this.size = size;
        this.load = load;
        string parameter = string.Create(CultureInfo.InvariantCulture, $"{size}-load{load}");
        p50 = new Figure("stream/open-loop/p50", parameter, "µs", Better.Lower, FigureRole.Shown);
        p99 = new Figure("stream/open-loop/p99", parameter, "µs", Better.Lower, FigureRole.Shown);
        p999 = new Figure("stream/open-loop/p99.9", parameter, "µs", Better.Lower, FigureRole.Shown);
    }

    public string Kind => "open-loop";

    public string Name => p50.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>
    {
        ["socket"] = "stream",
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
        ["load"] = load.ToString(CultureInfo.InvariantCulture),
    };

    public SharedWith Shares => SharedWith.Either;

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "sizes", "loads");
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, Session.LargestPacket, "bytes of a message", 64);
        IReadOnlyList<int> loads = PlanList.Numbers(map, "loads", 1, 99, "percent of the capacity", 20, 50, 80);
        return from size in sizes from load in loads select new OpenLoopLatency(size, load);
    }

    /// <summary>The rate, in messages per second.</summary>
    public long Prepare(Bench bench)
    {
        using Session session = new(bench, new Setting(), Pattern.Short);
        using EchoLine line = new(bench, session, session.Lanes[0], size);
        _ = Capacity.PerSecond(line, Window, TimeSpan.FromSeconds(bench.Seconds / 2), bench.Patience, TimeProvider.System);
        double capacity = Capacity.PerSecond(line, Window, TimeSpan.FromSeconds(bench.Seconds), bench.Patience, TimeProvider.System);
        session.Check();
        return Math.Max(1, (long)(capacity * load / 100));
    }

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench, volume, bench.Seconds / 4);

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        OpenLoopResult result = Measure(bench, volume, bench.Seconds);
        if (result.Disturbance is { } disturbance)
        {
            sheet.Disturbed(disturbance);
        }

        sheet.Latency($"stream/open-loop/{size}/load-{load}", result.OfferedPerSecond).Add(result.Latency, result.Latency.TotalCount / result.AchievedPerSecond);
        sheet.Add(p50, LatencyRecord.Microseconds(result.Latency, 50));
        sheet.Add(p99, LatencyRecord.Microseconds(result.Latency, 99));
        sheet.Add(p999, LatencyRecord.Microseconds(result.Latency, 99.9));
    }

    private OpenLoopResult Measure(Bench bench, long perSecond, double seconds)
    {
        using Session session = new(bench, new Setting(), Pattern.Short);
        using EchoLine line = new(bench, session, session.Lanes[0], size);
        OpenLoopResult result = OpenLoop.Run(line, perSecond, Math.Max(1, (long)(perSecond * seconds)), bench.Patience, TimeProvider.System);
        session.Check();
        return result;
    }
}
