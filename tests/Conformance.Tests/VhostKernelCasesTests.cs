using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Cases;

namespace Vsockspec.Conformance.Tests;

/// <summary>The cases about ioctls can fail: each broken rule is caught, and only by cases of the requirement it belongs to.</summary>
public sealed class VhostKernelCasesTests
{
    private static readonly RequirementRegister Register = RequirementRegister.Load();

    /// <summary>Those that need no ring; the others are shown to fail in the lab, on a kernel behind a relay that breaks a rule.</summary>
    private static readonly string[] IoctlCases =
        ["VSC-1301", "VSC-1302", "VSC-1303", "VSC-1304", "VSC-1305", "VSC-1306", "VSC-1307", "VSC-1314", "VSC-1315", "VSC-1317"];

    private static readonly Catalogue Catalogue = Catalogue.Of(typeof(VhostKernelCases).Assembly);

    [TestCaseSource(nameof(IoctlCases))]
    public void Case_KernelThatBreaksNothing_Passes(string id)
    {
        CaseResult result = Run(id, BrokenRule.None);
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Pass), result.Observed);
    }

    [TestCase(BrokenRule.SecondOwnerTaken, "VSC-1301")]
    [TestCase(BrokenRule.RingWithoutOwner, "VSC-1301")]
    [TestCase(BrokenRule.CidNeedsOwner, "VSC-1301", "VSC-1302")]
    [TestCase(BrokenRule.ReservedCidTaken, "VSC-1302")]
    [TestCase(BrokenRule.CidCutTo32Bits, "VSC-1302")]
    [TestCase(BrokenRule.CidInUseTaken, "VSC-1302")]
    [TestCase(BrokenRule.CidKeptAfterClose, "VSC-1302", "VSC-1301")]
    [TestCase(BrokenRule.NotOfferedFeatureTaken, "VSC-1303")]
    [TestCase(BrokenRule.OfferedFeatureRefused, "VSC-1303")]
    [TestCase(BrokenRule.OddSizeTaken, "VSC-1304")]
    [TestCase(BrokenRule.HugeSizeTaken, "VSC-1304")]
    [TestCase(BrokenRule.BaseForgotten, "VSC-1304")]
    [TestCase(BrokenRule.HugeBaseTaken, "VSC-1304")]
    [TestCase(BrokenRule.WrongErrnoForIndex, "VSC-1304")]
    [TestCase(BrokenRule.MisalignedAvailTaken, "VSC-1305")]
    [TestCase(BrokenRule.MisalignedUsedTaken, "VSC-1305")]
    [TestCase(BrokenRule.UnknownFlagTaken, "VSC-1305")]
    [TestCase(BrokenRule.PaddingTaken, "VSC-1306")]
    [TestCase(BrokenRule.ManyRegionsTaken, "VSC-1306")]
    [TestCase(BrokenRule.WrappingRegionTaken, "VSC-1306")]
    [TestCase(BrokenRule.RunsWithoutRings, "VSC-1307", "VSC-1301")]
    [TestCase(BrokenRule.ResetOwnerTaken, "VSC-1314")]
    [TestCase(BrokenRule.NotOfferedBackendFeatureTaken, "VSC-1315")]
    [TestCase(BrokenRule.BackendFeatureMissing, "VSC-1315")]
    [TestCase(BrokenRule.TimeoutForgotten, "VSC-1317")]
    public void Kernel_ThatBreaksOneRule_IsCaught(BrokenRule rule, params string[] by)
    {
        string[] caught = [.. IoctlCases.Where(id => Run(id, rule).Verdict == Verdict.Fail)];
        Assert.That(caught, Has.Length.GreaterThan(0).And.Contains(by[0]));
        Assert.That(caught, Is.SubsetOf(by));
    }

    private static CaseResult Run(string id, BrokenRule rule)
    {
        Results results = new();
        new SuiteRunner(Register).Run(
            new RunRequest { Target = new FakeVhostKernel(rule), Runs = [.. Catalogue.Find(id)!.Variants.Select(v => new CaseRun(Catalogue.Find(id)!, v))], Seed = 1 },
            results,
            CancellationToken.None);
        return results.Last!;
    }

    private sealed class Results : IRunListener
    {
        public CaseResult? Last { get; private set; }

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => Last = result;
    }
}
