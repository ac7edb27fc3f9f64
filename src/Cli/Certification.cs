using System.Globalization;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Attestation;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary>Makes a certificate of the results of a run, and attests the bundle.</summary>
/// <param name="key">Null: the attestation is not signed.</param>
internal sealed class Certification(Workbench bench, TargetManifest manifest, IReadOnlyList<Profile> profiles, int repetitions, int validDays, AttestationKey? key)
{
    /// <summary>So many reasons are printed; all are in the certificate.</summary>
    private const int MaxReasons = 20;

    /// <summary>The cases that the certificate is about.</summary>
    public IReadOnlyList<CaseRun> Asked { get; } = AskedOf(bench, manifest, profiles);

    /// <summary>Writes certificate and attestation, and says what they say. Returns the exit code.</summary>
    /// <exception cref="BundleException">They cannot be written.</exception>
    public int Conclude(RunReport report, string folder)
    {
        DateTimeOffset now = bench.Time.GetUtcNow();
        CertificateTerms terms = new()
        {
            Profiles = [.. profiles.Select(p => p.Name)],
            Asked = Asked,
            Repetitions = repetitions,
            IssuedAt = now,
            ValidUntil = now.AddDays(validDays),
            DigestAfter = DigestNow() is { } digest && digest != report.Target.Digest ? digest : null,
        };
        Certificate certificate = CertificateJudge.Judge(report, terms, bench.Register);
        Bundle.Write(folder, report, bench.Register, certificate: certificate);
        Attestor.Attest(folder, report, certificate, bench.Register, key);
        Print(certificate, folder);
        return certificate.Verdict == CertificateVerdict.Certified ? ExitCodes.Passed : ExitCodeOf(report);
    }

    private static IReadOnlyList<CaseRun> AskedOf(Workbench bench, TargetManifest manifest, IReadOnlyList<Profile> profiles)
    {
        IReadOnlyList<CaseRun> asked = CertificateScope.Asked(profiles, manifest.Role, manifest.Transport, bench.Catalogue);
        return asked.Any(run => CertificateScope.Counts(run.Case.Requirements, bench.Register))
            ? asked
            : throw new UsageException($"--profile {string.Join(", ", profiles.Select(p => p.Name))}: asks nothing of a {manifest.Role.ToString().ToLowerInvariant()} over {manifest.Transport}; 'vsockspec list profiles' shows all");
    }

    private string? DigestNow() => manifest.Role == TargetRole.Device ? manifest.ToTarget().Digest : null;

    /// <summary>What is certified in no case is the target's failure, unless something of ours kept a case from being judged.</summary>
    private int ExitCodeOf(RunReport report) =>
        Verdicts.ExitCode(report.Cases.Where(c => CertificateScope.Counts(c.Requirements, bench.Register)).Select(c => c.Verdict)) == ExitCodes.Harness
            ? ExitCodes.Harness
            : ExitCodes.TargetFailed;

    private void Print(Certificate certificate, string folder)
    {
        bench.Out.WriteLine();
        bench.Out.WriteLine(Printable.Clean(certificate.Statement));
        foreach (CertificateReason reason in certificate.Reasons.Take(MaxReasons))
        {
            bench.Out.WriteLine($"  {reason.Code,-19}  {Printable.Clean(reason.Text.ReplaceLineEndings(" "))}");
        }

        if (certificate.Reasons.Count > MaxReasons)
        {
            bench.Out.WriteLine($"  and {certificate.Reasons.Count - MaxReasons} more in {Path.Combine(folder, Bundle.CertificateFile)}");
        }

        foreach (string note in certificate.Notes)
        {
            bench.Out.WriteLine($"note: {Printable.Clean(note)}");
        }

        string valid = certificate.ValidUntil.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        bench.Out.WriteLine(key is null
            ? $"valid until {valid}; not signed: anyone could have made it (--key signs); check it with: vsockspec verify '{folder}'"
            : $"valid until {valid}; signed by the key {key.Id}; check it with: vsockspec verify '{folder}' --key PUBLIC.pem");
    }
}
