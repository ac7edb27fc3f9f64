using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// The cases about a driver: against the reference driver in this process, and against the driver of user-mode Linux' kernel, one guest for as many cases as
/// want the same device. Where a tool is missing: an error in CI, a skip with the reason elsewhere.
/// </summary>
[TestFixture("reference-driver")]
[TestFixture("guest:uml")]
[NonParallelizable]
public sealed class DriverFixture(string target)
{
    private const ulong Seed = 1;
    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private static readonly Catalogue Cases = Catalogue.Of(typeof(DriverFixture).Assembly);
    private static readonly CaseRun[] All = [.. Cases.RunsOnDrivers];
    private readonly Dictionary<string, CaseResult> results = [];

    public static IEnumerable<TestCaseData> Runs() => GuestBench.Tests(All);

    [OneTimeSetUp]
    public void RunAll()
    {
        TargetManifest manifest = BuiltInTargets.Find(target, SuiteData.Folder);
        Expectations expectations = manifest.Expectations is { } file ? Expectations.Load(file, Cases.RunsOnDrivers, DateOnly.FromDateTime(DateTime.UtcNow)) : Expectations.None;
        new SuiteRunner(Register).Run(
            new RunRequest { Target = Target(manifest), Runs = All, Seed = Seed },
            new Listener(result => results[result.FullName] = expectations.Apply(result)),
            TestContext.CurrentContext.CancellationToken);
    }

    [TestCaseSource(nameof(Runs))]
    public void Case(CaseRun run)
    {
        CaseResult result = results[run.FullName];
        if (result.Verdict is Verdict.NotApplicable or Verdict.NotSupported)
        {
            Assert.Ignore($"{result.Verdict}: {result.Observed}");
        }

        Assert.That(
            result.Verdict,
            Is.AnyOf(Verdict.Pass, Verdict.NonStrict, Verdict.Informational, Verdict.KnownFailure),
            $"{result.FailureCode}: expected {result.Expected}; observed {result.Observed}\n{result.Log}");
    }

    private static IDriverTarget Target(TargetManifest manifest)
    {
        if (manifest.Guest!.HasCommand)
        {
            return new ReferenceDriverTarget(manifest.Name, () => new());
        }

        GuestBench.Require(GuestBench.Missing("linux", "clang", "ld.lld"));
        return new DriverTarget(manifest, new UmlGuests(TestContext.Progress.WriteLine));
    }

    private sealed class Listener(Action<CaseResult> finished) : IRunListener
    {
        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => finished(result);
    }
}
