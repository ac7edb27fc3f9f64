using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class ExpectationsUpdateTests
{
    private const string Known = """
        # What the target is known to do wrong.
        expectations:
          # Told upstream twice.
          - case: "VSC-0001[split]"
            failureCode: credit-overrun
            reason: counts headers # not for long
            link: https://example.org/1
            owner: me
            expires: 2030-06-30

          # The other end.
          - case: "VSC-0002*"
            failureCode: 'no-rst'
            reason: says nothing
            link: https://example.org/2
            owner: you
            clause: "5.10"
            expires: 2030-12-31

        # The end.

        """;

    private static readonly DateOnly Today = new(2030, 6, 30);
    private static readonly UpdateTerms Terms = new("https://example.org/9", "us", new DateOnly(2031, 1, 31), Renew: false);

    [Test]
    public void Of_EntriesThatHold_LeavesTheFileAsItIs()
    {
        ExpectationsUpdate update = Update(Known, Result("VSC-0001[split]", "credit-overrun", Verdict.KnownFailure), Result("VSC-0002", "no-rst", Verdict.KnownFailure), Passed("VSC-0003"));
        Assert.That(update.Text, Is.EqualTo(Known));
        Assert.That(update.Done, Is.Empty);
        Assert.That(update.LeftOut, Is.Empty);
    }

    [Test]
    public void Of_RunWithoutTheirCases_LeavesEntriesAlone() => Assert.That(Update(Known, Passed("VSC-0003")).Text, Is.EqualTo(Known));

    [Test]
    public void Of_CaseThatPasses_DropsItsEntryWithItsComment()
    {
        ExpectationsUpdate update = Update(Known, Passed("VSC-0001[split]"), Result("VSC-0002", "no-rst"));
        Assert.That(update.Done, Is.EqualTo(["dropped VSC-0001[split]: credit-overrun"]));
        Assert.That(update.Text, Does.StartWith("# What the target is known to do wrong.\nexpectations:\n\n  # The other end.\n  - case: \"VSC-0002*\"\n").And.EndWith("# The end.\n"));
        Assert.That(update.Text, Does.Not.Contain("Told upstream"));
    }

    [Test]
    public void Of_NewFailure_IsAddedWithWhatWasSeen()
    {
        ExpectationsUpdate update = Update(Known, Result("VSC-0003[packed+event_idx]", "late: \"no\" answer", observed: "RST after 5 s: \"late\" # and\nmore"));
        Assert.That(update.Done, Is.EqualTo(["added VSC-0003[packed+event_idx]: late: \"no\" answer"]));
        Assert.That(update.Text, Does.StartWith(Known.TrimEnd('\n')).And.EndWith("""
              - case: "VSC-0003[packed+event_idx]"
                failureCode: "late: \"no\" answer"
                reason: "RST after 5 s: \"late\" # and more"
                link: "https://example.org/9"
                owner: "us"
                expires: 2031-01-31

            """));
    }

    [Test]
    public void Of_PatternOfWhichOnePartPasses_IsReplacedByTheRest()
    {
        ExpectationsUpdate update = Update(Known, Result("VSC-0002[split]", "no-rst", Verdict.KnownFailure), Passed("VSC-0002[packed]", Verdict.UnexpectedPass), Result("VSC-0002[packed+indirect]", "hang"));
        Assert.That(update.Done, Is.EqualTo(["dropped VSC-0002*: no-rst", "added VSC-0002[packed+indirect]: hang", "added VSC-0002[split]: no-rst"]));
        KnownFailure rest = Entries(update.Text).Single(e => e.Case == "VSC-0002[split]");
        Assert.That((rest.Reason, rest.Owner, rest.Clause, rest.Expires), Is.EqualTo(("says nothing", "you", "5.10", new DateOnly(2030, 12, 31))));
        Assert.That(Entries(update.Text).Single(e => e.FailureCode == "hang").Owner, Is.EqualTo("us"));
    }

    [Test]
    public void Of_CaseThatTheTargetDoesNotOffer_DropsItsEntry()
    {
        ExpectationsUpdate update = Update(Known, Passed("VSC-0002", Verdict.NotSupported), Passed("VSC-0001[split]", Verdict.NotApplicable));
        Assert.That(update.Done, Is.EqualTo(["dropped VSC-0002*: no-rst"]));
    }

    [Test]
    public void Of_EverythingPasses_IsAnEmptyListThatCanGrowAgain()
    {
        ExpectationsUpdate empty = Update(Known, Passed("VSC-0001[split]"), Passed("VSC-0002"));
        Assert.That(empty.Text, Does.Contain("expectations: []"));
        ExpectationsUpdate again = Update(empty.Text, Result("VSC-0001[split]", "x"));
        Assert.That(Entries(again.Text).Select(e => e.Case), Is.EqualTo(["VSC-0001[split]"]));
    }

    [Test]
    public void Of_FailuresWithoutFile_MakeOne()
    {
        ExpectationsUpdate update = ExpectationsUpdate.Of("f.yaml", null, "mine", [Result("VSC-0002", "no-rst"), Result("VSC-0001", "hang")], Terms, Today);
        Assert.That(update.Text, Does.StartWith("# What mine is known to do wrong; docs/manifest.md tells what the fields mean.\nexpectations:\n  - case: \"VSC-0001\"\n"));
        Assert.That(Entries(update.Text).Select(e => e.Case), Is.EqualTo(["VSC-0001", "VSC-0002"]));
    }

    [Test]
    public void Of_CaseThatFailsOnlySometimes_IsLeftOut()
    {
        ExpectationsUpdate update = Update(
            Known,
            Result("VSC-0003", "late"), Passed("VSC-0003") with { Repetition = 2 },
            Result("VSC-0002", "no-rst", Verdict.KnownFailure), Result("VSC-0002", "hang") with { Repetition = 2 },
            Result("VSC-0004", null!), Passed("VSC-0005", Verdict.HarnessError) with { FailureCode = "harness" });
        Assert.That(update.Text, Is.EqualTo(Known));
        Assert.That(update.LeftOut, Is.EqualTo([
            "VSC-0002: does not fail in one way (no-rst, hang); no entry would hold",
            "VSC-0003: does not fail in one way (late, Pass); no entry would hold",
            "VSC-0004: does not fail in one way (no failure code); no entry would hold",
            "VSC-0005: HarnessError (harness) is no failure of the target",
        ]));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Of_EntryThatHasExpired_IsRenewedOnlyWhenAskedTo(bool renew)
    {
        ExpectationsUpdate update = ExpectationsUpdate.Of("f.yaml", Known, "t", [Result("VSC-0001[split]", "credit-overrun")], Terms with { Renew = renew }, Today.AddDays(1));
        Assert.That(update.Text, Is.EqualTo(renew ? Known.Replace("2030-06-30", "2031-01-31", StringComparison.Ordinal) : Known));
        string[] leftOut = renew ? [] : ["VSC-0001[split]: expired on 2030-06-30 and still fails; give --expires to renew it"];
        Assert.That(update.LeftOut, Is.EqualTo(leftOut));
    }

    [TestCase(null, "us")]
    [TestCase("https://example.org", null)]
    public void Of_NewFailureWithoutLinkOrOwner_IsRefused(string? link, string? owner) =>
        Assert.That(
            () => ExpectationsUpdate.Of("f.yaml", Known, "t", [Result("VSC-0003", "late")], new UpdateTerms(link, owner, Today, false), Today),
            Throws.TypeOf<DataFileException>().With.Message.EqualTo("f.yaml: has no entry for VSC-0003, which fails as 'late'; give --owner and --link for new entries"));

    [TestCase("expectations: [{case: VSC-0002, failureCode: x, reason: r, link: l, owner: o, expires: 2030-12-31}]\n", ":1: this entry shares its line")]
    [TestCase("expectations:\n- case: VSC-0001\n  failureCode: x\n", ":2: field 'expectations[0].reason' is missing")]
    public void Of_FileThatCannotBeChangedEntryByEntry_IsRefused(string text, string message) =>
        Assert.That(() => Update(text, Result("VSC-0003", "late")), Throws.TypeOf<DataFileException>().With.Message.Contains("f.yaml" + message));

    [Test]
    public void Of_ListWithoutMargin_KeepsIt()
    {
        const string Flat = "expectations:\n- {case: VSC-0002, failureCode: x, reason: r, link: l, owner: o, expires: 2030-12-31}\n";
        ExpectationsUpdate update = Update(Flat, Result("VSC-0003", "late"));
        Assert.That(update.Text, Does.StartWith(Flat + "- case: \"VSC-0003\"\n"));
        Assert.That(Entries(update.Text), Has.Length.EqualTo(2));
    }

    private static ExpectationsUpdate Update(string text, params CaseResult[] results) => ExpectationsUpdate.Of("f.yaml", text, "t", results, Terms, Today);

    private static KnownFailure[] Entries(string text) => [.. Expectations.Parse("f.yaml", text).Select(e => e.Entry)];

    private static CaseResult Result(string name, string code, Verdict verdict = Verdict.Fail, string observed = "silence") =>
        Named(name) with { Verdict = verdict, FailureCode = code, Observed = observed };

    private static CaseResult Passed(string name, Verdict verdict = Verdict.Pass) => Named(name) with { Verdict = verdict };

    private static CaseResult Named(string name) =>
        Sample.Passed with { Id = name.Split('[')[0], Variant = name.Contains('[') ? name.Split('[')[1].TrimEnd(']') : "", Trace = null };
}
