using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Reference.Driver.Mutants;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Tests;

/// <summary>The published kill matrix is that of the mutants and cases that there are.</summary>
public sealed class PublishedKillMatrixTests
{
    private const string Remedy = "run 'vsockspec mutants --own --missing --publish suites/kill-matrix.json'";
    private static readonly Catalogue Catalogue = Catalogue.Of(typeof(CatalogueFixture).Assembly);
    private static readonly Suspect[] Mutants = [.. MutantCatalogue.All.Select(Suspect.Of), .. DriverMutantCatalogue.All.Select(Suspect.Of)];

    [Test]
    public void Matrix_HasEveryMutant_AndNoOther() =>
        Assert.That(
            Published().Mutants.Select(m => $"{m.Id} {m.Role} {m.Breaks}"), Is.EquivalentTo(Mutants.Select(m => $"{m.Id} {m.Role} {m.Breaks}")), Remedy);

    [Test]
    public void Matrix_EveryMutant_IsCaughtByACaseOfTheRequirementItBreaks() =>
        Assert.That(
            Published().Mutants.Where(m => m.KilledBy.Count == 0 || !m.KilledBy.All(id => Catalogue.Find(id) is { } info && info.Role == m.Role && info.Requirements.Contains(m.Breaks))).Select(m => m.Id),
            Is.Empty,
            Remedy);

    [Test]
    public void Matrix_ReadAndWrittenAgain_IsTheSame()
    {
        string file = Path.Combine(SuiteData.Folder, PublishedKillMatrix.FileName);
        Assert.That(Published().Render(), Is.EqualTo(File.ReadAllBytes(file)), "it was changed by hand");
    }

    private static PublishedKillMatrix Published() => PublishedKillMatrix.Load(Path.Combine(SuiteData.Folder, PublishedKillMatrix.FileName))
        ?? throw new AssertionException($"suites/{PublishedKillMatrix.FileName} is not there; {Remedy}");
}
