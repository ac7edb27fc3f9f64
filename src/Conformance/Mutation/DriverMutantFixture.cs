using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Reference.Driver.Mutants;

namespace Vsockspec.Conformance.Mutation;

/// <summary>Every mutant of the reference driver is caught by a case of the requirement it breaks: the proof that the cases about drivers can fail.</summary>
[TestFixture]
[Category("mutants")]
public sealed class DriverMutantFixture
{
    private static readonly KillMatrix Matrix = new([.. Catalogue.Of(typeof(DriverMutantFixture).Assembly).RunsOnDrivers], RequirementRegister.Load(), seed: 1);

    public static IEnumerable<TestCaseData> Mutants() =>
        DriverMutantCatalogue.All.Select(m => new TestCaseData(m).SetName($"driver {m.Id} breaks {m.Breaks}").SetProperty("Requirement", m.Breaks));

    [TestCaseSource(nameof(Mutants))]
    public void Mutant_BreaksOneRule_IsCaught(DriverMutant mutant)
    {
        MutantFate fate = Matrix.Judge(Suspect.Of(mutant), KillScope.Own, TestContext.CurrentContext.CancellationToken);
        Assert.That(fate.KilledByOwn, Is.True, $"{mutant.Summary} No case of {mutant.Breaks} noticed.");
    }
}
