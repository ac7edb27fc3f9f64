using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Targets;
using Vsockspec.Tests;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Tests.Runs;

/// <summary>Short runs against the reference device in this process: that everything is carried and said; the figures themselves mean nothing here.</summary>
[TestFixture]
public sealed class PerfRunTests
{
    private static readonly Dictionary<string, string> Environment = new() { ["kernel"] = "k" };

    [Test]
    public void Run_OfASoundTarget_MeasuresEveryWorkload()
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), "{workload: throughput, sizes: [64, 65536, 262144]}\n  - {workload: round-trip, sizes: [64], times: 200}");
        Assert.That(report.Workloads.Select(w => (w.Outcome, w.Why)), Is.All.EqualTo((WorkloadOutcome.Measured, (string?)null)));
        Assert.That(report.IsComplete);
        Assert.That(report.Workloads.SelectMany(w => w.Measurements).Select(m => m.Values.Count), Is.All.EqualTo(2));
        Assert.That(report.Workloads[0].Measurements[0].Beside!.Values, Has.Count.EqualTo(2));
        Assert.That(report.Workloads[^1].Latencies[0].Count, Is.EqualTo(400));
    }

    [TestCase("{workload: throughput, directions: [both-ways], sizes: [64, 65536]}")]
    [TestCase("{workload: throughput, directions: [guest-to-host, host-to-guest, both-ways], sizes: [4096, 65536], flows: [8]}")]
    [TestCase("{workload: throughput, directions: [guest-to-host, host-to-guest, both-ways], sizes: [64], flows: [64], windows: [65536]}")]
    [TestCase("{workload: throughput, directions: [guest-to-host, host-to-guest], sizes: [4096], windows: [65536, 2097152], queues: [128, 1024], event-idx: [on, off]}")]
    [TestCase("{workload: throughput, socket: seqpacket, directions: [guest-to-host, host-to-guest, both-ways], sizes: [64, 4096, 65536, 131072]}")]
    public void Throughput_OfEveryDimension_IsMeasured(string workload)
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), workload);
        Assert.That(report.Workloads.Select(w => (w.Outcome, w.Why)), Is.All.EqualTo((WorkloadOutcome.Measured, (string?)null)));
        Assert.That(report.Workloads.Select(w => w.Measurements[0].Values[0]), Is.All.GreaterThan(0));
    }

    /// <summary>Each way a transfer may go wrong in its middle, or at its last byte: the first transfer has 1 MiB, in at least 16 packets.</summary>
    [TestCase("guest-to-host", Fault.Stalls, "the device took .* of .* bytes and gave the host .* bytes, and nothing more in 0.3 s")]
    [TestCase("guest-to-host", Fault.Dies, "the target ended with an exception: broken on purpose")]
    [TestCase("guest-to-host", Fault.Corrupts, "wrong bytes at the host at position")]
    [TestCase("guest-to-host", Fault.EndsShort, "the device took 1048576 of 1048576 bytes and gave the host 1048575 bytes, and nothing more in 0.3 s")]
    [TestCase("host-to-guest", Fault.Stalls, "the device delivered .* of 1048576 bytes, and nothing more in 0.3 s")]
    [TestCase("host-to-guest", Fault.Dies, "the target ended with an exception: broken on purpose")]
    [TestCase("host-to-guest", Fault.Corrupts, "wrong bytes from the device at position")]
    [TestCase("host-to-guest", Fault.EndsShort, "the device delivered 1048575 of 1048576 bytes, and nothing more in 0.3 s")]
    [CancelAfter(60_000)]
    public void Target_ThatGoesWrong_FailsTheWorkloadAndTheNextIsMeasured(string direction, Fault fault, string why)
    {
        FaultyTarget target = new(instance => instance == 0 ? fault : Fault.None, after: 5) { Queue = QueueOf(direction) };
        List<int> kept = [];
        PerfReport report = Run(target, $"{{workload: throughput, directions: [{direction}], sizes: [64, 4096]}}", kept, patience: fault is Fault.Stalls or Fault.EndsShort ? 0.3 : 10);
        Assert.That(report.Workloads.Select(w => w.Outcome), Is.EqualTo((WorkloadOutcome[])[WorkloadOutcome.Failed, WorkloadOutcome.Measured]));
        Assert.That(report.Workloads[0].Why, Does.Match(why));
        Assert.That(target.Started, Is.EqualTo(2));
        Assert.That(kept, Is.EqualTo((int[])[1, 2]));
        Assert.That(report.ToMarkdown(), Does.Contain("- **failed**: throughput ").And.Contain($"stream/{direction}/throughput/4096"));
    }

    /// <summary>Every transfer is a session; before the first repeat there are at most 29 of them, and with the repeats at least 60.</summary>
    [Test]
    [CancelAfter(60_000)]
    public void Target_ThatGoesWrongLate_KeepsWhatWasMeasuredUntilThen([Values("guest-to-host", "host-to-guest")] string direction, [Values(Fault.Stalls, Fault.Dies, Fault.Corrupts)] Fault fault)
    {
        FaultyTarget target = new(_ => fault, after: 5) { Queue = QueueOf(direction), SoundSessions = 40 };
        PerfReport report = Run(target, $"{{workload: throughput, directions: [{direction}], sizes: [64]}}", repeats: 60, patience: fault == Fault.Stalls ? 0.3 : 10);
        Assert.That(report.Workloads[0].Outcome, Is.EqualTo(WorkloadOutcome.Failed), report.Workloads[0].Why);
        Assert.That(report.Workloads[0].Measurements[0].Values, Has.Count.InRange(1, 39));
    }

    [Test]
    public void Target_ThatGoesWrongEachTime_EndsTheRun()
    {
        FaultyTarget target = new(_ => Fault.Corrupts);
        PerfReport report = Run(target, "{workload: throughput, directions: [guest-to-host], sizes: [64, 128, 256, 512, 1024]}");
        Assert.That(report.Workloads.Select(w => w.Outcome), Is.All.EqualTo(WorkloadOutcome.Failed));
        Assert.That(report.Workloads.Skip(3).Select(w => w.Why), Is.All.EqualTo("not begun: 3 workloads in a row failed"));
        Assert.That(target.Started, Is.EqualTo(3));
    }

    [Test]
    public void Target_WithoutSeqpacket_IsNotAskedForIt()
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None) { Withheld = VirtioFeatures.Seqpacket }, "{workload: throughput, socket: seqpacket, directions: [guest-to-host], sizes: [64]}");
        Assert.That(report.Workloads.Single(), Has.Property(nameof(WorkloadResult.Outcome)).EqualTo(WorkloadOutcome.NotSupported).And.Property(nameof(WorkloadResult.Why)).EqualTo("the target does not offer Seqpacket"));
    }

    [Test]
    public void Fairness_OfASoundTarget_IsMeasured()
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), "{workload: fairness, sizes: [1024], flows: [4]}");
        Assert.That(report.Workloads[0].Why, Is.Null);
        Assert.That(report.Workloads[0].Measurements.Select(m => m.Figure.Name), Is.EqualTo((string[])["stream/fairness/jain/1024-flows4", "stream/fairness/small-flows/1024-flows4", "stream/fairness/bulk/1024-flows4"]));
        Assert.That(report.Workloads[0].Measurements[0].Values, Is.All.InRange(0.25, 1));
    }

    /// <summary>A device in our own process has none of its own.</summary>
    [Test]
    public void Target_WithoutAProcess_IsNotAskedWhatItUses()
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), "{workload: idle}\n  - {workload: memory}");
        Assert.That(report.Workloads.Select(w => w.Outcome), Is.All.EqualTo(WorkloadOutcome.NotSupported));
        Assert.That(report.Workloads[0].Why, Is.EqualTo("what the target uses is not known: it is not a process that we started"));
    }

    [Test]
    public void Transfers_OfManyPackets_AllocateNothing()
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), "{workload: throughput, directions: [guest-to-host, host-to-guest, both-ways], sizes: [64, 65536]}", seconds: 0.1);
        Assert.That(report.Workloads.Select(w => w.Measurements.Single(m => m.Figure.Family.EndsWith("/allocated", StringComparison.Ordinal)).Summary.Minimum), Is.All.Zero);
    }

    [Test]
    public void Report_WrittenAndRead_IsTheSameAndFitsTheSchema()
    {
        PerfReport report = Run(
            new FaultyTarget(instance => instance == 0 ? Fault.Corrupts : Fault.None),
            "{workload: throughput, directions: [guest-to-host], sizes: [64, 4096]}\n  - {workload: round-trip, sizes: [64], times: 100}");
        report = report with { Conditions = new Conditions([new Condition("load", ConditionGrade.Doubtful, "load 3.1", "wait")]) };
        using InstanceFolder folder = InstanceFolder.Create();
        PerfJson.Write(report, folder.Path);
        string text = File.ReadAllText(Path.Combine(folder.Path, PerfJson.File));
        PerfJson.Write(PerfJson.Read(folder.Path), folder.Path);
        Assert.That(File.ReadAllText(Path.Combine(folder.Path, PerfJson.File)), Is.EqualTo(text));

        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("reports/schema/perf.schema.json")));
        using JsonDocument written = JsonDocument.Parse(text);
        Assert.That(new JsonSchemaCheck(schema.RootElement).Violations(written.RootElement), Is.Empty);
    }

    private static PerfReport Run(FaultyTarget target, string workloads, List<int>? kept = null, int repeats = 2, double patience = 10, double seconds = 0.01)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "plan.yaml");
        File.WriteAllText(file, $"name: x\ndescription: y\nrepeats: {repeats}\nseconds-per-transfer: {seconds}\nworkloads:\n  - {workloads}\n");
        return new PerfRun(target, PerfPlan.Load(file), Environment, TimeProvider.System, TestContext.Out.WriteLine)
        {
            Patience = TimeSpan.FromSeconds(patience),
            Keep = report => kept?.Add(report.Workloads.Count),
        }.Run(TestContext.CurrentContext.CancellationToken);
    }

    private static int QueueOf(string direction) => direction == "host-to-guest" ? VsockQueue.Rx : VsockQueue.Tx;
}
