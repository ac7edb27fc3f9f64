using System.Globalization;
using System.Text.Json;
using Vsockspec.Cases;

namespace Vsockspec.Results.Attestation;

/// <summary>The certificate of a bundle: whether it can be read, follows from the results, and is valid at a time.</summary>
internal static class CertificateCheck
{
    /// <summary>Null when it cannot be read.</summary>
    public static Certificate? Read(BundleContent content, Refusals refusals)
    {
        if (!content.Has(Bundle.CertificateFile))
        {
            refusals.Add("certificate-missing", $"there is no {Bundle.CertificateFile}: 'vsockspec certify' writes one, 'vsockspec run' does not");
            return null;
        }

        if (content.Document(Bundle.CertificateFile) is not { } json)
        {
            return null;
        }

        Certificate certificate;
        try
        {
            certificate = BundleJson.ParseUntrustedCertificate(json);
        }
        catch (JsonException e)
        {
            refusals.Add("certificate-malformed", $"{Bundle.CertificateFile}: is no certificate: {e.Message}");
            return null;
        }

        if (certificate.Schema != Certificate.SchemaId)
        {
            refusals.Add("certificate-schema", $"{Bundle.CertificateFile}: has the schema '{certificate.Schema}'; this version reads {Certificate.SchemaId}");
            return null;
        }

        if (!BundleJson.Document(certificate).AsSpan().SequenceEqual(json))
        {
            refusals.Add("not-canonical", $"{Bundle.CertificateFile}: is not written as vsockspec writes what it says");
        }

        return certificate;
    }

    public static void CompareDates(Certificate certificate, RunReport report, VerifyTime time, Refusals refusals)
    {
        if (certificate.ValidUntil <= certificate.IssuedAt || certificate.ValidUntil - certificate.IssuedAt > TimeSpan.FromDays(CertificateScope.MaxValidDays))
        {
            refusals.Add("dates", $"issued {Date(certificate.IssuedAt)}, valid until {Date(certificate.ValidUntil)}: a certificate is valid for 1 to {CertificateScope.MaxValidDays} days");
        }

        if (certificate.IssuedAt < report.Run.StartedAt)
        {
            refusals.Add("dates", $"issued {Date(certificate.IssuedAt)}, before the run began, {Date(report.Run.StartedAt)}");
        }

        if (time.Earliest > certificate.ValidUntil)
        {
            refusals.Add("expired", $"was valid until {Date(certificate.ValidUntil)}");
        }

        if (time.Latest < certificate.IssuedAt)
        {
            refusals.Add("not-yet-valid", $"was issued {Date(certificate.IssuedAt)}, which is later");
        }
    }

    /// <summary>Compares it with the one that follows from the results.</summary>
    public static void Compare(Certificate certificate, RunReport derived, IReadOnlyList<CaseRun> asked, RequirementRegister register, Refusals refusals)
    {
        CertificateTerms terms = new()
        {
            Profiles = certificate.Profiles,
            Asked = asked,
            Repetitions = certificate.Repetitions,
            IssuedAt = certificate.IssuedAt,
            ValidUntil = certificate.ValidUntil,
            DigestAfter = certificate.Target.DigestAfter,
        };
        Certificate expected = CertificateJudge.Judge(derived, terms, register);
        using JsonDocument here = JsonDocument.Parse(BundleJson.Document(certificate));
        using JsonDocument there = JsonDocument.Parse(BundleJson.Document(expected));
        string[] wrong =
        [
            .. there.RootElement.EnumerateObject()
                .Where(member => !here.RootElement.TryGetProperty(member.Name, out JsonElement stated) || !JsonElement.DeepEquals(stated, member.Value))
                .Select(member => $"'{member.Name}'"),
        ];
        if (wrong.Length > 0)
        {
            refusals.Add("certificate-forged", $"{Bundle.CertificateFile}: {string.Join(", ", wrong)} {(wrong.Length == 1 ? "does" : "do")} not follow from the results, which say {expected.Verdict}");
        }
    }

    private static string Date(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";
}
