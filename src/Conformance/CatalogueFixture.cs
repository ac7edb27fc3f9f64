using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// The catalogue as NUnit tests, one for each case and variant, against the reference device or the target that the manifest named by
/// <c>VSOCKSPEC_TARGET</c> describes. The verdict decides: a pass, a non-strict pass and a recorded behaviour pass; what the target does
/// not support is ignored with the reason; everything else fails.
/// </summary>
[TestFixture]
public sealed class CatalogueFixture
{
    private const ulong Seed = 1;
    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private static readonly RegressionRegister Regressions = RegressionRegister.Load();
    private static readonly Catalogue Cases = Catalogue.Of(typeof(CatalogueFixture).Assembly);

    public static IEnumerable<TestCaseData> Runs() =>
        Cases.RunsOver(Target().Transport).Select(run =>
        {
            TestCaseData data = new TestCaseData(run).SetName($"{run.FullName} {run.Case.Name}");
            foreach (string requirement in run.Case.Requirements)
            {
                data.SetProperty("Requirement", requirement);
            }

            return data.SetCategory(run.Case.Area);
        });

    /// <summary>A mutant of the reference to run instead, by id: to see with a debugger how a case catches it.</summary>
    private static readonly Mutant? Mutant = Environment.GetEnvironmentVariable("VSOCKSPEC_MUTANT") is { Length: > 0 } id ? MutantCatalogue.Find(id) : null;

    [TestCaseSource(nameof(Runs))]
    public void Case(CaseRun run)
    {
        Results results = new();
        new SuiteRunner(Register).Run(
            new RunRequest { Target = Target(), Runs = [run], Seed = Seed },
            results,
            TestContext.CurrentContext.CancellationToken);
        CaseResult result = Regressions.Hint(results.Last!, Cases);
        switch (result.Verdict)
        {
            case Verdict.Pass or Verdict.NonStrict or Verdict.Informational or Verdict.KnownFailure:
                break;
            case Verdict.NotSupported or Verdict.NotApplicable:
                Assert.Ignore($"{result.Verdict}: {result.Observed}");
                break;
            default:
                Assert.Fail($"{result.Verdict} {result.FailureCode}: expected {result.Expected}; observed {result.Observed}\n{string.Concat(result.Hints.Select(h => h + "\n"))}{result.Log}");
                break;
        }
    }

    private static IDeviceTarget Target() =>
        Environment.GetEnvironmentVariable("VSOCKSPEC_TARGET") is { Length: > 0 } manifest
            ? TargetManifest.Load(manifest).ToTarget()
            : new ReferenceTarget(Mutant?.Id ?? "reference", Mutant is null ? () => new() : Mutant.Parts);

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
