using System.Diagnostics;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>What a target burns while it can do nothing: a host application has written all that its socket takes, and the guest posts no buffers.</summary>
internal sealed class Idle : IWorkload
{
    private static readonly Figure cpu = new("idle/cpu", "no-buffers", "ms/s", Better.Lower, FigureRole.Counter);

    /// <summary>Shorter, a single tick of a timer would count for much.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);

    public string Kind => "idle";

    public string Name => cpu.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string> { ["socket"] = "stream", ["guest"] = "no-buffers" };

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload");
        return [new Idle()];
    }

    public string? Refuses(Bench bench) => bench.Processes.AreKnown ? null : "what the target uses is not known: it is not a process that we started";

    public long Prepare(Bench bench) => 0;

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench);

    public void Run(Bench bench, long volume, Sheet sheet) => sheet.Add(cpu, Measure(bench));

    /// <summary>Milliseconds on processors per second.</summary>
    private static double Measure(Bench bench)
    {
        // The window is larger than all buffers together, so that it is buffers that are missing.
        using Session session = new(bench, new Setting(Window: 4 << 20), Pattern.Short);
        Lane lane = session.Lanes[0];
        using HostSide host = new([new HostApplication(new ConnectionSocket(lane.Connection), lane.Pattern, lane.Phase, toRead: 0, toWrite: long.MaxValue, Session.LargestPacket, isMessages: false)]);
        session.Driver.Rx.Target = 0;
        host.Begin();
        bool IsStuck() => session.Driver.Rx.Posted == 0 || session.Defect is not null || host.Fault is not null;
        if (!session.Driver.Timeline.WaitUntil(IsStuck))
        {
            throw new PerfException($"the device left {session.Driver.Rx.Posted} buffers empty although the host had written {host.Moved} bytes, for {bench.Patience.TotalSeconds:0.###} s");
        }

        TimeSpan time = TimeSpan.FromSeconds(bench.Seconds) > Shortest ? TimeSpan.FromSeconds(bench.Seconds) : Shortest;
        Wait(bench, session, host, time / 4);
        long before = bench.Processes.Cpu() ?? 0;
        long start = Stopwatch.GetTimestamp();
        Wait(bench, session, host, time);
        double milliseconds = ((bench.Processes.Cpu() ?? 0) - before) / 1e6 / Stopwatch.GetElapsedTime(start).TotalSeconds;
        session.Check();
        return host.Fault is { } fault ? throw new PerfException(fault) : milliseconds;
    }

    private static void Wait(Bench bench, Session session, HostSide host, TimeSpan time)
    {
        _ = session.Driver.Timeline.WaitUntil(time, () => session.Defect is not null || host.Fault is not null);
        bench.Cancellation.ThrowIfCancellationRequested();
    }
}
