using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class RegressionTests
{
    private const string Row =
        "regressions:\n  - id: KB-X1\n    components: [linux]\n    title: The window wraps\n    symptom: s\n    kinds: [D, V]\n"
        + "    fixes: [CVE-2030-12345, \"https://example.org/c/1\"]\n";

    private static readonly Catalogue Catalogue = Catalogue.Of(typeof(RegressionTests).Assembly);

    [TestCase("id: KB-X1", "id: X1", ":2: field 'regressions[0].id' is 'X1'; write KB-, a letter and a number")]
    [TestCase("components: [linux]", "components: []", ":3: field 'regressions[0].components' is missing or empty")]
    [TestCase("    title: The window wraps\n", "", ":2: field 'regressions[0].title' is missing")]
    [TestCase("kinds: [D, V]", "kinds: [D, W]", ":6: field 'regressions[0].kinds' has 'W'; write one of D, Q, C, V, S, L, H")]
    [TestCase("kinds: [D, V]", "kind: [D, V]", ":6: unknown field 'regressions[0].kind' (did you mean 'kinds'?)")]
    [TestCase("CVE-2030-12345", "CVE-30-1", ":7: field 'regressions[0].fixes' has 'CVE-30-1'; write a CVE id or an https link")]
    [TestCase("https://example.org/c/1", "http://example.org/c/1", "has 'http://example.org/c/1'; write a CVE id or an https link")]
    [TestCase("https://example.org/c/1", "https://example.org", "has 'https://example.org'; write a CVE id or an https link")]
    [TestCase("[CVE-2030-12345, \"https://example.org/c/1\"]", "[]", ":7: field 'regressions[0].fixes' is empty, and so is 'reports'")]
    [TestCase("fixes: [CVE-2030-12345", "reports: [CVE-2030-12345", ":7: field 'regressions[0].reports' has 'CVE-2030-12345'; write an https link")]
    public void Load_WrongRow_NamesFileLineAndField(string good, string bad, string message) =>
        Assert.That(
            () => Load(Row.Replace(good, bad, StringComparison.Ordinal)),
            Throws.TypeOf<DataFileException>().With.Message.Contains("known-bugs.yaml:").And.Message.Contains(message));

    [Test]
    public void Load_SameIdTwice_IsRefused() =>
        Assert.That(
            () => Load(Row + Row["regressions:\n".Length..]),
            Throws.TypeOf<DataFileException>().With.Message.Contains(":8: field 'regressions[1].id' is 'KB-X1', which another row has already"));

    [Test]
    public void Load_NoFile_NamesIt()
    {
        using Scratch scratch = new();
        Assert.That(() => RegressionRegister.Load(scratch.Path), Throws.TypeOf<DataFileException>().With.Message.EndsWith("known-bugs.yaml: no such file"));
    }

    [TestCase(Verdict.Fail, true)]
    [TestCase(Verdict.NonStrict, true)]
    [TestCase(Verdict.KnownFailure, true)]
    [TestCase(Verdict.Pass, false)]
    [TestCase(Verdict.Informational, false)]
    [TestCase(Verdict.HarnessError, false)]
    public void Hint_ResultOfACaseThatNamesABug_IsGivenOnFailureOnly(Verdict verdict, bool hinted)
    {
        CaseResult result = Load(Row).Hint(Sample.Failed with { Id = "VSC-0002", Verdict = verdict, Hints = [] }, Catalogue);

        Assert.That(result.Verdict, Is.EqualTo(verdict));
        Assert.That(
            result.Hints.Select(h => h.ToString()),
            Is.EqualTo(hinted ? ["seen before: The window wraps, fixed by CVE-2030-12345 https://example.org/c/1"] : Array.Empty<string>()));
    }

    [Test]
    public void Hint_BugWithoutFix_NamesTheReport()
    {
        RegressionRegister register = Load(Row.Replace("fixes: [CVE-2030-12345, ", "reports: [", StringComparison.Ordinal));
        CaseResult result = register.Hint(Sample.Failed with { Id = "VSC-0002" }, Catalogue);
        Assert.That(result.Hints.Single().ToString(), Is.EqualTo("seen before: The window wraps, reported in https://example.org/c/1"));
    }

    [TestCase("VSC-0001")]
    [TestCase("VSC-9999")]
    public void Hint_ResultOfAnotherCase_IsLeftAlone(string id)
    {
        CaseResult result = Sample.Failed with { Id = id, Hints = [] };
        Assert.That(Load(Row).Hint(result, Catalogue), Is.SameAs(result));
    }

    private static RegressionRegister Load(string yaml)
    {
        using Scratch scratch = new();
        Directory.CreateDirectory(Path.Combine(scratch.Path, "regressions"));
        scratch.Write("regressions/known-bugs.yaml", yaml);
        return RegressionRegister.Load(scratch.Path);
    }
}
