using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Reference.Driver.Mutants;

namespace Vsockspec.Conformance.Tests;

/// <summary>A target that is held to a version of virtio is not found at fault for later rules.</summary>
public sealed class SpecificationTests
{
    private const string Rule = "VS-X-11";
    private static readonly Catalogue Cases = Catalogue.Of(typeof(CatalogueFixture).Assembly);

    [TestCase(null, true)]
    [TestCase("1.2", false)]
    [TestCase("1.3", true)]
    public void Run_DriverThatBreaksARuleOfVersion13_IsFoundAtFaultFromThenOn(string? version, bool found)
    {
        Suspect mutant = Suspect.Of(DriverMutantCatalogue.All.First(m => m.Id == "driver-len-on-control"));
        Results results = new();
        new SuiteRunner(RequirementRegister.Load()).Run(
            new RunRequest
            {
                Target = mutant.Target(),
                Runs = [Cases.RunsOnDrivers.First(r => r.Case.Requirements[0] == "VS-X-28" && r.Case.Attribute.Isolation == Isolation.Session)],
                Seed = 1,
                Specification = version is not null && VirtioVersion.TryParse(version, out VirtioVersion parsed) ? parsed : null,
            },
            results,
            TestContext.CurrentContext.CancellationToken);

        Assert.That(results.Last!.Findings.Any(f => f.Requirement == Rule), Is.EqualTo(found), results.Last.Observed);
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
