using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Tests.Reports;
using Vsockspec.Perf.Tests.Runs;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Perf.Tests.Comparing;

/// <summary>Short comparisons of the reference device in this process; the figures themselves mean nothing here.</summary>
[TestFixture]
[CancelAfter(120_000)]
public sealed class CompareRunTests
{
    private const string Figure = "stream/guest-to-host/throughput/64";

    /// <summary>The first instance of a target is in the run before those that count; of a there is one more before it, to find out how much a slice carries.</summary>
    [TestCase("b", 3, 3, Fault.Dies, 2, "the target ended with an exception: broken on purpose")]
    [TestCase("b", 1, 1, Fault.Corrupts, 0, "wrong bytes at the host at position ")]
    [TestCase("a", 3, 2, Fault.Corrupts, 1, "wrong bytes at the host at position ")]
    [TestCase("b", 0, 0, Fault.Corrupts, 0, "wrong bytes at the host at position ")]
    [TestCase("a", 0, 0, Fault.Corrupts, 0, "wrong bytes at the host at position ")]
    [TestCase("a", 1, 0, Fault.Corrupts, 0, "wrong bytes at the host at position ")]
    public void Comparison_WithATargetThatGoesWrong_KeepsTheRunsUntilThen(string which, int faultyInstance, int run, Fault fault, int runs, string why)
    {
        FaultyTarget sound = new(_ => Fault.None);
        FaultyTarget faulty = new(instance => instance == faultyInstance ? fault : Fault.None);
        CompareReport report = Run(which == "a" ? faulty : sound, which == "b" ? faulty : sound);
        using InstanceFolder folder = InstanceFolder.Create();
        CompareReport kept = Kept(report, folder.Path);
        string summary = PerfDocuments.Summary(new ReportInput([], [kept]));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kept.Verdict, Is.EqualTo(PerfVerdict.Failed));
            Assert.That(kept.Failure, Is.EqualTo(report.Failure));
            Assert.That((kept.Failure!.Which, kept.Failure.Target, kept.Failure.Run), Is.EqualTo((which, "faulty", run)));
            Assert.That(kept.Failure.Sentence, Does.StartWith($"{which} (faulty) failed in {(run == 0 ? "the run before those that count" : $"run {run}")}: ").And.Contain(why));
            Assert.That(kept.Runs, Has.Count.EqualTo(runs));
            Assert.That(kept.Runs.SelectMany(pair => (double[])[pair.A[Figure], pair.B[Figure]]), Is.All.GreaterThan(0));
            Assert.That(kept.RunsEach, Is.EqualTo(runs));
            Assert.That(kept.Figures.Count > 0, Is.EqualTo(runs >= 2), "one run alone does not tell what varies");
            Assert.That(summary, Does.StartWith("# faulty failed\n").And.Contain(why).And.Contain("decides nothing"));
            Assert.That(PerfPage.Render(new ReportInput([], [kept])), Is.Not.Empty);
        }
    }

    /// <summary>A target that no longer comes up has failed as one that ends has; what was measured before is kept.</summary>
    [Test]
    public void Comparison_WithATargetThatNoLongerComesUp_KeepsTheRunsUntilThen()
    {
        FaultyTarget faulty = new(instance => instance < 2 ? Fault.None : throw new TargetException("it did not come up"));
        CompareReport report = Run(new FaultyTarget(_ => Fault.None), faulty);
        Assert.That(report.Failure, Is.EqualTo(new ComparedFailure("b", "faulty", 2, "it did not come up")));
        Assert.That(report.Runs, Has.Count.EqualTo(1));
    }

    [Test]
    public void Comparison_WithATargetThatNeverComesUp_IsNone()
    {
        FaultyTarget faulty = new(_ => throw new TargetException("it did not come up"));
        Assert.That(() => Run(new FaultyTarget(_ => Fault.None), faulty), Throws.TypeOf<TargetException>());
    }

    /// <summary>What failed is the target's, whatever the machine was.</summary>
    [Test]
    public void Verdict_OfAFailureOnAnUnfitMachine_IsFailed()
    {
        CompareReport report = Run(new FaultyTarget(_ => Fault.None), new FaultyTarget(_ => Fault.Corrupts)) with { Conditions = SampleReports.Unfit };
        Assert.That(report.Verdict, Is.EqualTo(PerfVerdict.Failed));
    }

    [Test]
    public void Comparison_OfSoundTargets_FitsTheSchemaAndHasNoFailure()
    {
        CompareReport report = Run(new FaultyTarget(_ => Fault.None), new FaultyTarget(_ => Fault.None));
        using InstanceFolder folder = InstanceFolder.Create();
        CompareReport kept = Kept(report, folder.Path);
        Assert.That(kept.Failure, Is.Null);
        Assert.That(kept.Verdict, Is.Not.EqualTo(PerfVerdict.Failed));
        Assert.That(kept.Runs, Has.Count.EqualTo(4));
        Assert.That(kept.Figures.Select(f => f.Figure.Name), Does.Contain(Figure));
    }

    /// <summary>What is kept between two runs is all that a comparison leaves that is stopped, however it is stopped.</summary>
    [Test]
    public void Comparison_ThatIsStopped_LeavesTheRunsUntilThen()
    {
        using CancellationTokenSource stop = new();
        List<CompareReport> kept = [];
        Assert.That(
            () => Run(new FaultyTarget(_ => Fault.None), new FaultyTarget(_ => Fault.None), Keep, stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        using InstanceFolder folder = InstanceFolder.Create();
        CompareReport last = Kept(kept[^1], folder.Path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(kept.Select(report => report.Runs.Count), Is.EqualTo((int[])[1, 2]));
            Assert.That((last.IsComplete, last.Verdict, last.RunsEach), Is.EqualTo((false, PerfVerdict.Inconclusive, 2)));
            Assert.That(last.Figures, Is.Not.Empty);
            Assert.That(last.ToMarkdown(), Does.Contain("The comparison was stopped"));
            Assert.That(PerfDocuments.Summary(new ReportInput([], [last])), Does.StartWith("# Inconclusive: the comparison was stopped\n"));
            Assert.That(PerfDocuments.Summary(new ReportInput([], [last with { Conditions = SampleReports.Unfit }])), Does.StartWith("# Inconclusive: the machine was not fit\n").And.Contain("The comparison was stopped"));
        }

        void Keep(CompareReport report)
        {
            kept.Add(report);
            if (kept.Count == 2)
            {
                stop.Cancel();
            }
        }
    }

    /// <summary>Written, held against the schema, and read as 'perf report' reads it.</summary>
    private static CompareReport Kept(CompareReport report, string folder)
    {
        CompareJson.Write(report, folder);
        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("reports/schema/compare.schema.json")));
        using JsonDocument written = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, CompareJson.File)));
        Assert.That(new JsonSchemaCheck(schema.RootElement).Violations(written.RootElement), Is.Empty);
        return ReportFiles.Read([folder], null).Comparisons.Single();
    }

    private static CompareReport Run(FaultyTarget a, FaultyTarget b) => Run(a, b, _ => { }, TestContext.CurrentContext.CancellationToken);

    private static CompareReport Run(FaultyTarget a, FaultyTarget b, Action<CompareReport> keep, CancellationToken cancellation)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "plan.yaml");
        File.WriteAllText(file, "name: x\ndescription: y\nrepeats: 1\nseconds-per-transfer: 0.01\nworkloads:\n  - {workload: throughput, directions: [guest-to-host], sizes: [64]}\n");
        return new CompareRun(a, b, PerfPlan.Load(file), new CompareOptions(4, 4), TimeProvider.System, TestContext.Out.WriteLine) { Keep = keep }
            .Run(new Dictionary<string, string>(), cancellation);
    }
}
