using System.Diagnostics;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Attestation;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests.Certificates;

/// <summary>Bundles of the reference device that somebody has changed, each refused for its own reason and for no other.</summary>
public sealed class VerifyTests
{
    private InstanceFolder _home = null!;
    private string _original = null!;
    private Keys _keys = null!;
    private Keys _others = null!;
    private string _bundle = null!;
    private Forger _forger = null!;

    [OneTimeSetUp]
    public void CertifyTheReference()
    {
        _home = InstanceFolder.Create();
        _keys = Keys.Make(_home.Path, "vendor");
        _others = Keys.Make(_home.Path, "other");
        _original = Path.Combine(_home.Path, "original");
        (int exitCode, string output, string error) = Product.Run(
            "certify", "--target", "reference", "--profile", "seqpacket", "--seed", "42", "--key", _keys.Private, "--valid-days", "30", "--out", _original);
        Assert.That(exitCode, Is.Zero, output + error);
    }

    [OneTimeTearDown]
    public void RemoveAll() => _home.Dispose();

    [SetUp]
    public void CopyTheBundle()
    {
        _bundle = Path.Combine(_home.Path, TestContext.CurrentContext.Test.ID);
        Directory.CreateDirectory(Path.Combine(_bundle, "traces"));
        foreach (string file in Directory.GetFiles(_original, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(_bundle, Path.GetRelativePath(_original, file)));
        }

        _forger = new Forger(_bundle);
    }

    [TearDown]
    public void RemoveTheCopy() => Directory.Delete(_bundle, recursive: true);

