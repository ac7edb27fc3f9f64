using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Attestation;

namespace Vsockspec.Cli.Tests.Certificates;

/// <summary>
/// Somebody who changes a bundle and has the product's own code: whatever follows from the change is made anew and the whole is attested again, so that what catches
/// the change is the check that is meant to.
/// </summary>
internal sealed class Forger(string folder)
{
    public string PathOf(string name) => Path.Combine(folder, name);

    public RunReport Report
    {
        get
        {
            RunReport stated = BundleJson.ParseUntrustedDocument(File.ReadAllBytes(PathOf(Bundle.ResultsFile)));
            return stated with { Cases = Bundle.WithFindings(stated) };
        }
    }

    public Certificate Certificate => Bundle.ReadCertificate(folder)!;

    /// <summary>Changes the results, and all that follows from them.</summary>
    public void Change(Func<RunReport, RunReport> change)
    {
        RunReport report = change(Report);
        report = ReportBuilder.Build(report.Suite, report.Target, report.Environment, report.Run, report.Guests, report.Cases, Product.Bench.Register) with { Expectations = report.Expectations };
        Certificate old = Certificate;
        CertificateTerms terms = new()
        {
            Profiles = old.Profiles,
            Asked = CertificateScope.Asked([.. old.Profiles.Select(p => Profile.Find(p, Product.Bench.Suites))], Targets.TargetRole.Device, "vhost-user", Product.Bench.Catalogue),
            Repetitions = old.Repetitions,
            IssuedAt = old.IssuedAt,
            ValidUntil = old.ValidUntil,
        };
        Write(report, CertificateJudge.Judge(report, terms, Product.Bench.Register));
    }

    /// <summary>Changes one case's results, and all that follows from them.</summary>
    public void ChangeCase(int index, Func<CaseResult, CaseResult> change) =>
        Change(report => report with { Cases = [.. report.Cases.Select((c, i) => i == index ? change(c) : c)] });

    /// <summary>Changes what the results document says of itself, and nothing else.</summary>
    public void State(Func<RunReport, RunReport> change)
    {
        File.WriteAllBytes(PathOf(Bundle.ResultsFile), BundleJson.Document(change(Report)));
        Attest();
    }

    /// <summary>Changes what the certificate says, and the summary that shows it.</summary>
    public void Certify(Func<Certificate, Certificate> change) => Write(Report, change(Certificate));

    /// <summary>Replaces the content of a file.</summary>
    public void Replace(string name, Func<string, string> change)
    {
        File.WriteAllText(PathOf(name), change(File.ReadAllText(PathOf(name))));
        Attest();
    }

    /// <summary>Attests the folder as it is now, in the forger's own name: not at all.</summary>
    public void Attest() => Attestor.Attest(folder, Report, Certificate, Product.Bench.Register, key: null);

    /// <summary>Changes the attestation's envelope.</summary>
    public void Envelope(Func<DsseEnvelope, DsseEnvelope> change)
    {
        string file = PathOf(Bundle.AttestationFile);
        File.WriteAllBytes(file, change(DsseEnvelope.Parse(File.ReadAllBytes(file))).ToJson());
    }

    private void Write(RunReport report, Certificate certificate)
    {
        File.WriteAllBytes(PathOf(Bundle.CasesFile), [.. report.Cases.SelectMany(BundleJson.Line)]);
        Bundle.Write(folder, report, Product.Bench.Register, certificate: certificate);
        foreach (string trace in Directory.GetFiles(PathOf(Bundle.TracesFolder)).Where(t => report.Cases.All(c => c.Trace != $"traces/{Path.GetFileName(t)}")))
        {
            File.Delete(trace);
        }

        Attest();
    }
}
