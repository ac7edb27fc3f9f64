using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Tests.Runs;

/// <summary>Latency and connections against the reference device in this process: that everything is carried and said; the figures themselves mean nothing here.</summary>
[TestFixture]
public sealed class LatencyWorkloadTests
{
    [TestCase("{workload: round-trip, sizes: [64], times: 200, polling: [off, on]}", "stream/round-trip/p50/64 relay", "stream/round-trip/p50/64-polling socket-hop-polling plus 3 µs")]
    [TestCase("{workload: round-trip-beside-bulk, times: 100}", "stream/round-trip-beside-bulk/p50/64 ")]
    [TestCase("{workload: connect}", "stream/connect/rate/one-by-one unix-connect")]
    public void Workload_OfASoundTarget_IsMeasured(string workload, params string[] figures)
    {
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), workload);
        Assert.That(report.Workloads.Select(w => (w.Outcome, w.Why)), Is.All.EqualTo((WorkloadOutcome.Measured, (string?)null)));
        Assert.That(report.Workloads.Select(w => $"{w.Measurements[0].Figure.Name} {w.Measurements[0].Beside?.Limit}"), Is.EqualTo(figures));
        Assert.That(report.Workloads.SelectMany(w => w.Measurements).Select(m => m.Values[0]), Is.All.GreaterThan(0));
    }

    /// <summary>On a machine that does something else at the same time the outcome may be Disturbed, and that is right.</summary>
    [Test]
    public void OpenLoop_OfASoundTarget_KeepsItsHistogram()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        PerfReport report = Run(new FaultyTarget(_ => Fault.None), "{workload: open-loop, loads: [20, 80]}", folder.Path);
        Assert.That(report.Workloads.Select(w => w.Outcome), Is.All.AnyOf(WorkloadOutcome.Measured, WorkloadOutcome.Disturbed));
        Assert.That(report.Workloads.Select(w => w.Measurements.Select(m => m.Figure.Name)), Is.EqualTo((string[][])
        [
            ["stream/open-loop/p50/64-load20", "stream/open-loop/p99/64-load20", "stream/open-loop/p99.9/64-load20"],
            ["stream/open-loop/p50/64-load80", "stream/open-loop/p99/64-load80", "stream/open-loop/p99.9/64-load80"],
        ]));
        LatencyCurve curve = report.Workloads[0].Latencies.Single();
        Assert.That(curve.Name, Is.EqualTo("stream/open-loop/64/load-20"));
        Assert.That(curve.OfferedPerSecond, Is.GreaterThan(0));
        Assert.That(curve.AchievedPerSecond, Is.LessThanOrEqualTo(curve.OfferedPerSecond!.Value * 1.01));
        Assert.That(Path.Combine(folder.Path, curve.Histogram!), Does.Exist);
        foreach (LatencyCurve each in report.Workloads.SelectMany(w => w.Latencies))
        {
            TestContext.Out.WriteLine($"{each.Name}: {each.OfferedPerSecond:0} offered, {each.AchievedPerSecond:0} achieved; {string.Join(", ", each.Points.Select(p => $"p{p.Percentile} {p.Microseconds:0.0}"))}");
        }
    }

    [TestCase("{workload: open-loop, loads: [50]}", Fault.Stalls, "none came back for 0.3 s")]
    [TestCase("{workload: open-loop, loads: [50]}", Fault.Corrupts, "wrong bytes|the flow")]
    [TestCase("{workload: open-loop, loads: [50]}", Fault.Dies, "broken on purpose")]
    [TestCase("{workload: round-trip-beside-bulk, times: 10000}", Fault.Stalls, "did not come back within 0.3 s")]
    [TestCase("{workload: round-trip, sizes: [64], times: 10000, polling: [on]}", Fault.Stalls, "did not come back within 0.3 s")]
    [TestCase("{workload: connect}", Fault.Stalls, "had not come and gone after 0.3 s")]
    [TestCase("{workload: connect}", Fault.Dies, "broken on purpose")]
    public void Target_ThatGoesWrong_FailsTheWorkload(string workload, Fault fault, string why)
    {
        PerfReport report = Run(new FaultyTarget(_ => fault, after: 300), workload, patience: fault == Fault.Stalls ? 0.3 : 10);
        Assert.That(report.Workloads.Single().Outcome, Is.EqualTo(WorkloadOutcome.Failed));
        Assert.That(report.Workloads.Single().Why, Does.Match(why));
    }

    [Test]
    public void Sheet_DisturbedInMostRepeats_SaysSo()
    {
        Sheet sheet = new();
        Figure figure = new("f", "1", "µs", Better.Lower, FigureRole.Shown);
        sheet.Add(figure, 1);
        sheet.Add(figure, 1);
        sheet.Disturbed("first");
        Assert.That(sheet.Disturbance, Is.Null, "one of two");
        sheet.Disturbed("second");
        Assert.That(sheet.Disturbance, Is.EqualTo("second"));
    }

    private static PerfReport Run(FaultyTarget target, string workloads, string? histograms = null, double patience = 10)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "plan.yaml");
        File.WriteAllText(file, $"name: x\ndescription: y\nrepeats: 2\nseconds-per-transfer: 0.02\nworkloads:\n  - {workloads}\n");
        return new PerfRun(target, PerfPlan.Load(file), new Dictionary<string, string>(), TimeProvider.System, TestContext.Out.WriteLine)
        {
            Patience = TimeSpan.FromSeconds(patience),
            KeepHistogram = record => histograms is null || record.Histogram.TotalCount == 0 ? null : HistogramFile.Write(histograms, record.Name, record.Histogram),
        }.Run(CancellationToken.None);
    }
}
