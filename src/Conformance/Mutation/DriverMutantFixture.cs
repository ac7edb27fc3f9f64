using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Reference.Driver.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Mutation;

/// <summary>
/// Every mutant of the reference driver is caught by the cases that <see cref="DriverProofs"/> names, one of them of the requirement it breaks, and every case about
/// drivers that judges catches one: the proof that they can fail.
/// </summary>
[TestFixture]
[Category("mutants")]
[Parallelizable(ParallelScope.Children)]
public sealed class DriverMutantFixture
{
    private static readonly Catalogue Cases = Catalogue.Of(typeof(DriverMutantFixture).Assembly);
    private static readonly KillMatrix Matrix = new([.. Cases.RunsOnDrivers], RequirementRegister.Load(), seed: 1);

    public static IEnumerable<TestCaseData> Mutants() =>
        DriverMutantCatalogue.All.Select(m => new TestCaseData(m).SetName($"driver {m.Id} breaks {m.Breaks}").SetProperty("Requirement", m.Breaks));

    [TestCaseSource(nameof(Mutants))]
    public void Mutant_BreaksOneRule_IsCaught(DriverMutant mutant)
    {
        IReadOnlyList<string> missed = Matrix.Missed(Suspect.Of(mutant), DriverProofs.Of(mutant.Id), TestContext.CurrentContext.CancellationToken);
        Assert.That(missed, Is.Empty, $"{mutant.Summary} These cases did not notice.");
    }

    [Test]
    public void Proofs_NameEveryMutant_WithACaseOfTheRequirementItBreaks()
    {
        Assert.That(DriverProofs.Mutants, Is.EquivalentTo(DriverMutantCatalogue.All.Select(m => m.Id)));
        Assert.That(
            DriverMutantCatalogue.All.Where(m => !DriverProofs.Of(m.Id).Any(id => Cases.Find(id) is { } known && known.Requirements.Contains(m.Breaks))).Select(m => $"{m.Id} breaks {m.Breaks}"),
            Is.Empty);
    }

    [Test]
    public void Proofs_NameEveryCaseThatJudgesADriver()
    {
        string[] proven = [.. DriverProofs.Mutants.SelectMany(DriverProofs.Of).Distinct()];
        CaseInfo[] all = [.. Cases.Cases.Where(c => c.Role == TargetRole.Driver)];
        Assert.That(all.Where(c => !c.Attribute.Probe).Select(c => c.Id).Except(proven), Is.Empty, "cases that catch no mutant: what is it that they judge?");
        Assert.That(proven.Except(all.Select(c => c.Id)), Is.Empty, "cases that are not about a driver, or not there");
    }
}
