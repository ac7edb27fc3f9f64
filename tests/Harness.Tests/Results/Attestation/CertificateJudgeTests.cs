using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Attestation;

namespace Vsockspec.Harness.Tests.Results.Attestation;

/// <summary>What follows for a certificate from the results of three repetitions of two cases, one of them about an open situation.</summary>
public sealed class CertificateJudgeTests
{
    private static readonly CaseRun Judging = Run("VSC-0101", "VS-X-24");
    private static readonly CaseRun Open = Run("VSC-0901", "B-05");

    [Test]
    public void Judge_EverythingPasses_IsCertified()
    {
        Certificate certificate = Judge([]);

        Assert.That(certificate.Verdict, Is.EqualTo(CertificateVerdict.Certified));
        Assert.That(certificate.Reasons, Is.Empty);
        Assert.That(
            certificate.Statement,
            Is.EqualTo("sample (device over vhost-user) is certified for the profile p of vsockspec 0.1.0: 1 case that judges requirements, each run 3 times in shuffled order."));
        Assert.That((certificate.Cases.Judged, certificate.Cases.OpenSituations), Is.EqualTo((1, 1)));
        Assert.That(certificate.Target.Features, Is.EqualTo([new ClaimedFeature("stream", true, true)]));
    }

    [TestCase(Verdict.Pass, null)]
    [TestCase(Verdict.NonStrict, null)]
    [TestCase(Verdict.Informational, null)]
    [TestCase(Verdict.NotSupported, null)]
    [TestCase(Verdict.NotApplicable, null)]
    [TestCase(Verdict.Fail, "failed")]
    [TestCase(Verdict.KnownFailure, "known-failure")]
    [TestCase(Verdict.UnexpectedPass, "unexpected-pass")]
    [TestCase(Verdict.Inconclusive, "not-judged")]
    [TestCase(Verdict.HarnessError, "not-judged")]
    public void Judge_VerdictOfACaseThatJudges_DecidesTheCertificate(Verdict verdict, string? code)
    {
        Certificate certificate = Judge([.. Of(Judging, verdict, verdict, verdict)]);

        Assert.That(certificate.Reasons.Select(r => (r.Code, r.Case)), Is.EqualTo(code is null ? [] : new (string, string?)[] { (code, "VSC-0101") }));
        Assert.That(certificate.Verdict, Is.EqualTo(code is null ? CertificateVerdict.Certified : CertificateVerdict.NotCertified));
        Assert.That(certificate.Cases.ByVerdict, Is.EqualTo(new Dictionary<Verdict, int> { [verdict] = 1 }));
    }

    [Test]
    public void Judge_RepetitionsThatDiffer_AreUnstableAndNamed()
    {
        CertificateReason reason = Judge([.. Of(Judging, Verdict.Pass, Verdict.Fail, Verdict.Pass)]).Reasons.Single();
        Assert.That(reason.Code, Is.EqualTo("unstable"));
        Assert.That(reason.Text, Is.EqualTo("VSC-0101: does not come out the same each time: Pass, Fail (code), Pass"));
    }

    [Test]
    public void Judge_FailureCodesThatDiffer_AreUnstable()
    {
        CaseResult[] results = [.. Of(Judging, Verdict.Fail, Verdict.Fail, Verdict.Fail)];
        results[2] = results[2] with { FailureCode = "another" };
        Assert.That(Judge(results).Reasons.Single().Code, Is.EqualTo("unstable"));
    }

    [TestCase(Verdict.Fail)]
    [TestCase(Verdict.HarnessError)]
    public void Judge_OpenSituationThatEndsBadly_DecidesNothingAndIsTold(Verdict verdict)
    {
        Certificate certificate = Judge([.. Of(Open, Verdict.Informational, verdict, verdict)]);
        Assert.That(certificate.Verdict, Is.EqualTo(CertificateVerdict.Certified));
        Assert.That(certificate.Notes, Has.Some.Contains("1 open situation ended in a failure").And.Some.Contains("VSC-0901"));
    }

    [Test]
    public void Judge_RequirementThatTheAuditorSawBrokenElsewhere_CountsAllTheSame()
    {
        CaseResult[] results = [.. Of(Open, Verdict.Informational, Verdict.Informational, Verdict.Informational)];
        results[1] = results[1] with { Findings = [new AuditFinding("VS-CRED-DEV-1", 7, "too much")] };

        CertificateReason reason = Judge(results).Reasons.Single();
        Assert.That((reason.Code, reason.Case), Is.EqualTo(("requirement-broken", "VSC-0901")));
        Assert.That(reason.Text, Is.EqualTo("VS-CRED-DEV-1 was broken while VSC-0901 ran: packet 7: too much"));
    }

