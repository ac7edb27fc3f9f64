using System.Globalization;
using System.Text;
using System.Xml;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>
/// JUnit XML as Surefire writes it (its surefire-test-report.xsd) and Jenkins, GitLab and others read it: one suite, the area as the class of a case. What the format has no word for stands in the
/// case's output. Failures are <c>failure</c>, what we could not judge is <c>error</c>, what was not asked is <c>skipped</c>.
/// </summary>
public static class JUnit
{
    private enum Outcome
    {
        Passed,
        Skipped,
        Failure,
        Error,
    }

    public static byte[] Render(RunReport report)
    {
        using MemoryStream stream = new();
        using (XmlWriter xml = XmlWriter.Create(stream, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(false), NewLineChars = "\n" }))
        {
            xml.WriteStartElement("testsuite");
            xml.WriteAttributeString("name", Printable.Clean($"vsockspec {report.Target.Name}"));
            WriteCounts(xml, report.Cases);
            WriteProperties(xml, report);
            foreach (CaseResult result in report.Cases.OrderBy(c => c.Area, StringComparer.Ordinal))
            {
                WriteCase(xml, result);
            }

            xml.WriteEndElement();
            xml.WriteWhitespace("\n");
        }

        return stream.ToArray();
    }

    private static void WriteCounts(XmlWriter xml, IReadOnlyList<CaseResult> cases)
    {
        xml.WriteAttributeString("tests", cases.Count.ToString(CultureInfo.InvariantCulture));
        xml.WriteAttributeString("failures", Count(Outcome.Failure));
        xml.WriteAttributeString("errors", Count(Outcome.Error));
        xml.WriteAttributeString("skipped", Count(Outcome.Skipped));
        xml.WriteAttributeString("time", Seconds(cases.Sum(c => c.DurationMs)));

        string Count(Outcome outcome) => cases.Count(c => Of(c.Verdict) == outcome).ToString(CultureInfo.InvariantCulture);
    }

    private static void WriteProperties(XmlWriter xml, RunReport report)
    {
        xml.WriteStartElement("properties");
        foreach ((string name, string? value) in ((string, string?)[])
        [
            ("suite", $"{report.Suite.Name} {report.Suite.Version}"),
            ("target", report.Target.Version is { } version ? $"{report.Target.Name} {version}" : report.Target.Name),
            ("target.sha256", report.Target.Digest),
            ("profile", report.Run.Profile),
            ("shard", report.Run.Shard),
            ("run", report.Run.Id),
            ("seed", report.Run.Seed.ToString(CultureInfo.InvariantCulture)),
            ("startedAt", report.Run.StartedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)),
        ])
        {
            if (value is not null)
            {
                xml.WriteStartElement("property");
                xml.WriteAttributeString("name", name);
                xml.WriteAttributeString("value", Printable.Clean(value));
                xml.WriteEndElement();
            }
        }

        xml.WriteEndElement();
    }

    private static void WriteCase(XmlWriter xml, CaseResult result)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("name", Printable.Clean($"{result.FullName} {result.Title}"));
        xml.WriteAttributeString("classname", $"vsockspec.{result.Area}");
        xml.WriteAttributeString("time", Seconds(result.DurationMs));

        Outcome outcome = Of(result.Verdict);
        if (outcome != Outcome.Passed)
        {
            xml.WriteStartElement(outcome.ToString().ToLowerInvariant());
            xml.WriteAttributeString("message", Printable.Clean(result.Observed ?? result.Verdict.ToString()));
            if (outcome != Outcome.Skipped)
            {
                xml.WriteAttributeString("type", result.FailureCode ?? result.Verdict.ToString());
                xml.WriteString(Printable.Clean($"expected: {result.Expected}\nobserved: {result.Observed}\n{Findings(result)}{Hints(result)}"));
            }

            xml.WriteEndElement();
        }

        xml.WriteElementString("system-out", Printable.Clean(Facts(result)));
        if (result.Log is not null)
        {
            xml.WriteElementString("system-err", Printable.Clean(result.Log));
        }

        xml.WriteEndElement();
    }

    private static string Facts(CaseResult result) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"verdict: {result.Verdict}\nlevel: {result.Level}\nrequirements: {string.Join(' ', result.Requirements)}\nrepetition: {result.Repetition}\nseed: {result.Seed}\n")
        + (result.Trace is null ? "" : $"trace: {result.Trace}\n")
        + (result.Repeated is null ? "" : $"repeated: {result.Repeated}\n");

    private static string Findings(CaseResult result) =>
        string.Concat(result.Findings.Select(f => $"auditor: {f.Requirement}: packet {f.Packet}: {f.Detail}\n"));

    private static string Hints(CaseResult result) => string.Concat(result.Hints.Select(h => $"hint: {h}\n"));

    private static Outcome Of(Verdict verdict) => verdict switch
    {
        Verdict.Pass or Verdict.NonStrict or Verdict.Informational => Outcome.Passed,
        Verdict.NotSupported or Verdict.NotApplicable or Verdict.KnownFailure => Outcome.Skipped,
        Verdict.Fail or Verdict.UnexpectedPass => Outcome.Failure,
        _ => Outcome.Error,
    };

    private static string Seconds(double milliseconds) => (milliseconds / 1000).ToString("0.000", CultureInfo.InvariantCulture);
}
