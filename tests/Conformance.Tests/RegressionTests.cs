using System.Globalization;
using System.Text;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Conformance.Tests;

/// <summary>Bugs from the field and the cases that name them belong together, and the page about them says so.</summary>
public sealed class RegressionTests
{
    private const string Page = "docs/regressions.md";
    private static readonly RegressionRegister Register = RegressionRegister.Load();
    private static readonly Catalogue Catalogue = Catalogue.Of(typeof(CatalogueFixture).Assembly);

    [Test]
    public void Case_NamesABug_ThatIsInTheRegister()
    {
        string[] known = [.. Register.Regressions.Select(r => r.Id)];
        Assert.That(
            string.Join('\n', Catalogue.Cases.SelectMany(c => c.Attribute.Regressions
                .Where(id => Register.Find(id) is null)
                .Select(id => $"{c.Id} ({c.Name}) names '{id}', which suites/regressions/known-bugs.yaml does not have{Suggestion.For(id, known)}"))),
            Is.Empty);
    }

    [Test]
    public void Case_NamesABug_Once() =>
        Assert.That(Catalogue.Cases.Where(c => c.Attribute.Regressions.Distinct().Count() != c.Attribute.Regressions.Length).Select(c => c.Id), Is.Empty);

    [TestCaseSource(nameof(Bugs))]
    public void Bug_HasACase_OrAReasonWhyNone(Regression bug)
    {
        string[] cases = [.. RegressionRegister.CasesOf(bug, Catalogue).Select(c => c.Id)];
        Assert.That(
            cases.Length > 0,
            Is.EqualTo(bug.NotTriggerable is null),
            cases.Length > 0
                ? $"{bug.Id} is caught by {string.Join(", ", cases)}, and yet says why no case can; remove 'notTriggerable'"
                : $"no case names {bug.Id}; add Regressions = [\"{bug.Id}\"] to one, or say in 'notTriggerable' why none can catch it");
    }

    [Test]
    public void Bug_IsAboutADeviceOrADriver() =>
        Assert.That(Register.Regressions.Where(r => !r.Kinds.Intersect(["D", "Q", "C", "V"]).Any()).Select(r => r.Id), Is.Empty);

    /// <summary>UPDATE_SNAPSHOTS=1 writes the page.</summary>
    [Test]
    public void Page_IsThatOfTheRegister()
    {
        string page = Render();
        string file = Repository.PathOf(Page);
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            File.WriteAllText(file, page);
            return;
        }

        Assert.That(File.Exists(file) ? File.ReadAllText(file) : "", Is.EqualTo(page), $"{Page} is not what register and cases say; run with UPDATE_SNAPSHOTS=1");
    }

    private static IEnumerable<TestCaseData> Bugs() => Register.Regressions.Select(r => new TestCaseData(r).SetName($"{r.Id} has a case, or a reason why none"));

    private static string Render()
    {
        Regression[] caught = [.. Register.Regressions.Where(r => r.NotTriggerable is null)];
        Regression[] others = [.. Register.Regressions.Where(r => r.NotTriggerable is not null)];
        StringBuilder text = new();
        text.Append(
            "# Bugs from the field\n\n"
            + "Bugs that implementations of vsock really had, and the cases that would have caught them. When such a case fails, every report\n"
            + "gives the bug and its fix as a hint: the same was seen before, and this mended it. A hint is never part of the verdict.\n\n"
            + "The bugs are in `suites/regressions/known-bugs.yaml`; a case names those that it catches: `Regressions = [\"KB-A1\"]`. This page is made\n"
            + "from both (`UPDATE_SNAPSHOTS=1 dotnet run --project tests/Conformance.Tests`); `vsockspec list regressions` prints the same.\n\n"
            + "A probe asks where the specification is silent. It makes what the bug needs and records what it sees, but fails only when the device does\n"
            + "harm: loses data silently, lets a stranger in, dies or no longer answers.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"## {caught.Length} that cases catch\n\n| bug | in | what was wrong | what came of it | fix | cases |\n|---|---|---|---|---|---|\n");
        foreach (Regression r in caught)
        {
            string cases = string.Join(", ", RegressionRegister.CasesOf(r, Catalogue).Select(c => c.Attribute.Probe ? $"{c.Id} (probe)" : c.Id));
            text.Append(CultureInfo.InvariantCulture, $"| {r.Id} | {string.Join(", ", r.Components)} | {r.Title} | {r.Symptom} | {Links(r)} | {cases} |\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"\n## {others.Length} that no case of the raw driver can catch\n\n| bug | in | what was wrong | fix | why not |\n|---|---|---|---|---|\n");
        foreach (Regression r in others)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {r.Id} | {string.Join(", ", r.Components)} | {r.Title} | {Links(r)} | {r.NotTriggerable} |\n");
        }

        return text.ToString();
    }

    private static string Links(Regression bug) =>
        bug.Fixes.Count > 0 ? string.Join(", ", bug.Fixes.Select(Link)) : "none known; " + string.Join(", ", bug.Reports.Select(Link));

    private static string Link(string reference) =>
        reference.StartsWith("CVE-", StringComparison.Ordinal)
            ? $"[{reference}](https://www.cve.org/CVERecord?id={reference})"
            : $"[{reference[(reference.LastIndexOf('/') + 1)..]}]({reference})";
}