    [Test]
    public void Judge_FindingInACaseThatFailed_IsNotNamedTwice()
    {
        CaseResult[] results = [.. Of(Judging, Verdict.Fail, Verdict.Fail, Verdict.Fail).Select(c => c with { Findings = [new AuditFinding("VS-CRED-DEV-1", 7, "too much")] })];
        Assert.That(Judge(results).Reasons.Single().Code, Is.EqualTo("failed"));
    }

    [Test]
    public void Judge_ClaimThatIsNotOffered_Blocks()
    {
        Certificate certificate = Judge([], Sample.Target with { Claims = ["stream", "ring_packed"], OfferedFeatures = ["stream"], ProtocolFeatures = ["config"] });
        Assert.That(certificate.Reasons.Single(), Is.EqualTo(new CertificateReason("claimed-not-offered", null, "ring_packed is claimed and not offered")));
        Assert.That(
            certificate.Target.Features,
            Is.EqualTo([new ClaimedFeature("stream", true, true), new ClaimedFeature("config", false, true), new ClaimedFeature("ring_packed", true, false)]));
    }

    [Test]
    public void Judge_ProgramReplacedDuringTheRun_Blocks()
    {
        Certificate certificate = Judge([], digestAfter: new string('1', 64));
        Assert.That(certificate.Reasons.Single().Code, Is.EqualTo("target-changed"));
        Assert.That(certificate.Target.DigestAfter, Is.EqualTo(new string('1', 64)));
    }

    [TestCase(null, 0)]
    [TestCase("cannot-restart", 1)]
    public void Judge_CaseThatWasNotPut_IsSkippedAndBlocksOnlyWhereTheSetUpKeptIt(string? code, int reasons)
    {
        CaseResult[] results = [.. Of(Judging, Verdict.NotApplicable, Verdict.NotApplicable, Verdict.NotApplicable).Select(c => c with { FailureCode = code, Observed = "an attached target" })];
        Certificate certificate = Judge(results);

        Assert.That(certificate.Reasons.Select(r => r.Code), Is.EqualTo(Enumerable.Repeat("could-not-be-put", reasons)));
        Assert.That(certificate.Skipped.Single().Why, Is.EqualTo("an attached target"));
        Assert.That(certificate.Skipped.Single().Cases, Is.EqualTo(["VSC-0101"]));
    }

    [Test]
    public void Judge_ProgramThatIsNotKnown_IsTold() =>
        Assert.That(Judge([]).Notes, Is.EqualTo(["The program that was judged is not known: somebody else had started it."]));

    /// <param name="results">In place of those of the same case.</param>
    private static Certificate Judge(CaseResult[] results, TargetInfo? target = null, string? digestAfter = null)
    {
        CaseResult[] usual = [.. Of(Judging, Verdict.Pass, Verdict.Pass, Verdict.Pass), .. Of(Open, Verdict.Informational, Verdict.Informational, Verdict.Informational)];
        RunReport report = ReportBuilder.Build(
            Sample.Suite,
            target ?? Sample.Target with { OfferedFeatures = ["stream"] },
            Sample.Machine,
            Sample.Run with { State = RunState.Complete, Selected = 6 },
            [],
            [.. usual.Where(u => results.All(r => r.Id != u.Id)), .. results],
            Sample.Register);
        return CertificateJudge.Judge(
            report,
            new CertificateTerms
            {
                Profiles = ["p"],
                Asked = [Judging, Open],
                Repetitions = 3,
                IssuedAt = Sample.Certificate.IssuedAt,
                ValidUntil = Sample.Certificate.ValidUntil,
                DigestAfter = digestAfter,
            },
            Sample.Register);
    }

    private static IEnumerable<CaseResult> Of(CaseRun run, params Verdict[] verdicts) => verdicts.Select((verdict, index) =>
        CaseExecution.Begin(run, index + 1, 1, Sample.Register) with { Verdict = verdict, FailureCode = Verdicts.ExitCode([verdict]) == 0 ? null : "code" });

    private static CaseRun Run(string id, string requirement) =>
        new(new CaseInfo(new CaseAttribute(id, requirement) { Title = id }, "area", id, new CaseScript.OfDevice(_ => { })), Variant.Of(Vary.Nothing)[0]);
}
