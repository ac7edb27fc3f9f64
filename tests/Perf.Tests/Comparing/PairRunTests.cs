using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Tests.Runs;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Tests.Comparing;

[TestFixture]
public sealed class SingleRunTests
{
    private const string Workloads = "{workload: throughput, directions: [guest-to-host], sizes: [64]}\n  - {workload: throughput, socket: seqpacket, directions: [guest-to-host], sizes: [64]}\n  - {workload: idle}";

    [Test]
    public void Run_OfWhatATargetSupports_HasOneValueOfEachFigure()
    {
        FaultyTarget target = new(_ => Fault.None) { Withheld = VirtioFeatures.Seqpacket };
        SingleRun run = new(target, Plan());
        IReadOnlyDictionary<string, long> volumes = run.Volumes(CancellationToken.None);
        Assert.That(volumes.Keys, Is.EqualTo((string[])["stream/guest-to-host/throughput/64"]));
        IReadOnlyDictionary<Figure, double> values = run.Measure(volumes, CancellationToken.None);
        Assert.That(values.Keys.Select(f => f.Name), Does.Contain("stream/guest-to-host/throughput/64").And.Contain("stream/guest-to-host/kicks/64"));
    }

    [Test]
    public void Comparison_OfTargetsThatSupportDifferentThings_JudgesWhatBothDo()
    {
        CompareRun run = new(new FaultyTarget(_ => Fault.None), new FaultyTarget(_ => Fault.None) { Withheld = VirtioFeatures.Seqpacket }, Plan(), new CompareOptions(2, 2), TimeProvider.System, _ => { });
        CompareReport report = run.Run(new Dictionary<string, string>(), CancellationToken.None);
        Assert.That(report.Figures.Select(f => f.Figure.Family), Is.All.StartsWith("stream/").And.Not.Empty);
    }

    private static PerfPlan Plan()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "plan.yaml");
        File.WriteAllText(file, $"name: x\ndescription: y\nrepeats: 1\nseconds-per-transfer: 0.01\nworkloads:\n  - {Workloads}\n");
        return PerfPlan.Load(file);
    }
}
