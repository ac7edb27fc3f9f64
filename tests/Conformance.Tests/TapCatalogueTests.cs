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

    /// <summary>Cases about parts of vhost-user that a tap does not pass on, and therefore does not offer.</summary>
    private static readonly HashSet<string> Hidden = ["VSC-1002", "VSC-1004", "VSC-1225", "VSC-1226", "VSC-1227", "VSC-1235", "VSC-1236"];

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
        string[] different =
        [
            .. direct.Values.Select(d => (Direct: d, Through: through[d.FullName]))
                .Where(pair => pair.Through.Verdict != (Hidden.Contains(pair.Direct.Id) ? Verdict.NotSupported : pair.Direct.Verdict))
                .Select(pair => $"{pair.Direct.FullName}: {pair.Direct.Verdict} became {pair.Through.Verdict} {pair.Through.FailureCode}: {pair.Through.Observed}"),
        ];
        TestContext.Progress.WriteLine($"{area}: {runs.Length} runs, {direct.Values.Sum(r => r.DurationMs):0} ms without a tap, {through.Values.Sum(r => r.DurationMs):0} ms with");
        Assert.Multiple(() =>
        {
            Assert.That(different, Is.Empty);
            Assert.That(accusations, Is.Empty);
        });
    }

    private static Dictionary<string, CaseResult> Run(IDeviceTarget target, CaseRun[] runs, Action<CaseResult> finished)
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