    [Test]
    public void Verify_BundleAsItWasWritten_IsVerifiedWithTheVendorsKey()
    {
        (int exitCode, string output, _) = Product.Run("verify", _bundle, "--key", _keys.Public);

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.StartWith("complete and consistent; signed by the key that was given\nreference (device over vhost-user) is certified for the profile seqpacket of vsockspec "));
        Assert.That(Codes("--key", _keys.Private), Is.Empty, "a private key checks too");
        Assert.That(Product.Run("verify", _bundle, "--certified").ExitCode, Is.Zero);
    }

    [Test]
    public void Verify_WithoutAKey_SaysThatTheSignatureWasNotChecked() =>
        Assert.That(Product.Run("verify", _bundle).Out, Does.StartWith("complete and consistent; signed, as it says, by ").And.Contain("; not checked: give that one's public key with --key\n"));

    [Test]
    public void Verify_UnsignedBundle_SaysThatAnyoneCouldHaveMadeIt()
    {
        _forger.Attest();

        Assert.That(Product.Run("verify", _bundle).Out, Does.StartWith("complete and consistent; not signed: anyone could have made it\n"));
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["unsigned"]));
    }

    [TestCase("junit.xml")]
    [TestCase("certificate.json")]
    [TestCase("results.json")]
    [TestCase("traces")]
    public void Verify_OneByteOfAFileChanged_IsRefused(string name)
    {
        string file = name == "traces" ? Directory.GetFiles(_forger.PathOf(name))[0] : _forger.PathOf(name);
        byte[] content = File.ReadAllBytes(file);
        content[^1] ^= 1;
        File.WriteAllBytes(file, content);

        Assert.That(Codes("--key", _keys.Public), Does.Contain("digest-mismatch"));
    }

    [Test]
    public void Verify_MissingCase_IsRefused()
    {
        _forger.Change(report => report with { Cases = [.. report.Cases.Skip(1)] });
        Assert.That(Codes(), Is.EqualTo(["case-missing"]));
    }

    [Test]
    public void Verify_MissingCaseThatNobodyMisses_IsRefused()
    {
        string gone = _forger.Report.Cases[0].FullName;
        _forger.Change(report => report with { Cases = [.. report.Cases.Where(c => c.FullName != gone)], Run = report.Run with { Selected = report.Run.Selected - 3 } });
        Assert.That(Codes(), Does.Contain("case-missing").And.Contain("run-incomplete"));
    }

    [Test]
    public void Verify_ExtraCase_IsRefused()
    {
        CaseRun other = Product.Bench.Catalogue.Runs.First(r => r.Case.Id == "VSC-0201");
        _forger.Change(report => report with { Cases = [.. report.Cases, CaseExecution.Begin(other, 1, report.Run.Seed, Product.Bench.Register)] });
        Assert.That(Codes(), Is.EqualTo(["case-extra"]));
    }

    [Test]
    public void Verify_DuplicatedCase_IsRefused()
    {
        _forger.Change(report => report with { Cases = [.. report.Cases, report.Cases[0]] });
        Assert.That(Codes(), Is.EqualTo(["case-duplicate"]));
    }

    [Test]
    public void Verify_FourthRepetition_IsRefused()
    {
        _forger.Change(report => report with { Cases = [.. report.Cases, report.Cases[0] with { Repetition = 4, Trace = null }] });
        Assert.That(Codes(), Is.EqualTo(["case-extra"]));
    }

    [Test]
    public void Verify_CertificateOfTwoRepetitions_IsRefused()
    {
        _forger.Certify(certificate => certificate with { Repetitions = 2 });
        Assert.That(Codes(), Does.Contain("repetitions"));
    }

    [Test]
    public void Verify_ForgedSummary_IsRefused()
    {
        _forger.State(report => report with { Summary = report.Summary with { ByVerdict = new Dictionary<Verdict, int> { [Verdict.Pass] = report.Cases.Count } } });
        Assert.That(Codes(), Is.EqualTo(["summary-forged"]));
    }

    [Test]
    public void Verify_ForgedVerdictOfARequirement_IsRefused()
    {
        _forger.State(report => report with { Requirements = [report.Requirements[0] with { Verdict = Verdict.Fail }, .. report.Requirements.Skip(1)] });
        Assert.That(Codes(), Is.EqualTo(["requirements-forged"]));
    }

    [Test]
    public void Verify_HiddenFailure_IsRefused()
    {
        // The case failed, and everything but the certificate says so.
        _forger.ChangeCase(0, c => c with { Verdict = Verdict.Fail, FailureCode = "no-rst", Observed = "silence" });
        Assert.That(_forger.Certificate.Verdict, Is.EqualTo(CertificateVerdict.NotCertified));
        Certificate honest = _forger.Certificate;
        _forger.Certify(certificate => certificate with { Verdict = CertificateVerdict.Certified, Reasons = [] });

        Assert.That(Codes(), Is.EqualTo(["certificate-forged"]));
        Assert.That(honest.Reasons.Single().Code, Is.EqualTo("unstable"));
    }

    [Test]
    public void Verify_FailureWithoutACertificate_IsVerifiedAndNotCertified()
    {
        string failed = _forger.Report.Cases[0].FullName;
        _forger.Change(report => report with
        {
            Cases = [.. report.Cases.Select(c => c.FullName == failed ? c with { Verdict = Verdict.Fail, FailureCode = "no-rst", Observed = "silence" } : c)],
        });

        (int exitCode, string output, _) = Product.Run("verify", _bundle);
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("is not certified, for 1 reason.").And.Contain($"  failed               {failed}: Fail (no-rst): silence\n"));
        Assert.That(Product.Run("verify", _bundle, "--certified").ExitCode, Is.EqualTo(1));
    }

    [Test]
    public void Verify_SwappedTraces_AreRefused()
    {
        string[] traces = [.. Directory.GetFiles(_forger.PathOf("traces")).Order(StringComparer.Ordinal).Take(2)];
        byte[] first = File.ReadAllBytes(traces[0]);
        File.Copy(traces[1], traces[0], overwrite: true);
        File.WriteAllBytes(traces[1], first);
        Assert.That(Codes("--key", _keys.Public), Is.EquivalentTo(["digest-mismatch", "trace-swapped"]));

        _forger.Attest();
        Assert.That(Codes(), Is.EqualTo(["trace-swapped"]));
    }

    [Test]
    public void Verify_TraceOfAnotherRepetition_IsRefused()
    {
        _forger.ChangeCase(0, c => c with { Trace = $"traces/{new Audit.TraceLabel(c.FullName, (c.Repetition % 3) + 1, 0).FileName}" });
        Assert.That(Codes(), Does.Contain("trace-misnamed"));
    }

    [Test]
    public void Verify_TraceThatIsGone_IsRefused()
    {
        File.Delete(Directory.GetFiles(_forger.PathOf("traces"))[0]);
        Assert.That(Codes("--key", _keys.Public), Is.EquivalentTo(["trace-missing", "file-missing"]));

        _forger.Attest();
        Assert.That(Codes(), Is.EqualTo(["trace-missing"]));
    }

    [Test]
    public void Verify_TraceThatIsNone_IsRefused()
    {
        File.WriteAllText(Directory.GetFiles(_forger.PathOf("traces"))[0], "packets");
        _forger.Attest();
        Assert.That(Codes(), Is.EqualTo(["trace-malformed"]));
    }

    [Test]
    public void Verify_TraceThatNoCaseNames_IsRefused()
    {
        File.Copy(Directory.GetFiles(_forger.PathOf("traces"))[0], _forger.PathOf("traces/VSC-0001.pcapng"));
        Assert.That(Codes("--key", _keys.Public), Is.EquivalentTo(["file-extra", "trace-extra"]));
    }

    [TestCase("title")]
    [TestCase("requirements")]
    [TestCase("seed")]
    public void Verify_CaseThatTheSuiteDoesNotHaveSo_IsRefused(string what)
    {
        _forger.ChangeCase(0, c => what switch
        {
            "title" => c with { Title = "Something easier" },
            "requirements" => c with { Requirements = ["VS-X-24"] },
            _ => c with { Seed = 1 },
        });
        Assert.That(Codes(), Does.Contain("case-altered"));
    }

    [TestCase("2001-01-01", "not-yet-valid")]
    [TestCase("2101-01-01T00:00:00Z", "expired")]
    public void Verify_AtAnotherTime_IsRefused(string date, string code) => Assert.That(Codes("--at", date, "--key", _keys.Public), Is.EqualTo([code]));

    [Test]
    public void Verify_OnTheLastDay_IsVerified() => Assert.That(Codes("--at", $"{_forger.Certificate.ValidUntil.UtcDateTime:yyyy-MM-dd}"), Is.Empty);

    [Test]
    public void Verify_CertificateForACentury_IsRefused()
    {
        _forger.Certify(certificate => certificate with { ValidUntil = certificate.IssuedAt.AddDays(36500) });
        Assert.That(Codes(), Is.EqualTo(["dates"]));
    }

    [Test]
    public void Verify_WrongKey_IsRefused() => Assert.That(Codes("--key", _others.Public), Is.EqualTo(["wrong-key"]));

    [Test]
    public void Verify_ForgersOwnSignature_IsRefused()
    {
        _forger.ChangeCase(0, c => c with { Observed = "all well" });
        using AttestationKey own = AttestationKey.Load(_others.Private, toSign: true);
        using AttestationKey vendors = AttestationKey.Load(_keys.Public, toSign: false);
        _forger.Envelope(envelope => envelope with { Signatures = [new DsseSignature(own.Id, own.Sign(envelope.Signed))] });
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["wrong-key"]));

        _forger.Envelope(envelope => envelope with { Signatures = [new DsseSignature(vendors.Id, own.Sign(envelope.Signed))] });
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["signature-invalid"]));
    }

    [Test]
    public void Verify_TamperedPayload_IsRefused()
    {
        _forger.Envelope(envelope => envelope with { Payload = [.. envelope.Payload, (byte)' '] });
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["signature-invalid"]));
    }

    [Test]
    public void Verify_TamperedResultInThePayload_IsRefused()
    {
        Payload(text => text.Replace("\"PASSED\"", "\"WARNED\"", StringComparison.Ordinal));
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["signature-invalid", "predicate-forged"]));
    }

    [Test]
    public void Verify_AnotherPayloadType_IsRefused()
    {
        _forger.Envelope(envelope => envelope with { PayloadType = "application/json" });
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["signature-invalid", "payload-type"]));
    }

    [TestCase("../outside.txt")]
    [TestCase("/etc/passwd")]
    [TestCase("traces/../../x")]
    [TestCase("C:\\\\x")]
    public void Verify_SubjectOutsideTheFolder_IsRefused(string path)
    {
        Payload(text => text.Replace("\"name\":\"junit.xml\"", $"\"name\":\"{path}\"", StringComparison.Ordinal));
        Assert.That(Codes(), Is.EqualTo(["subject-path", "file-extra"]));
    }

    [Test]
    public void Verify_TraceOutsideTheFolder_IsRefused()
    {
        _forger.ChangeCase(0, c => c with { Trace = "../../../../etc/passwd" });
        Assert.That(Codes(), Is.EqualTo(["trace-misnamed", "trace-missing"]));
    }

    [Test]
    public void Verify_AnotherProgram_IsRefused()
    {
        _forger.Change(report => report with { Target = report.Target with { Digest = new string('0', 64) } });
        Payload(text => text.Replace(new string('0', 64), new string('1', 64), StringComparison.Ordinal));
        Assert.That(Codes(), Is.EqualTo(["target-differs"]));
    }

    [Test]
    public void Verify_SubjectTwice_IsRefused()
    {
        Payload(text => text.Replace("\"name\":\"summary.md\"", "\"name\":\"junit.xml\"", StringComparison.Ordinal));
        Assert.That(Codes(), Is.EqualTo(["statement-malformed"]));
    }

    [Test]
    public void Verify_SymbolicLink_IsRefused()
    {
        string outside = Path.Combine(_home.Path, "junit.xml");
        File.Copy(_forger.PathOf("junit.xml"), outside, overwrite: true);
        File.Delete(_forger.PathOf("junit.xml"));
        File.CreateSymbolicLink(_forger.PathOf("junit.xml"), outside);
        Assert.That(Codes("--key", _keys.Public), Does.Contain("symlink").And.Contain("file-missing"));
    }

    [Test]
    public void Verify_TracesFolderIsALink_IsRefused()
    {
        Directory.Delete(_forger.PathOf("traces"), recursive: true);
        Directory.CreateSymbolicLink(_forger.PathOf("traces"), Path.Combine(_original, "traces"));
        Assert.That(Codes("--key", _keys.Public), Does.Contain("symlink").And.Contain("trace-missing"));
    }

    [Test]
    [CancelAfter(20_000)]
    public void Verify_FifoAndDevice_AreRefusedAndNotOpened(CancellationToken cancellation)
    {
        using (Process mkfifo = Process.Start("mkfifo", [_forger.PathOf("pipe")]))
        {
            mkfifo.WaitForExit();
        }

        File.Delete(_forger.PathOf("results.json"));
        using (Process mkfifo = Process.Start("mkfifo", [_forger.PathOf("results.json")]))
        {
            mkfifo.WaitForExit();
        }

        Assert.That(Codes("--key", _keys.Public), Does.Contain("special-file").And.Contain("results-missing"));
        Assert.That(cancellation.IsCancellationRequested, Is.False);
    }

    [Test]
    public void Verify_SparseGiant_IsRefusedAndNotRead()
    {
        using (FileStream giant = File.OpenWrite(_forger.PathOf("summary.md")))
        {
            giant.SetLength(1L << 40);
        }

        Stopwatch clock = Stopwatch.StartNew();
        Assert.That(Codes("--key", _keys.Public), Does.Contain("file-too-large"));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    [Test]
    public void Verify_ManyLargeFiles_AreRefusedAndNotRead()
    {
        for (int i = 0; i < 20; i++)
        {
            using FileStream large = File.Create(_forger.PathOf($"large{i}"));
            large.SetLength(60 << 20);
        }

        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["bundle-too-large"]));
    }

    [Test]
    public void Verify_MoreFilesThanAnyBundleHas_AreRefused()
    {
        for (int i = 0; i < 20_001; i++)
        {
            File.Create(_forger.PathOf($"traces/{i}")).Dispose();
        }

        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["too-many-files"]));
    }

    [Test]
    public void Verify_FolderInAFolder_IsRefused()
    {
        Directory.CreateDirectory(_forger.PathOf("traces/more"));
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["too-deep"]));
    }

    [TestCase(".hidden")]
    [TestCase("a b")]
    [TestCase("\u001b[31m")]
    [TestCase("line\nfeed")]
    public void Verify_NameThatNoBundleHas_IsRefusedAndFitToBeShown(string name)
    {
        File.WriteAllText(_forger.PathOf(name), "x");
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["bad-name"]));
        Assert.That(Product.Run("verify", _bundle).Out.Where(char.IsControl).Distinct(), Is.EqualTo(['\n']));
    }

    [TestCase("results.json", "results-malformed")]
    [TestCase("certificate.json", "certificate-malformed")]
    [TestCase("attestation.dsse.json", "envelope-malformed")]
    public void Verify_DeepJson_IsRefused(string name, string code)
    {
        File.WriteAllText(_forger.PathOf(name), string.Concat(Enumerable.Repeat("{\"a\":", 1_000_000)));
        Assert.That(Codes("--key", _keys.Public), Does.Contain(code));
    }

    [TestCase("results.json", "results-malformed")]
    [TestCase("certificate.json", "certificate-malformed")]
    [TestCase("attestation.dsse.json", "envelope-malformed")]
    public void Verify_TruncatedFile_IsRefused(string name, string code)
    {
        using (FileStream file = File.OpenWrite(_forger.PathOf(name)))
        {
            file.SetLength(file.Length / 2);
        }

        Assert.That(Codes("--key", _keys.Public), Does.Contain(code));
    }

    [TestCase("results.json", "urn:vsockspec:results:1", "urn:vsockspec:results:9", "results-schema")]
    [TestCase("certificate.json", "urn:vsockspec:certificate:1", "urn:vsockspec:certificate:9", "certificate-schema")]
    [TestCase("results.json", "\"schema\":", "\"schema\": \"urn:vsockspec:results:1\",\n \"schema\":", "results-malformed")]
    [TestCase("results.json", "\"schema\":", "\"note\": \"all is well\",\n \"schema\":", "results-malformed")]
    [TestCase("certificate.json", "\"schema\":", "\"schema\": \"urn:vsockspec:certificate:1\",\n \"schema\":", "certificate-malformed")]
    [TestCase("results.json", "\"state\": \"Complete\"", "\"state\": 1", "results-malformed")]
    [TestCase("results.json", "\"verdict\": \"Pass\"", "\"verdict\": 99", "results-malformed")]
    [TestCase("results.json", "\"verdict\": \"Pass\"", "\"verdict\": \"99\"", "results-malformed")]
    [TestCase("results.json", "\"verdict\": \"Pass\"", "\"verdict\": \"pass\"", "not-canonical")]
    [TestCase("results.json", "\"cases\": [\n", "\"cases\": [\n null,\n", "results-malformed")]
    [TestCase("results.json", "\"requirements\": [", "\"requirements\": [null,", "results-malformed")]
    [TestCase("results.json", "{\n", "{\n\n", "not-canonical")]
    [TestCase("certificate.json", "{\n", "{\n\n", "not-canonical")]
    public void Verify_DocumentOfAnotherShape_IsRefused(string name, string text, string instead, string code)
    {
        string file = _forger.PathOf(name);
        string content = File.ReadAllText(file);
        int at = content.IndexOf(text, StringComparison.Ordinal);
        File.WriteAllText(file, content[..at] + instead + content[(at + text.Length)..]);
        Assert.That(Codes("--key", _keys.Public), Does.Contain(code).And.Contain("digest-mismatch"));
    }

    [Test]
    public void Verify_ForgedPageForPeople_IsRefused()
    {
        _forger.Replace("summary.md", text => text.Replace("Pass", "Fail", StringComparison.Ordinal));
        Assert.That(Codes(), Is.EqualTo(["document-differs"]));
    }

    [Test]
    public void Verify_LinesThatSaySomethingElse_AreRefused()
    {
        _forger.Replace("cases.jsonl", text => text[(text.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
        Assert.That(Codes(), Is.EqualTo(["lines-differ"]));
    }

    [Test]
    public void Verify_DocumentLeftOut_IsRefused()
    {
        File.Delete(_forger.PathOf("junit.xml"));
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["document-missing", "file-missing"]));

        _forger.Attest();
        Assert.That(Codes(), Is.EqualTo(["document-missing"]));
    }

    [Test]
    public void Verify_FileAdded_IsRefused()
    {
        File.WriteAllText(_forger.PathOf("readme.txt"), "certified!");
        Assert.That(Codes("--key", _keys.Public), Is.EqualTo(["file-extra"]));
    }

    [Test]
    public void Verify_AnotherVersionOfTheSuite_IsRefusedAndNamed()
    {
        _forger.Change(report => report with { Suite = report.Suite with { Version = "7.5.0", CatalogueHash = new string('c', 64) } });

        Assert.That(Codes(), Is.EqualTo(["other-suite"]));
        Assert.That(Product.Run("verify", _bundle).Out, Does.Contain("was made by vsockspec 7.5.0 (commit ").And.Contain("verify it with that"));
    }

    [Test]
    public void Verify_WithOtherProfiles_NamesTheSuiteAndNoCases()
    {
        string suites = Path.Combine(_home.Path, "suites");
        foreach (string file in Directory.GetFiles(Product.Bench.Suites, "*.yaml", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(suites, Path.GetRelativePath(Product.Bench.Suites, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        string profile = Path.Combine(suites, "profiles/seqpacket.yaml");
        File.WriteAllText(profile, File.ReadAllText(profile).Replace("features:", "areas: [handshake]\nfeatures:", StringComparison.Ordinal));
        using StringWriter output = new();
        Assert.That(Application.Run(["verify", _bundle], Product.Bench with { Out = output, Suites = suites }), Is.EqualTo(1));
        Assert.That(output.ToString(), Does.StartWith("refused: 1 reason\n  other-suite "));
    }

    [Test]
    public void Verify_BundleFromBeforeProfilesWereHashed_IsRefusedAndNamed()
    {
        _forger.Change(report => report with { Suite = report.Suite with { ProfilesHash = null } });

        Assert.That(Codes(), Is.EqualTo(["other-suite"]));
        Assert.That(Product.Run("verify", _bundle).Out, Does.Contain(", profiles unknown), and this is vsockspec "));
    }

    [Test]
    public void Verify_RunThatWasNotShuffled_IsRefused()
    {
        _forger.Change(report => report with { Run = report.Run with { Shuffled = null } });
        Assert.That(Codes(), Is.EqualTo(["not-shuffled"]));
    }

    [Test]
    public void Verify_RunThatWasStopped_IsRefused()
    {
        _forger.Change(report => report with { Run = report.Run with { State = RunState.Stopped } });
        Assert.That(Codes(), Is.EqualTo(["run-incomplete"]));
    }

    [Test]
    public void Verify_ProfileThatCertifiesNothing_IsRefused()
    {
        _forger.Certify(certificate => certificate with { Profiles = ["interop"] });
        Assert.That(Codes(), Does.Contain("unknown-profile"));

        _forger.Certify(certificate => certificate with { Profiles = ["../../x"] });
        Assert.That(Codes(), Does.Contain("unknown-profile"));
    }

    [TestCase("driver", "vhost-user")]
    [TestCase("0", "vhost-user")]
    [TestCase("device", "smoke-signals")]
    public void Verify_TargetThatIsAskedLess_IsRefused(string role, string transport)
    {
        _forger.Change(report => report with { Target = report.Target with { Role = role, Transport = transport } });
        Assert.That(Codes(), Does.Contain("results-malformed").Or.Contain("unknown-profile").Or.Contain("case-extra"));
    }

    [TestCase("")]
    [TestCase("driver")]
    [TestCase("virtio-1.1 seqpacket")]
    public void Verify_ProfilesThatAskNothing_AreRefused(string profiles)
    {
        _forger.Certify(certificate => certificate with { Profiles = profiles.Split(' ', StringSplitOptions.RemoveEmptyEntries) });
        Assert.That(Codes(), Does.Contain("unknown-profile"));
    }

    [Test]
    public void Verify_BundleOfARun_IsRefused()
    {
        File.Delete(_forger.PathOf("attestation.dsse.json"));
        File.Delete(_forger.PathOf("certificate.json"));
        Assert.That(Codes().Take(2), Is.EqualTo(["attestation-missing", "certificate-missing"]));
    }

    [Test]
    public void Verify_ManyReasons_AreAllNamed()
    {
        File.Delete(_forger.PathOf("junit.xml"));
        File.WriteAllText(_forger.PathOf("readme.txt"), "x");
        Assert.That(Codes("--key", _others.Public, "--at", "2101-01-01"), Is.EqualTo(["wrong-key", "expired", "document-missing", "file-missing", "file-extra"]));
    }

    [Test]
    public void Verify_WhatIsNoBundle_IsAUsageError()
    {
        Assert.That(Product.Run("verify", Path.Combine(_home.Path, "nowhere")), Is.EqualTo((2, "", $"vsockspec: {Path.Combine(_home.Path, "nowhere")}: no such folder; give the folder that 'vsockspec certify' wrote\n")));
        Assert.That(Product.Run("verify", Path.Combine(_bundle, "traces")).ExitCode, Is.EqualTo(2));
        Assert.That(Product.Run("verify", _bundle, "--key", _forger.PathOf("junit.xml")).Error, Does.Contain("holds no key for ECDSA on P-256 in PEM; make one with: openssl genpkey"));
        Assert.That(Product.Run("verify", _bundle, "--at", "tomorrow").Error, Does.Contain("--at tomorrow: not a date; write it 2031-12-31"));
    }

    [Test]
    public void Verify_AsJson_HasEverythingAProgramNeeds()
    {
        using JsonDocument document = JsonDocument.Parse(Product.Run("verify", _bundle, "--key", _keys.Public, "--json").Out);
        JsonElement root = document.RootElement;

        Assert.That(root.GetProperty("verified").GetBoolean());
        Assert.That(root.GetProperty("certified").GetBoolean());
        Assert.That(root.GetProperty("signature").GetString(), Is.EqualTo("Valid"));
        Assert.That(root.GetProperty("results").GetInt32(), Is.EqualTo(_forger.Report.Cases.Count));
        Assert.That(root.GetProperty("profiles")[0].GetString(), Is.EqualTo("seqpacket"));
    }

    /// <summary>The statement inside the envelope; signatures stay as they are.</summary>
    private void Payload(Func<string, string> change) =>
        _forger.Envelope(envelope => envelope with { Payload = Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(envelope.Payload))) });

    /// <summary>Codes of all reasons, each once, in order.</summary>
    private string[] Codes(params string[] options)
    {
        (int exitCode, string output, string error) = Product.Run(["verify", _bundle, "--json", .. options]);
        Assert.That(error, Is.Empty);
        using JsonDocument document = JsonDocument.Parse(output);
        string[] codes = [.. document.RootElement.GetProperty("refusals").EnumerateArray().Select(r => r.GetProperty("code").GetString()!).Distinct()];
        Assert.That(exitCode, Is.EqualTo(codes.Length == 0 ? 0 : 1));
        Assert.That(document.RootElement.GetProperty("verified").GetBoolean(), Is.EqualTo(codes.Length == 0));
        return codes;
    }
}
