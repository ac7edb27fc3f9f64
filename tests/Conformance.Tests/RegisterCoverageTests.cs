using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Conformance.Tests;

/// <summary>The register, the cases and the list of published cases say the same.</summary>
public sealed class RegisterCoverageTests
{
    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private static readonly Catalogue Catalogue = Catalogue.Of(typeof(CatalogueFixture).Assembly);
    private static readonly ILookup<string, CaseInfo> CasesById =
        Catalogue.Cases.SelectMany(c => c.Requirements.Select(id => (id, c))).ToLookup(p => p.id, p => p.c, StringComparer.Ordinal);

    /// <summary>The event queue of a vhost device stays with the VMM, so that nothing of it reaches the back-end.</summary>
    private static readonly (string, TargetRole)[] CannotBeAsked = [("VS-X-41", TargetRole.Device)];

    [Test]
    public void Case_NamesARequirement_ThatIsInTheRegister()
    {
        string[] known = [.. Register.Requirements.Select(r => r.Id), .. Register.Situations.Select(s => s.Id)];
        Assert.That(
            string.Join('\n', Catalogue.Cases.SelectMany(c => c.Requirements
                .Where(id => !Register.Knows(id))
                .Select(id => $"{c.Id} ({c.Name}) names '{id}', which the register does not have{Suggestion.For(id, known)}"))),
            Is.Empty);
    }

    [Test]
    public void Case_NamesARequirement_Once() =>
        Assert.That(Catalogue.Cases.Where(c => c.Requirements.Count == 0 || c.Requirements.Distinct().Count() != c.Requirements.Count).Select(c => c.Id), Is.Empty);

    [TestCaseSource(nameof(Requirements))]
    public void Requirement_HasACase_OrAReasonWhyNone(Requirement requirement)
    {
        string[] cases = [.. CasesById[requirement.Id].Select(c => c.Id)];
        Assert.That(
            cases.Length > 0,
            Is.EqualTo(requirement.Status == RequirementStatus.Tested),
            cases.Length > 0
                ? $"{requirement.Id} is judged by {string.Join(", ", cases)}, and yet the register says '{requirement.Reason}'; write 'status: tested'"
                : $"no case judges {requirement.Id}; write one, or say in the register why there is none");
    }

    /// <summary>What binds both sides is asked of both. (A rule for drivers may be asked of devices too: what they do when it is broken.)</summary>
    [TestCaseSource(nameof(Requirements))]
    public void Requirement_IsAskedOf_WhomItBinds(Requirement requirement)
    {
        TargetRole[] bound = requirement.Role switch
        {
            RequirementRole.Driver => [TargetRole.Driver],
            RequirementRole.Both => [TargetRole.Device, TargetRole.Driver],
            _ => [TargetRole.Device],
        };
        TargetRole[] asked = [.. CasesById[requirement.Id].Select(c => c.Role).Distinct()];
        Assert.That(
            requirement.Status == RequirementStatus.Tested ? bound.Except(asked).Where(side => !CannotBeAsked.Contains((requirement.Id, side))) : [],
            Is.Empty,
            $"{requirement.Id} ({requirement.Text}) is never asked of them");
    }

    [Test]
    public void PublishedCase_KeepsItsIdAndName() =>
        Assert.That(string.Join('\n', ShippedCases.Load(SuiteData.Folder).Broken(Catalogue)), Is.Empty);

    /// <summary>UPDATE_SNAPSHOTS=1 appends them; what the list has is never changed.</summary>
    [Test]
    public void Case_IsInTheListOfPublishedOnes()
    {
        CaseInfo[] missing = [.. ShippedCases.Load(SuiteData.Folder).NotYetIn(Catalogue)];
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            string version = SuiteIdentity.Of(Catalogue, Register, SuiteData.Folder).Version;
            File.AppendAllLines(
                Repository.PathOf(Path.Combine("suites", ShippedCases.FileName)), missing.Select(c => new ShippedCase(c.Id, c.Name, version).ToString()));
            return;
        }

        Assert.That(missing.Select(c => $"{c.Id} {c.Name}"), Is.Empty, $"run with UPDATE_SNAPSHOTS=1 to append them to suites/{ShippedCases.FileName}, when id and name are to stay");
    }

    public static IEnumerable<TestCaseData> Requirements() => Register.Requirements.Select(r => new TestCaseData(r).SetArgDisplayNames(r.Id));
}
