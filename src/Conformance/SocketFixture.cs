using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Guests;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// The cases that need a guest, against the reference device under user-mode Linux: one guest for all. Where a tool is missing: an error in CI, a skip
/// with the reason elsewhere.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class SocketFixture
{
    private const ulong Seed = 1;
    private static readonly TimeSpan MutantPatience = TimeSpan.FromSeconds(2);
    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private static readonly CaseRun[] All = [.. Catalogue.Of(typeof(SocketFixture).Assembly).Runs.Where(run => run.Case.NeedsGuest)];
    private static readonly UmlGuests Guests = new(TestContext.Progress.WriteLine);
    private Dictionary<string, CaseResult> results = [];

    public static IEnumerable<TestCaseData> Runs() => All.Select(run => new TestCaseData(run).SetName($"{run.FullName} {run.Case.Name}").SetCategory(run.Case.Area));

    [OneTimeSetUp]
    public void RunAll()
    {
        string[] missing = [.. ((string[])["linux", "clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            string problem = $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(problem);
            }

            Assert.Ignore(problem);
        }

        results = Judge(BuiltInTargets.Find(BuiltInTargets.Default, SuiteData.Folder).ToTarget(), All, TimeSpan.FromSeconds(5));
    }

    [TestCaseSource(nameof(Runs))]
    public void Case(CaseRun run)
    {
        CaseResult result = results[run.FullName];
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Pass), $"{result.FailureCode}: expected {result.Expected}; observed {result.Observed}\n{result.Log}");
    }

    /// <summary>Mutants of the reference device that applications notice.</summary>
    [TestCase("stream-loses-a-byte", "VSC-1408")]
    [TestCase("request-refused-silently", "VSC-1403")]
    [TestCase("response-missing", "VSC-1401")]
    [TestCase("shutdown-half-close-ignored", "VSC-1404")]
    [TestCase("shutdown-half-close-is-close", "VSC-1404")]
    [TestCase("shutdown-of-host-too-much", "VSC-1405")]
    public void Mutant_OnTheWayOfAnApplication_IsCaught(string id, string by)
    {
        Mutant mutant = MutantCatalogue.Find(id)!;
        CaseResult result = Judge(Suspect.Of(mutant).Target(), [.. All.Where(run => run.Case.Id == by)], MutantPatience).Values.Single();
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Fail), result.Observed);
    }

    private static Dictionary<string, CaseResult> Judge(ITarget target, IReadOnlyList<CaseRun> runs, TimeSpan patience)
    {
        Results listener = new();
        new SuiteRunner(Register).Run(
            new RunRequest { Target = target, Runs = runs, Seed = Seed, Patience = patience, Guests = Guests },
            listener,
            TestContext.CurrentContext.CancellationToken);
        return listener.All;
    }

    private sealed class Results : IRunListener
    {
        public Dictionary<string, CaseResult> All { get; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => All[result.FullName] = result;
    }
}
