using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Tests.Runs;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Tests.Comparing;

[TestFixture]
public sealed class PairRunTests
{
    private const string Workloads = "{workload: throughput, directions: [guest-to-host], sizes: [64]}\n  - {workload: throughput, socket: seqpacket, directions: [guest-to-host], sizes: [64]}\n  - {workload: idle}";

    [Test]
    public void Run_OfWhatATargetSupports_HasOneValueOfEachFigure()
    {
        PairRun run = new(new FaultyTarget(_ => Fault.None) { Withheld = VirtioFeatures.Seqpacket }, new FaultyTarget(_ => Fault.None), Plan());
        IReadOnlyDictionary<string, long> volumes = run.Volumes(CancellationToken.None);
        Assert.That(volumes.Keys, Is.EqualTo((string[])["stream/guest-to-host/throughput/64"]));
        PairValues values = new();
        run.Measure(volumes, values, CancellationToken.None);
        Assert.That(values.First.Keys.Select(f => f.Name), Does.Contain("stream/guest-to-host/throughput/64").And.Contain("stream/guest-to-host/kicks/64"));
        Assert.That(values.Second.Keys, Is.EqualTo(values.First.Keys));
    }

    [Test]
    public void Run_InWhichATargetGoesWrong_KeepsTheWorkloadsBefore()
    {
        PerfPlan plan = Plan("{workload: throughput, directions: [host-to-guest, guest-to-host], sizes: [64]}");
        PairRun run = new(new FaultyTarget(_ => Fault.None), new FaultyTarget(_ => Fault.Corrupts, after: 2000), plan);
        IReadOnlyDictionary<string, long> volumes = run.Volumes(CancellationToken.None);
        PairValues values = new();
        PairException wrong = Assert.Throws<PairException>(() => run.Measure(volumes, values, CancellationToken.None))!;
        Assert.That(wrong.IsFirst, Is.False);
        Assert.That(wrong.Message, Does.StartWith("stream/guest-to-host/throughput/64: wrong bytes at the host at position "));
        Assert.That(values.Second.Keys.Select(f => f.Name), Does.Contain("stream/host-to-guest/throughput/64").And.None.StartsWith("stream/guest-to-host/"));
    }

    [Test]
    public void Comparison_OfTargetsThatSupportDifferentThings_JudgesWhatBothDo()
    {
        CompareRun run = new(new FaultyTarget(_ => Fault.None), new FaultyTarget(_ => Fault.None) { Withheld = VirtioFeatures.Seqpacket }, Plan(), new CompareOptions(2, 2), TimeProvider.System, _ => { });
        CompareReport report = run.Run(new Dictionary<string, string>(), CancellationToken.None);
        Assert.That(report.Figures.Select(f => f.Figure.Family), Is.All.StartsWith("stream/").And.Not.Empty);
    }

    private static PerfPlan Plan(string workloads = Workloads)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "plan.yaml");
        File.WriteAllText(file, $"name: x\ndescription: y\nrepeats: 1\nseconds-per-transfer: 0.01\nworkloads:\n  - {workloads}\n");
        return PerfPlan.Load(file);
    }
}
