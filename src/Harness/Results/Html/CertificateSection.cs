using System.Globalization;

namespace Vsockspec.Results.Html;

/// <summary>What the certificate beside the results says.</summary>
internal sealed class CertificateSection(ReportContext context) : ISection
{
    /// <summary>More reasons are in the certificate itself.</summary>
    private const int MostReasons = 100;

    public string Id => "certificate";

    public string Title => "Certificate";

    public bool IsEmpty => context.Certificate is null;

    public void Write(HtmlWriter html)
    {
        Certificate certificate = context.Certificate!;
        bool isCertified = certificate.Verdict == CertificateVerdict.Certified;
        using (html.Open(Tag.P, Attr.Class("lead")))
        {
            html.Chip(isCertified ? new Status("certified", "pass", "") : new Status("not certified", "fail", ""));
            html.Text(" " + HtmlParts.Cut(certificate.Statement));
        }

        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            html.Fact("profiles", string.Join(", ", certificate.Profiles));
            html.Fact("each test ran", certificate.Repetitions == 1 ? "once" : $"{certificate.Repetitions} times");
            html.Fact("judged", $"{HtmlParts.Count(certificate.Cases.Judged, "test")}: {string.Join(", ", certificate.Cases.ByVerdict.Select(p => $"{p.Value} {Status.Of(p.Key).Word}"))}");
            html.Fact("issued", Day(certificate.IssuedAt));
            html.Fact("valid until", Day(certificate.ValidUntil));
            foreach (CertificateReason reason in certificate.Reasons.Take(MostReasons))
            {
                html.Fact("because", reason.Text);
            }

            html.Fact("because", certificate.Reasons.Count > MostReasons ? $"{certificate.Reasons.Count - MostReasons} more reasons are in {Bundle.CertificateFile}" : null);
            foreach (string note in certificate.Notes.Take(MostReasons))
            {
                html.Fact("note", note);
            }

            foreach (SkippedCases skipped in certificate.Skipped.Take(MostReasons))
            {
                html.Fact(Status.Of(skipped.Verdict).Word, $"{HtmlParts.Count(skipped.Cases.Count, "test")}: {skipped.Why}");
            }

            html.Fact("how to check it", "vsockspec verify .", code: true);
        }
    }

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
