using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;

namespace Vsockspec.Cli.Tests.Certificates;

public sealed class CertifyTests
{
    private const string Manifest = "name: x\nrole: device\ntransport: vhost-user\nlaunch: {command: [sh, \"{socket}\"]}\n";

    [Test]
    public void Certify_EverythingPasses_WritesABundleThatVerifies()
    {
        using Terminal terminal = new();
        Keys keys = Keys.Make(terminal.Folder, "key");

        Assert.That(Certify(terminal, "--key", keys.Private, "--seed", "7"), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.Contain("\nx (device over vhost-user) is certified for the profile device-full of vsockspec ").And.Contain("; signed by the key "));
        Assert.That(Directory.GetFiles(terminal.PathOf("b")).Select(Path.GetFileName), Does.Contain("certificate.json").And.Contain("attestation.dsse.json"));
        Assert.That(terminal.Request!.Repeat, Is.EqualTo(3));
        Assert.That(terminal.Request.OrderSeed, Is.EqualTo(7));
        Assert.That(terminal.Run("verify", terminal.PathOf("b"), "--key", keys.Public), Is.Zero, terminal.Out);
    }

    [Test]
    public void Certify_WithoutAKey_SaysThatNobodyVouchesForIt()
    {
        using Terminal terminal = new();
        Assert.That(Certify(terminal), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.Contain("; not signed: anyone could have made it (--key signs); check it with: vsockspec verify '"));
    }

    [TestCase(Verdict.Fail, 1, "failed")]
    [TestCase(Verdict.UnexpectedPass, 1, "unexpected-pass")]
    [TestCase(Verdict.KnownFailure, 1, "known-failure")]
    [TestCase(Verdict.Inconclusive, 3, "not-judged")]
    [TestCase(Verdict.HarnessError, 3, "not-judged")]
    [TestCase(Verdict.NonStrict, 0, null)]
    [TestCase(Verdict.NotSupported, 0, null)]
    public void Certify_OneVerdictAmongPasses_DecidesTheExitCode(Verdict verdict, int exitCode, string? code)
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0102" ? verdict : Verdict.Pass };

