using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class ExpectationsTests
{
    private const string Entry =
        "expectations:\n  - case: VSC-0001*\n    failureCode: credit-overrun\n    reason: counts headers\n    link: https://example.org/1\n    owner: me\n    expires: 2030-06-30\n";

    private static readonly CaseResult Failed = Sample.Failed with { Id = "VSC-0001" };

    [TestCase(Verdict.Fail, "credit-overrun", "2030-06-30", Verdict.KnownFailure)]
    [TestCase(Verdict.Fail, "credit-overrun", "2030-07-01", Verdict.Fail)]
    [TestCase(Verdict.Fail, "no-rst", "2030-06-30", Verdict.Fail)]
    [TestCase(Verdict.Pass, null, "2030-06-30", Verdict.UnexpectedPass)]
    [TestCase(Verdict.NonStrict, null, "2030-06-30", Verdict.UnexpectedPass)]
    [TestCase(Verdict.NotSupported, null, "2030-06-30", Verdict.NotSupported)]
    [TestCase(Verdict.Informational, null, "2030-06-30", Verdict.UnexpectedPass)]
    [TestCase(Verdict.NotApplicable, null, "2030-06-30", Verdict.NotApplicable)]
    [TestCase(Verdict.HarnessError, null, "2030-06-30", Verdict.HarnessError)]
    [TestCase(Verdict.Inconclusive, null, "2030-06-30", Verdict.Inconclusive)]
    public void Apply_ResultOfAKnownFailure_CountsAsDesigned(Verdict verdict, string? code, string today, Verdict expected)
    {
        CaseResult result = Load(Entry, today).Apply(Failed with { Verdict = verdict, FailureCode = code });
        Assert.That(result.Verdict, Is.EqualTo(expected));
    }

    [TestCase(Verdict.Fail, "credit-overrun", "2030-06-30")]
    [TestCase(Verdict.Fail, "credit-overrun", "2030-07-01")]
    [TestCase(Verdict.Fail, "no-rst", "2030-06-30")]
    [TestCase(Verdict.Pass, null, "2030-06-30")]
    [TestCase(Verdict.NotSupported, null, "2030-06-30")]
    public void ObservedAlone_ResultThatWasAppliedTo_IsWhatWasSeen(Verdict verdict, string? code, string today)
    {
        CaseResult seen = Failed with { Verdict = verdict, FailureCode = code, Observed = "5000 bytes; then nothing" };
        CaseResult applied = Load(Entry, today).Apply(seen);
        Assert.That(applied.Observed, Does.StartWith("5000 bytes; then nothing; "));
        Assert.That(Expectations.ObservedAlone(applied), Is.EqualTo("5000 bytes; then nothing"));
        Assert.That(Expectations.ObservedAlone(Load(Entry, today).Apply(seen with { Observed = null })), Is.Null);
        Assert.That(Expectations.ObservedAlone(seen), Is.EqualTo(seen.Observed));
    }

    [TestCase("2030-06-30", "", null)]
    [TestCase("2030-06-30", "KnownFailure", null)]
    [TestCase("2030-06-30", "KnownFailure NotSupported", null)]
    [TestCase("2030-06-30", "UnexpectedPass", null)]
    [TestCase("2030-06-30", "NotApplicable", null)]
    [TestCase("2030-06-30", "NotSupported NotApplicable", "matches only cases that need what the target does not offer; remove it")]
    [TestCase("2030-07-01", "Fail", "expired on 2030-06-30; renew or remove it")]
    [TestCase("2030-07-01", "NotApplicable", "expired on 2030-06-30; renew or remove it")]
    [TestCase("2030-07-01", "", null)]
    public void Account_EntryAndItsResults_SaysWhatIsWrong(string today, string verdicts, string? problem)
    {
        CaseResult[] results = [.. verdicts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => Failed with { Verdict = Enum.Parse<Verdict>(v) }), Sample.Failed];
        ExpectationUse use = Load(Entry, today).Account(results).Single();
        Assert.That(use.Problem(), Is.EqualTo(problem));
        Assert.That(use.Results.Values.Sum(), Is.EqualTo(results.Length - 1));
    }

    [Test]
    public void Load_TwoEntriesForOneCase_AreRefused() =>
        Assert.That(
            () => Load(Entry + Entry["expectations:\n".Length..].Replace("VSC-0001*", "\"VSC-0001[packed*]\"", StringComparison.Ordinal), "2030-01-01"),
            Throws.TypeOf<DataFileException>().With.Message.Contains(":8: field 'expectations[1].case' is 'VSC-0001[packed*]', which matches VSC-0001[packed+indirect], as 'VSC-0001*' does already"));

    [Test]
    public void Apply_ResultOfAnotherCase_IsLeftAlone() =>
        Assert.That(Load(Entry, "2030-01-01").Apply(Sample.Failed), Is.SameAs(Sample.Failed));

    [TestCase("case: VSC-0001*", "case: VSC-0999", ":2: field 'expectations[0].case' is 'VSC-0999', which matches no case")]
    [TestCase("expires: 2030-06-30", "expires: never", ":7: field 'expectations[0].expires' is 'never'; write a date")]
    [TestCase("    owner: me\n", "", ":2: field 'expectations[0].owner' is missing")]
    [TestCase("    link: https://example.org/1\n", "", ":2: field 'expectations[0].link' is missing")]
    public void Load_WrongEntry_NamesFileLineAndField(string good, string bad, string message) =>
        Assert.That(
            () => Load(Entry.Replace(good, bad, StringComparison.Ordinal), "2030-01-01"),
            Throws.TypeOf<DataFileException>().With.Message.Contains(message));

    /// <summary>Only the programs of an adopted suite know which tests there are; here none is run.</summary>
    [TestCase("LVT-18[guest-client]")]
    [TestCase("lvd-0?*")]
    [TestCase("LV*")]
    public void Load_EntryForAnAdoptedSuite_IsTakenAsItIs(string pattern)
    {
        Expectations expectations = Load(Entry.Replace("VSC-0001*", $"\"{pattern}\"", StringComparison.Ordinal), "2030-01-01");
        Assert.That(expectations.Apply(Failed).Verdict, Is.EqualTo(Verdict.Fail));
    }

    [TestCase("LVX-01")]
    [TestCase("LV")]
    public void Load_EntryForNoSuite_IsRefused(string pattern) =>
        Assert.That(
            () => Load(Entry.Replace("VSC-0001*", pattern, StringComparison.Ordinal), "2030-01-01"),
            Throws.TypeOf<DataFileException>().With.Message.Contains($"is '{pattern}', which matches no case"));

    private static Expectations Load(string yaml, string today)
    {
        using Scratch scratch = new();
        return Expectations.Load(scratch.Write("known.yaml", yaml), Catalogue.Of(typeof(ExpectationsTests).Assembly).Runs, DateOnly.Parse(today));
    }
}

[Area("samples")]
public static class SampleCases
{
    [Case("VSC-0001", "VS-CRED-DEV-1", Title = "Data stays within the window", Vary = Vary.Rings)]
    public static void Data_Always_StaysWithinTheWindow(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-0002", "VS-X-22", Title = "A window that shrinks stops the sender", Regressions = ["KB-X1"])]
    public static void Window_Shrinks_SenderStops(CaseContext c) => ArgumentNullException.ThrowIfNull(c);
}
