using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class ExpectationsTests
{
    private const string Entry =
        "expectations:\n  - case: VSC-0001*\n    failureCode: credit-overrun\n    reason: counts headers\n    link: https://example.org/1\n    expires: 2030-06-30\n";

    private static readonly CaseResult Failed = Sample.Failed with { Id = "VSC-0001" };

    [TestCase(Verdict.Fail, "credit-overrun", "2030-06-30", Verdict.KnownFailure)]
    [TestCase(Verdict.Fail, "credit-overrun", "2030-07-01", Verdict.Fail)]
    [TestCase(Verdict.Fail, "no-rst", "2030-06-30", Verdict.Fail)]
    [TestCase(Verdict.Pass, null, "2030-06-30", Verdict.UnexpectedPass)]
    [TestCase(Verdict.NonStrict, null, "2030-06-30", Verdict.UnexpectedPass)]
    [TestCase(Verdict.NotSupported, null, "2030-06-30", Verdict.NotSupported)]
    [TestCase(Verdict.HarnessError, null, "2030-06-30", Verdict.HarnessError)]
    public void Apply_ResultOfAKnownFailure_CountsAsDesigned(Verdict verdict, string? code, string today, Verdict expected)
    {
        CaseResult result = Load(Entry, today).Apply(Failed with { Verdict = verdict, FailureCode = code });
        Assert.That(result.Verdict, Is.EqualTo(expected));
    }

    [Test]
    public void Apply_ResultOfAnotherCase_IsLeftAlone() =>
        Assert.That(Load(Entry, "2030-01-01").Apply(Sample.Failed), Is.SameAs(Sample.Failed));

    [TestCase("case: VSC-0001*", "case: VSC-0999", ":2: field 'expectations[0].case' is 'VSC-0999', which matches no case")]
    [TestCase("expires: 2030-06-30", "expires: never", ":6: field 'expectations[0].expires' is 'never'; write a date")]
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
        return Expectations.Load(scratch.Write("known.yaml", yaml), Catalogue.Of(typeof(ExpectationsTests).Assembly), DateOnly.Parse(today));
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
