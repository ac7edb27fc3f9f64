using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Reference.Mutants;

namespace Vsockspec.Conformance.Mutation;

/// <summary>Every mutant of the reference device is caught by a case of the requirement it breaks: the proof that the cases can fail.</summary>
[TestFixture]
[Category("mutants")]
[Parallelizable(ParallelScope.Children)]
public sealed class MutantFixture
{
    private static readonly KillMatrix Matrix = new([.. Catalogue.Of(typeof(MutantFixture).Assembly).RunsOver("vhost-user")], RequirementRegister.Load(), seed: 1);

    public static IEnumerable<TestCaseData> Mutants() =>
        MutantCatalogue.All.Select(m => new TestCaseData(m).SetName($"{m.Id} breaks {m.Breaks}").SetProperty("Requirement", m.Breaks));

    [TestCaseSource(nameof(Mutants))]
    public void Mutant_BreaksOneRule_IsCaught(Mutant mutant)
    {
        MutantFate fate = Matrix.Judge(Suspect.Of(mutant), KillScope.Own, TestContext.CurrentContext.CancellationToken);
        Assert.That(fate.KilledByOwn, Is.True, $"{mutant.Summary} No case of {mutant.Breaks} noticed.");
    }
}
