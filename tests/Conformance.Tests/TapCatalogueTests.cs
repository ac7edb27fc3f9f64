using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Tests;

/// <summary>
/// A tap changes nothing: the catalogue's cases, which play the driver themselves, come to the same verdicts on the reference device with a tap in front of
/// it as without, and the tap's auditor accuses a device that breaks nothing of nothing.
/// </summary>
public sealed class TapCatalogueTests
{
    private const ulong Seed = 1;

    private static readonly RequirementRegister Register = RequirementRegister.Load();

    [TestCase("handshake")]
    [TestCase("credit")]
    [TestCase("data")]
    [TestCase("seqpacket")]
    [TestCase("packed")]
    [TestCase("virtqueues")]
    [TestCase("addressing")]
    [TestCase("features")]
    [TestCase("flow control")]
    [TestCase("shutdown")]
    [TestCase("lifecycle")]
    [TestCase("vhost-user")]
    public void Verdicts_ThroughATap_AreThoseWithout(string area)
    {
        CaseRun[] runs = [.. Catalogue.Of(typeof(ReferenceTarget).Assembly).RunsOver("vhost-user").Where(run => run.Case.Area == area)];
        Dictionary<string, CaseResult> direct = Run(new ReferenceTarget("reference", () => new()), runs, _ => { });
        List<string> accusations = [];
        TappedTarget tapped = new(new ReferenceTarget("reference", () => new()));
        Dictionary<string, CaseResult> through = Run(tapped, runs, result =>
        {
            GuestCaseEvidence evidence = tapped.Take();
            accusations.AddRange(evidence.Findings.Select((Finding f) => $"{result.FullName}: {f.Requirement} packet {f.Packet}: {f.Detail}"));
            if (tapped.Tap.Fault is { } fault)
            {
                accusations.Add($"{result.FullName}: {fault}");
            }
        });
        string[] different = [.. direct.Values.Where(d => d.Verdict != through[d.FullName].Verdict).Select(d => $"{d.FullName} {d.Title}: {d.Verdict} became {through[d.FullName].Verdict} {through[d.FullName].FailureCode}: expected {through[d.FullName].Expected} observed {through[d.FullName].Observed}")];
        TestContext.Progress.WriteLine($"{runs.Length} runs; {direct.Values.Sum(r => r.DurationMs):0} ms without, {through.Values.Sum(r => r.DurationMs):0} ms with");
        TestContext.Progress.WriteLine(string.Join('\n', different));
        TestContext.Progress.WriteLine(string.Join('\n', accusations));
        Assert.Multiple(() =>
        {
            Assert.That(different, Is.Empty);
            Assert.That(accusations, Is.Empty);
        });
    }

    private static Dictionary<string, CaseResult> Run(ITarget target, CaseRun[] runs, Action<CaseResult> finished)
    {
        Results results = new(finished);
        new SuiteRunner(Register).Run(
            new RunRequest { Target = target, Runs = runs, Seed = Seed }, results, TestContext.CurrentContext.CancellationToken);
        return results.All;
    }

    private sealed class Results(Action<CaseResult> finished) : IRunListener
    {
        public Dictionary<string, CaseResult> All { get; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result)
        {
            All[result.FullName] = result;
            finished(result);
        }
    }
}
