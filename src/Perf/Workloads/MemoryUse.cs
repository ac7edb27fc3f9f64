using System.Globalization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// How much more memory a target has with many idle connections than with a few, for each of them. A target that has had many before would give them memory that it has already.
/// What the kernel keeps for its sockets is not in it.
/// </summary>
internal sealed class MemoryUse : IWorkload
{
    /// <summary>Connections that go before: the first ones bring the program that serves them into memory.</summary>
    private const int FirstFlows = 8;
    private readonly int flows;
    private readonly Figure perConnection;

    public MemoryUse(int flows)
    {
        this.flows = flows;
        perConnection = new Figure("memory/per-connection", string.Create(CultureInfo.InvariantCulture, $"flows{flows}"), "B", Better.Lower, FigureRole.Counter);
    }

    public string Kind => "memory";

    public string Name => perConnection.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string> { ["socket"] = "stream", ["flows"] = flows.ToString(CultureInfo.InvariantCulture) };

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "flows");
        return PlanList.Numbers(map, "flows", 1, 1000, "connections", 256).Select(flows => new MemoryUse(flows));
    }

    public string? Refuses(Bench bench) => bench.Processes.Memory() is null ? "what the target uses is not known: it is not a process that we started" : null;

    public bool WantsFreshTarget => true;

    public long Prepare(Bench bench) => flows;

    public void WarmUp(Bench bench, long volume)
    {
        // What a target does for the first time is part of what is measured.
    }

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        using Session session = new(bench, new Setting(Flows: FirstFlows), Pattern.Short);
        long before = bench.Processes.Memory() ?? 0;
        for (int i = 0; i < flows; i++)
        {
            bench.Cancellation.ThrowIfCancellationRequested();
            _ = session.Connect();
        }

        long after = bench.Processes.Memory() ?? 0;
        session.Check();
        sheet.Add(perConnection, (after - before) / (double)flows);
    }
}
