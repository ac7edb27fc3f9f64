using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Perf.Counting;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Tests.Runs;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Tests.Guests;

/// <summary>Workloads from a guest in user-mode Linux on the reference device.</summary>
public sealed class GuestWorkloadTests
{
    private const ulong GuestCid = 3;
    private const double Seconds = 0.05;

    private StandIn standIn = null!;
    private UmlGuests guests = null!;
    private InstanceFolder folder = null!;
    private ITargetInstance target = null!;
    private GuestPlace place = null!;

    private Bench Bench => new(target, TargetProcesses.None, Seconds, TimeSpan.FromSeconds(10), CancellationToken.None) { Guests = place };

    [OneTimeSetUp]
    public void CompileTheProgram()
    {
        string[] missing = [.. ((string[])["linux", "clang", "ld.lld", "cc"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            string problem = $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(problem);
            }

            Assert.Ignore(problem);
        }

        standIn = new StandIn();
        guests = new UmlGuests(TestContext.Progress.WriteLine, [standIn.InGuest]);
    }

    [OneTimeTearDown]
    public void RemoveTheProgram() => standIn?.Dispose();

    [SetUp]
    public void StartTheTarget()
    {
        folder = InstanceFolder.Create();
        target = BuiltInTargets.Find("reference", SuiteData.Folder).ToTarget().Start(new TargetPlace(folder.Path, GuestCid), CancellationToken.None);
        place = new GuestPlace(guests, "uml", hasVsockPerf: true, TestContext.Progress.WriteLine);
    }

    [TearDown]
    public void EndTheTarget()
    {
        place.Dispose();
        target.Dispose();
        folder.Dispose();
    }

    [Test]
    public void Workloads_OnTheReference_AllMeasure()
    {
        foreach (Direction direction in (Direction[])[Direction.GuestToHost, Direction.HostToGuest])
        {
            Sheet sheet = Measure(new GuestThroughput(direction, 4096), repeats: 2);
            Assert.That(sheet.Measurements, Has.Count.EqualTo(2));
            Assert.That(sheet.Measurements[0].Values, Has.Count.EqualTo(2).And.All.Positive);
            Assert.That(sheet.Measurements[0].Beside!.Limit, Is.EqualTo("vsock_perf"));
            Assert.That(sheet.Measurements[0].Beside!.Values, Has.Count.EqualTo(2).And.All.Positive);
            Assert.That(sheet.Measurements[1].Values, Has.Count.EqualTo(2).And.All.Positive);
        }

        Sheet trips = Measure(new GuestRoundTrip(64), repeats: 1);
        Assert.That(trips.Measurements.Select(m => m.Values.Count), Is.EqualTo(new[] { 1, 1 }));
        Assert.That(trips.Latencies[0].Histogram.TotalCount, Is.GreaterThanOrEqualTo(200));
        Sheet connects = Measure(new GuestConnect(), repeats: 1);
        Assert.That(connects.Measurements.Select(m => m.Figure.Family), Is.EqualTo(new[] { "guest/stream/connect/rate", "guest/stream/connect/p50", "guest/stream/connect/p99" }));
        Assert.That(connects.Latencies[0].Histogram.TotalCount, Is.GreaterThanOrEqualTo(50));
    }

    [Test]
    public void Guest_LostInTheMiddle_IsNotTheTargetsFaultAndIsReplaced()
    {
        GuestThroughput workload = new(Direction.GuestToHost, 65_536);
        long volume = workload.Prepare(Bench);
        Sheet sheet = new();
        workload.Run(Bench, volume, sheet);
        Task dying = Task.Run(async () =>
        {
            await Task.Delay(200);
            Kill(GuestProcess());
        });
        Assert.That(() => workload.Run(Bench, 1L << 36, sheet), Throws.InstanceOf<GuestException>());
        dying.Wait();
        Assert.That(sheet.Measurements[0].Values, Has.Count.EqualTo(1), "what was measured before counts");
        workload.Run(Bench, volume, sheet);
        Assert.That(sheet.Measurements[0].Values, Has.Count.EqualTo(2));
    }

    [TestCase(Direction.GuestToHost)]
    [TestCase(Direction.HostToGuest)]
    public void Target_EndsInTheMiddle_Fails(Direction direction)
    {
        GuestThroughput workload = new(direction, 65_536);
        _ = workload.Prepare(Bench);
        Task ending = Task.Run(async () =>
        {
            await Task.Delay(200);
            Kill(target.ProcessId!.Value);
        });
        long begin = Stopwatch.GetTimestamp();
        Assert.That(() => workload.Run(Bench, 1L << 36, new Sheet()), Throws.TypeOf<PerfException>());
        Assert.That(Stopwatch.GetElapsedTime(begin).TotalSeconds, Is.LessThan(8));
        ending.Wait();
        Assert.That(() => workload.WarmUp(Bench, 1 << 20), Throws.TypeOf<PerfException>().With.Message.EqualTo("the target went away"));
    }

    /// <summary>The target is judged by what arrives, at whichever end: our own bytes are compared, and the program's are all 0.</summary>
    [TestCase(Direction.GuestToHost, VsockQueue.Tx)]
    [TestCase(Direction.HostToGuest, VsockQueue.Rx)]
    public void Target_CorruptsInTheMiddle_Fails(Direction direction, int queue)
    {
        using InstanceFolder other = InstanceFolder.Create();
        using ITargetInstance corrupting = new FaultyTarget(_ => Fault.Corrupts, after: 50) { Queue = queue }.Start(new TargetPlace(other.Path, GuestCid), CancellationToken.None);
        Bench bench = Bench with { Target = corrupting };
        Sheet sheet = new();
        Assert.That(() => new GuestThroughput(direction, 65_536).Run(bench, 64 << 20, sheet), Throws.TypeOf<PerfException>().With.Message.Matches("^wrong bytes between|reached the guest wrong$"));
        Assert.That(sheet.Measurements, Is.Empty);
    }

    [Test]
    public void Target_Stalls_FailsWithinThePatience()
    {
        GuestThroughput workload = new(Direction.HostToGuest, 65_536);
        _ = workload.Prepare(Bench);
        Task stopping = Task.Run(async () =>
        {
            await Task.Delay(200);
            Signal(target.ProcessId!.Value, "STOP");
        });
        long begin = Stopwatch.GetTimestamp();
        Assert.That(
            () => workload.Run(Bench with { Patience = TimeSpan.FromSeconds(1) }, 1L << 36, new Sheet()), Throws.TypeOf<PerfException>().With.Message.EqualTo("nothing moved for 1 s"));
        Assert.That(Stopwatch.GetElapsedTime(begin).TotalSeconds, Is.LessThan(8));
        stopping.Wait();
        Signal(target.ProcessId!.Value, "CONT");
    }

    [Test]
    public void Program_NotInTheGuest_IsOurTrouble()
    {
        using GuestPlace bare = new(new UmlGuests(TestContext.Progress.WriteLine), "uml", hasVsockPerf: true, TestContext.Progress.WriteLine);
        GuestThroughput workload = new(Direction.GuestToHost, 65_536);
        Assert.That(() => workload.Run(Bench with { Guests = bare }, 1 << 20, new Sheet()), Throws.InstanceOf<GuestException>().With.Message.Contains("not started"));
    }

    private Sheet Measure(IWorkload workload, int repeats)
    {
        long volume = workload.Prepare(Bench);
        Sheet sheet = new();
        for (int i = 0; i < repeats; i++)
        {
            workload.Run(Bench, volume, sheet);
        }

        return sheet;
    }

    private int GuestProcess() => place.ProcessId ?? throw new InvalidOperationException("no guest is up");

    private static void Kill(int process) => Signal(process, "KILL");

    private static void Signal(int process, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        kill.WaitForExit();
    }
}
