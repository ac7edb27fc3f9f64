using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;

namespace Vsockspec.Cli.Tests;

public sealed class ExpectTests
{
    [Test]
    public void Update_FirstList_MakesTheNextRunPassUntilItExpires()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id is "VSC-0101" or "VSC-0202" ? Verdict.Fail : Verdict.Pass };
        string manifest = Manifest(terminal);
        Assert.That(terminal.Run("run", "--target", manifest, "--repeat", "2", "--out", terminal.PathOf("b1")), Is.EqualTo(1));

        Assert.That(Update(terminal, "b1"), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.Contain("added VSC-0101[packed]: no-rst\nadded VSC-0101[split]: no-rst\nadded VSC-0202: no-rst\n"));
        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b2")), Is.Zero, terminal.Error);
        Assert.That(Open(terminal, "b2").Summary.ByVerdict[Verdict.KnownFailure], Is.EqualTo(3));
        Assert.That(File.ReadAllText(terminal.PathOf("b2/summary.md")), Does.Contain("| VSC-0202 | no-rst | silence for 5000 ms (https://example.org/1) | me | ").And.Contain(" | 1 KnownFailure |"));

        Assert.That(Update(terminal, "b2"), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.EndWith("known.yaml: nothing to change\n"));
    }

    [Test]
    public void Update_TargetThatWasMended_DropsWhatPasses()
    {
        bool mended = false;
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0202" || (run.Case.Id == "VSC-0101" && !mended) ? Verdict.Fail : Verdict.Pass };
        string manifest = Manifest(terminal);
        terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b1"));
        Update(terminal, "b1");
        mended = true;
        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b2")), Is.EqualTo(1));
        Assert.That(terminal.Out, Does.Contain("UnexpectedPass VSC-0101[split]").And.Contain("passed, but is known to fail: silence for 5000 ms (https://example.org/1, me); remove the entry"));

        Assert.That(terminal.Run("expect", "update", terminal.PathOf("b2")), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.Contain("dropped VSC-0101[packed]: no-rst\n"));
        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b3")), Is.Zero, terminal.Error);
    }

    [Test]
    public void Run_EntryOfACaseThatTheTargetDoesNotOffer_FailsAndIsTold()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0202" ? Verdict.NotSupported : Verdict.Pass };
        string manifest = Manifest(terminal, "expectations:\n  - {case: VSC-0202, failureCode: no-rst, reason: r, link: l, owner: me, expires: 9999-12-31}\n");
        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b")), Is.EqualTo(1));
        const string Problem = "matches only cases that need what the target does not offer; remove it";
        Assert.That(terminal.Out, Does.Contain($"known failures VSC-0202  {Problem} (me, l)\n"));
        Assert.That(File.ReadAllText(terminal.PathOf("b/summary.md")), Does.Contain($"1 NotSupported; **{Problem}**"));
        Assert.That(terminal.Run("report", terminal.PathOf("b")), Is.EqualTo(1), "a bundle that is read again says the same");

        Assert.That(terminal.Run("run", "--target", manifest, "--case", "VSC-0101", "--out", terminal.PathOf("c")), Is.Zero, "an entry that the run never came to is not judged");
    }

    [Test]
    public void Merge_ShardsWithKnownFailures_JudgesTheEntriesOfTheWhole()
    {
        using Terminal terminal = new() { Judge = run => run.FullName switch { "VSC-0101[split]" => Verdict.NotSupported, "VSC-0101[packed]" => Verdict.Fail, _ => Verdict.Pass } };
        string manifest = Manifest(terminal, "expectations:\n  - {case: VSC-0101*, failureCode: no-rst, reason: r, link: l, owner: me, expires: 9999-12-31}\n");
        int[] codes = [.. Enumerable.Range(1, 2).Select(i => terminal.Run("run", "--target", manifest, "--seed", "1", "--shard", $"{i}/2", "--out", terminal.PathOf($"{i}")))];
        Assert.That(codes, Is.EqualTo([1, 0]), "a shard sees only its own cases");
        Assert.That(terminal.Run("merge", terminal.PathOf("1"), terminal.PathOf("2"), "--out", terminal.PathOf("m")), Is.Zero, terminal.Out);
        Assert.That(Open(terminal, "m").Expectations!.Entries.Single().Results, Is.EqualTo(new Dictionary<Verdict, int> { [Verdict.KnownFailure] = 1, [Verdict.NotSupported] = 1 }));
    }

    [Test]
    public void Update_NewFailureWithoutOwner_SaysWhatToGiveAndLeavesTheFile()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0102" ? Verdict.Fail : Verdict.Pass };
        terminal.Run("run", "--target", Manifest(terminal), "--out", terminal.PathOf("b"));
        Assert.That(terminal.Run("expect", "update", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("known.yaml: has no entry for VSC-0102, which fails as 'no-rst'; give --owner and --link"));
        Assert.That(File.ReadAllText(terminal.PathOf("known.yaml")), Is.EqualTo("expectations: []\n"));
    }

    [TestCase("--expires 2001-01-01", "--expires 2001-01-01: is over already")]
    [TestCase("--expires soon", "--expires soon: write a date")]
    public void Update_WrongDate_IsRefused(string options, string message)
    {
        using Terminal terminal = new();
        terminal.Run("run", "--target", Manifest(terminal), "--out", terminal.PathOf("b"));
        Assert.That(terminal.Run(["expect", "update", terminal.PathOf("b"), .. options.Split(' ')]), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain(message));
    }

    [Test]
    public void Update_ManifestThatNamesNoFile_AsksForOne()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--out", terminal.PathOf("b"));
        Assert.That(terminal.Run("expect", "update", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("the manifest of reference names no expectations file; give --file"));
    }

    private static int Update(Terminal terminal, string bundle) =>
        terminal.Run("expect", "update", terminal.PathOf(bundle), "--owner", "me", "--link", "https://example.org/1", "--expires", "9999-12-31");

    private static string Manifest(Terminal terminal, string known = "expectations: []\n")
    {
        terminal.Write("known.yaml", known);
        return terminal.Write("t.yaml", "name: x\nrole: device\ntransport: vhost-user\nlaunch: {command: [sh, \"{socket}\"]}\nexpectations: known.yaml\n");
    }

    private static RunReport Open(Terminal terminal, string bundle) => Bundle.Open(terminal.PathOf(bundle), RequirementRegister.Load());
}
