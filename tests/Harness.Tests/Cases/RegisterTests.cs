using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class RegisterTests
{
    private const string Row =
        "requirements:\n  - id: A-1\n    role: device\n    level: MUST NOT\n    since: \"1.1\"\n    clause: \"1\"\n    label: l\n    text: t\n"
        + "    status: tested\n    listedInConformanceClause: true\n";

    [Test]
    public void Load_TheSuite_HasEveryRequirementAndSituation()
    {
        RequirementRegister register = RequirementRegister.Load();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(register.Requirements, Has.Count.EqualTo(176));
            Assert.That(register.Situations, Has.Count.EqualTo(78));
            Assert.That(register.LevelOf("VS-RXTX-DEV-2"), Is.EqualTo(RequirementLevel.Must));
            Assert.That(register.LevelOf("VQ-13"), Is.EqualTo(RequirementLevel.Should));
            Assert.That(register.LevelOf("VS-X-24"), Is.EqualTo(RequirementLevel.Described));
            Assert.That(register.LevelOf("B-05"), Is.EqualTo(RequirementLevel.May));
            Assert.That(register.Find("VS-X-01")!.Status, Is.EqualTo(RequirementStatus.Untestable));
            Assert.That(register.Find("VS-FLOW-DEV-1")!.ListedInConformanceClause, Is.False);
            Assert.That(register.Requirements.Where(r => r.Status != RequirementStatus.Tested), Has.All.Property(nameof(Requirement.Reason)).Not.Null);
            Assert.That(register.Hash, Has.Length.EqualTo(64));
        }
    }

    /// <summary>The set is closed: a row that comes, goes or changes whom and how much it binds is a decision.</summary>
    [Test]
    public void Load_TheSuite_IsTheClosedSet() => Snapshot.Match(
        string.Concat(RequirementRegister.Load().Requirements.OrderBy(r => r.Id, StringComparer.Ordinal).Select(r =>
            $"{r.Id}\t{r.Role}\t{r.Keyword}\t{r.Since}{(r.NormativeSince is { } rule ? $", a rule since {rule}" : "")}{(r.Until is { } last ? $", until {last}" : "")}\t{r.Status}\n")),
        "register.tsv");

    [TestCase("VS-FEAT-DEV-H1", "1.1", false)]
    [TestCase("VS-FEAT-DEV-H1", "1.2", true)]
    [TestCase("VS-FEAT-DEV-H1", "1.3", false)]
    [TestCase("VS-FEAT-DEV-2", "1.1", false)]
    [TestCase("VS-FEAT-DEV-2", "1.2", true)]
    [TestCase("VS-CRED-DEV-1", "1.0", false)]
    [TestCase("VS-CRED-DEV-1", "1.4", true)]
    [TestCase("VU-01", "1.4", false)]
    [TestCase("VK-01", "1.4", false)]
    public void AppliesIn_RowAndVersion_FollowsSinceAndUntil(string id, string version, bool applies)
    {
        Assert.That(VirtioVersion.TryParse(version, out VirtioVersion parsed));
        Assert.That(RequirementRegister.Load().Find(id)!.AppliesIn(parsed), Is.EqualTo(applies));
    }

    [Test]
    public void LevelOf_UnknownId_OffersTheNearest() =>
        Assert.That(
            () => RequirementRegister.Load().LevelOf("VS-RXTX-DEV-9"),
            Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("did you mean 'VS-RXTX-DEV-"));

    [TestCase("level: MUST NOT", "level: OUGHT", ":4: field 'requirements[0].level' is 'OUGHT'")]
    [TestCase("role: device", "role: vmm", ":3: field 'requirements[0].role' is 'vmm'")]
    [TestCase("status: tested", "status: later", ":9: field 'requirements[0].status' is 'later'; write tested, or one of")]
    [TestCase("status: tested", "status: \"later: no time\"", ":9: field 'requirements[0].status' is 'later: no time'; write tested, or one of")]
    [TestCase("status: tested", "status: \"duplicate-of: A-2\"", ":9: field 'requirements[0].status' names 'A-2', which the register does not have (did you mean 'A-1'?)")]
    [TestCase("status: tested", "status: \"duplicate-of: A-1\"", ":9: field 'requirements[0].status' names 'A-1', which is a duplicate itself")]
    [TestCase("since: \"1.1\"", "since: \"1.1 (prose)\"", ":5: field 'requirements[0].since' is '1.1 (prose)'; write a version of virtio (1.0, 1.1, 1.2, 1.3, 1.4), 'QEMU'")]
    [TestCase("since: \"1.1\"", "since: \"1.5\"", ":5: field 'requirements[0].since' is '1.5'")]
    [TestCase("since: \"1.1\"", "since: QEMU main", ":5: field 'requirements[0].since' is 'QEMU main'")]
    [TestCase("since: \"1.1\"", "since: \"1.1\"\n    until: \"1.0\"", ":6: field 'requirements[0].until' is '1.0'; write a version of virtio (1.0, 1.1, 1.2, 1.3, 1.4) that is not earlier than")]
    [TestCase("since: \"1.1\"", "since: \"1.1\"\n    normativeSince: \"1.1\"", ":6: field 'requirements[0].normativeSince' is '1.1'; write a version of virtio (1.0, 1.1, 1.2, 1.3, 1.4) that is later than")]
    [TestCase("since: \"1.1\"", "since: Linux uapi\n    until: \"1.2\"", ":6: field 'requirements[0].until' is '1.2'")]
    [TestCase("status: tested", "state: tested", ":9: unknown field 'requirements[0].state' (did you mean 'status'?)")]
    [TestCase("    text: t\n", "", ":2: field 'requirements[0].text' is missing")]
    [TestCase("listedInConformanceClause: true", "listedInConformanceClause: yes", ":10: field 'requirements[0].listedInConformanceClause' is 'yes'; write true or false")]
    public void Load_WrongRow_NamesFileLineAndField(string good, string bad, string message)
    {
        using Scratch scratch = new();
        scratch.Write("a.yaml", Row.Replace(good, bad, StringComparison.Ordinal));

        Assert.That(() => RequirementRegister.Load(scratch.Path), Throws.TypeOf<DataFileException>().With.Message.Contains("a.yaml" + message));
    }

    [Test]
    public void Load_IdInTwoFiles_NamesBoth()
    {
        using Scratch scratch = new();
        scratch.Write("a.yaml", Row);
        scratch.Write("b.yaml", Row);

        Assert.That(
            () => RequirementRegister.Load(scratch.Path),
            Throws.TypeOf<DataFileException>().With.Message.Contains("b.yaml:2: field 'requirements[0].id' is 'A-1', which a.yaml has already"));
    }

    [TestCase("VSC-01*", "VSC-0101[split]", true)]
    [TestCase("VSC-0101[split]", "VSC-0101[split]", true)]
    [TestCase("vsc-01?1*", "VSC-0101", true)]
    [TestCase("*", "", true)]
    [TestCase("", "", true)]
    [TestCase("*Credit*Wrap*", "CreditCases.CreditRequest_AfterWrap_IsAnswered", true)]
    [TestCase("VSC-0101", "VSC-0101[split]", false)]
    [TestCase("*x", "VSC-0101", false)]
    [TestCase("", "a", false)]
    [TestCase("a*b*c", "a-b-b-d", false)]
    public void Matches_PatternAndName_AsDocumented(string pattern, string name, bool expected) =>
        Assert.That(Glob.Matches(pattern, name), Is.EqualTo(expected));
}
