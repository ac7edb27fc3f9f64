using System.Globalization;
using Vsockspec.Interop;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// How a target shares out what it can carry from host to guest, where it chooses whom to serve: many flows with small messages beside one with large ones, all of whose
/// applications write as fast as they can. From guest to host the driver chooses, and that is us.
/// </summary>
internal sealed class Fairness : IWorkload
{
    private const int BulkSize = 64 * 1024;
    private const double Mebibyte = 1 << 20;
    private readonly int size;
    private readonly int flows;
    private readonly Figure jain;

    public Fairness(int size, int flows)
    {
        this.size = size;
        this.flows = flows;
        jain = Figure("jain", "1", FigureRole.Gate);
    }

    public string Kind => "fairness";

    public string Name => jain.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>
    {
        ["socket"] = "stream",
        ["direction"] = Directions.NameOf(Direction.HostToGuest),
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
        ["flows"] = flows.ToString(CultureInfo.InvariantCulture),
    };

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    /// <summary>Jain's index: 1 when all have the same, 1/n when one of n has everything, 0 when nobody has anything.</summary>
    public static double Jain(IReadOnlyCollection<double> shares)
    {
        double squares = shares.Sum(x => x * x);
        double sum = shares.Sum();
        return squares == 0 ? 0 : sum * sum / (shares.Count * squares);
    }

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "sizes", "flows");
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, BulkSize, "bytes of a small message", 64);
        IReadOnlyList<int> flows = PlanList.Numbers(map, "flows", 2, 500, "connections with small messages", 16);
        return from size in sizes from count in flows select new Fairness(size, count);
    }

    public long Prepare(Bench bench) => 0;

    public void WarmUp(Bench bench, long volume) => _ = Shares(bench, bench.Seconds);

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        double[] shares = Shares(bench, bench.Seconds);
        sheet.Add(jain, Jain(shares[1..]));
        sheet.Add(Figure("small-flows", "MiB/s", FigureRole.Shown), shares[1..].Sum() / Mebibyte / bench.Seconds);
        sheet.Add(Figure("bulk", "MiB/s", FigureRole.Shown), shares[0] / Mebibyte / bench.Seconds);
    }

    private Figure Figure(string what, string unit, FigureRole role) => new(
        $"stream/fairness/{what}", string.Create(CultureInfo.InvariantCulture, $"{size}-flows{flows}"), unit, Better.Higher, role);

    /// <summary>Bytes that reached the guest in the given time, the bulk flow's first. A quarter of the time goes before, until every buffer on the way is full.</summary>
    private double[] Shares(Bench bench, double seconds)
    {
        using Session session = new(bench, new Setting(Flows: 1 + flows), Pattern.Short);
        using HostSide host = new([.. session.Lanes.Select((lane, i) =>
            new HostApplication(new ConnectionSocket(lane.Connection), lane.Pattern, lane.Phase, toRead: 0, toWrite: long.MaxValue, i == 0 ? BulkSize : size, isMessages: false))]);
        host.Begin();
        Receive(bench, session, host, seconds / 4);
        long[] before = [.. session.Lanes.Select(lane => lane.Received)];
        Receive(bench, session, host, seconds);
        double[] shares = [.. session.Lanes.Select((lane, i) => (double)(lane.Received - before[i]))];
        session.Check();
        return host.Fault is { } fault ? throw new PerfException(fault) : shares;
    }

    private static void Receive(Bench bench, Session session, HostSide host, double seconds)
    {
        Deadline deadline = Deadline.In(TimeSpan.FromSeconds(seconds));
        long seen = 0;
        bool Moved() => session.Received > seen || session.Defect is not null || host.Fault is not null || deadline.HasPassed;
        while (!deadline.HasPassed && session.Defect is null && host.Fault is null)
        {
            bench.Cancellation.ThrowIfCancellationRequested();
            seen = session.Received;
            session.TellCredit();
            if (!session.Driver.Timeline.WaitUntil(Moved))
            {
                throw new PerfException($"the device delivered {session.Received} bytes, and nothing more in {bench.Patience.TotalSeconds:0.###} s");
            }
        }
    }
}