        Assert.That(Certify(terminal), Is.EqualTo(exitCode), terminal.Error);
        Assert.That(Read(terminal).Reasons.Select(r => r.Code), Is.EqualTo(code is null ? [] : new[] { code }));
        Assert.That(terminal.Run("verify", terminal.PathOf("b")), Is.Zero, terminal.Out);
        Assert.That(terminal.Run("verify", terminal.PathOf("b"), "--certified"), Is.EqualTo(code is null ? 0 : 1));
    }

    [Test]
    public void Certify_CaseThatPassesNowAndThen_IsNamed()
    {
        using Terminal terminal = new() { JudgeRepetition = (run, repetition) => run.FullName == "VSC-0101[packed]" && repetition == 2 ? Verdict.Fail : Verdict.Pass };

        Assert.That(Certify(terminal), Is.EqualTo(1));
        Assert.That(terminal.Out, Does.Contain("  unstable             VSC-0101[packed]: does not come out the same each time: Pass, Fail (no-rst), Pass\n"));
    }

    [Test]
    public void Certify_FailureThatTheManifestExpects_IsNotCertified()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0102" ? Verdict.Fail : Verdict.Pass };
        terminal.Write("known.yaml", "expectations:\n  - {case: VSC-0102, failureCode: no-rst, reason: not done, link: https://example.org, owner: me, expires: 9999-12-31}\n");

        Assert.That(CertifyManifest(terminal, Manifest + "expectations: known.yaml\n"), Is.EqualTo(1));
        Assert.That(Read(terminal).Reasons.Single().Text, Does.Contain("known failure: not done (https://example.org, me)"));
    }

    [Test]
    public void Certify_ClaimThatIsNotOffered_IsNotCertified()
    {
        using Terminal terminal = new();
        Assert.That(CertifyManifest(terminal, Manifest + "claims: [stream, seqpacket]\n"), Is.EqualTo(1));
        Assert.That(terminal.Out, Does.Contain("  claimed-not-offered  seqpacket is claimed and not offered\n"));
    }

    [Test]
    public void Certify_Profiles_AreWhatIsAsked()
    {
        using Terminal terminal = new();
        Assert.That(Certify(terminal, "--profile", "seqpacket", "--profile", "packed-ring", "--repeat", "4"), Is.Zero, terminal.Error);
        Assert.That(terminal.Request!.Runs.Select(r => r.FullName), Is.EquivalentTo(["VSC-0101[packed]", "VSC-0202"]));
        Assert.That(Read(terminal).Profiles, Is.EqualTo(["seqpacket", "packed-ring"]));
        Assert.That(terminal.Run("verify", terminal.PathOf("b")), Is.Zero, terminal.Out);
    }

    [Test]
    public void Certify_RunThatIsStopped_HasNoCertificateAndGoesOn()
    {
        using Terminal terminal = new();
        terminal.Write("t.yaml", Manifest);
        using (Terminal broken = new() { During = run => ThrowAt(run) })
        {
            Assert.That(
                () => broken.Run("certify", "--verbose", "--target", terminal.PathOf("t.yaml"), "--out", terminal.PathOf("b"), "--seed", "7"),
                Throws.InvalidOperationException);
        }

        Assert.That(Bundle.ReadCertificate(terminal.PathOf("b")), Is.Null);
        File.Delete(terminal.PathOf("b/started.jsonl"));
        Assert.That(terminal.Run("certify", "--target", terminal.PathOf("t.yaml"), "--resume", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(terminal.Request!.Done, Has.Count.EqualTo(2));
        Assert.That(terminal.Run("verify", terminal.PathOf("b")), Is.Zero, terminal.Out);
    }

    /// <summary>The run has ended, and vsockspec was killed before the attestation was there: the later the more documents.</summary>
    [TestCase("junit.xml", "summary.md", "certificate.json")]
    [TestCase("certificate.json")]
    [TestCase]
    public void Certify_KilledBeforeTheAttestation_IsFinishedWithoutARun(params string[] missing)
    {
        using Terminal terminal = new();
        Assert.That(Certify(terminal), Is.Zero, terminal.Error);
        foreach (string name in missing.Append("attestation.dsse.json"))
        {
            File.Delete(terminal.PathOf($"b/{name}"));
        }

        File.WriteAllText(terminal.PathOf("b/attestation.dsse.json.tmp"), "{");
        File.WriteAllText(terminal.PathOf("b/started.jsonl"), "{\"case\":\"VSC-0101[split]\",\"repetition\":1}\n");
        using Terminal later = new();
        Assert.That(later.Run("certify", "--target", terminal.PathOf("t.yaml"), "--resume", terminal.PathOf("b")), Is.Zero, later.Error);
        Assert.That(later.Request, Is.Null);
        Assert.That(later.Out, Does.Contain(" is certified for the profile device-full of vsockspec "));
        Assert.That(terminal.Run("verify", terminal.PathOf("b"), "--certified"), Is.Zero, terminal.Out);
    }

    [Test]
    public void Certify_KilledBetweenATraceAndItsResult_GoesOnWithoutThatTrace()
    {
        using Terminal terminal = new();
        terminal.Write("t.yaml", Manifest);
        using (Terminal broken = new() { During = ThrowAt })
        {
            Assert.That(
                () => broken.Run("certify", "--verbose", "--target", terminal.PathOf("t.yaml"), "--out", terminal.PathOf("b"), "--seed", "7"),
                Throws.InvalidOperationException);
        }

        string trace = Directory.GetFiles(terminal.PathOf("b/traces"))[0];
        File.Copy(trace, terminal.PathOf("b/traces/VSC-0102_1.pcapng"));
        Assert.That(terminal.Run("certify", "--target", terminal.PathOf("t.yaml"), "--resume", terminal.PathOf("b")), Is.EqualTo(3));
        Assert.That(terminal.Run("verify", terminal.PathOf("b")), Is.Zero, terminal.Out);
    }

    [Test]
    public void Certify_ResumeOfACertifiedBundle_IsExplained()
    {
        using Terminal terminal = new();
        Assert.That(Certify(terminal), Is.Zero, terminal.Error);
        Assert.That(terminal.Run("certify", "--target", terminal.PathOf("t.yaml"), "--resume", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain($"--resume: {terminal.PathOf("b")}: the run is complete and attested; there is nothing to go on with"));
    }

    [Test]
    public void Certify_ResumeOfARunThatWasForNoCertificate_IsExplained()
    {
        using Terminal terminal = new();
        string manifest = terminal.Write("t.yaml", Manifest);
        Assert.That(terminal.Run("run", "--target", manifest, "--profile", "device-full", "--repeat", "3", "--out", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(terminal.Run("certify", "--target", manifest, "--resume", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("give the options with which it was begun"));
        Assert.That(Bundle.ReadCertificate(terminal.PathOf("b")), Is.Null);
    }

    [TestCase("2000-01-01", "expired on 2000-01-01; renew or remove it")]
    [TestCase("9999-12-31", "matches only cases that need what the target does not offer; remove it")]
    public void Certify_AnnouncementThatIsOutOfDate_IsNotCertified(string expires, string why)
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0202" ? Verdict.NotSupported : Verdict.Pass };
        terminal.Write("known.yaml", $"expectations:\n  - {{case: VSC-0202, failureCode: no-rst, reason: not done, link: https://example.org, owner: me, expires: {expires}}}\n");

        Assert.That(CertifyManifest(terminal, Manifest + "expectations: known.yaml\n"), Is.EqualTo(1));
        Assert.That(Read(terminal).Reasons.Select(r => (r.Code, r.Text)), Is.EqualTo([("stale-expectation", $"VSC-0202 is announced to fail as 'no-rst', and the announcement {why}")]));
        Assert.That(terminal.Run("verify", terminal.PathOf("b")), Is.Zero, terminal.Out);
    }

    [Test]
    public void Certify_TargetThatDoesNotComeUp_HasNoCertificate()
    {
        using Terminal terminal = new() { Before = _ => throw new Vsockspec.Targets.TargetException("x: ended with exit code 101") };
        Assert.That(Certify(terminal), Is.EqualTo(1));
        Assert.That(terminal.Error, Does.Contain("no certificate: the run did not come to its end"));
        Assert.That(Bundle.ReadCertificate(terminal.PathOf("b")), Is.Null);
    }

    [TestCase("--repeat 2", "not a whole number from 3 to 1000")]
    [TestCase("--profile interop", "--profile interop: is never part of a certificate")]
    [TestCase("--profile virtio-1.1 --profile seqpacket", "--profile virtio-1.1: is about one version of the specification; such a profile stands alone")]
    [TestCase("--profile driver", "--profile driver: asks nothing of a device over vhost-user")]
    [TestCase("--valid-days 0", "not a whole number from 1 to 3650")]
    [TestCase("--resume x", "--resume goes on in the folder that it names; leave out --out")]
    [TestCase("--key /nowhere/key.pem", "/nowhere/key.pem: ")]
    public void Certify_Wrong_IsExplained(string options, string message)
    {
        using Terminal terminal = new();
        Assert.That(Certify(terminal, options.Split(' ')), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain(message));
    }

    [Test]
    public void Certify_WithoutAFolder_IsExplained()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("certify", "--target", "reference"), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("--out is missing; name the folder of the bundle: --out DIR"));
    }

    [Test]
    public void Report_OfACertificate_LeavesTheBundleAsItWas()
    {
        using Terminal terminal = new();
        Certify(terminal);

        Assert.That(terminal.Run("report", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(terminal.Run("verify", terminal.PathOf("b")), Is.Zero, terminal.Out);
    }

    private static int Certify(Terminal terminal, params string[] options) => CertifyManifest(terminal, Manifest, options);

    private static int CertifyManifest(Terminal terminal, string manifest, params string[] options) =>
        terminal.Run(["certify", "--target", terminal.Write("t.yaml", manifest), "--out", terminal.PathOf("b"), .. options]);

    private static Certificate Read(Terminal terminal) => Bundle.ReadCertificate(terminal.PathOf("b"))!;

    private static void ThrowAt(CaseRun run)
    {
        if (run.Case.Id == "VSC-0102")
        {
            throw new InvalidOperationException("killed");
        }
    }
}
