using System.Globalization;
using System.Text;
using System.Xml;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>
/// JUnit XML as Surefire writes it and Jenkins and GitLab read it: one flat suite for each area, a property for what the format has no
/// word for. Failures are <c>failure</c>, what we could not judge is <c>error</c>, what was not asked is <c>skipped</c>.
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
            xml.WriteStartElement("testsuites");
            xml.WriteAttributeString("name", $"vsockspec {report.Target.Name}");
            WriteCounts(xml, report.Cases);
            foreach (IGrouping<string, CaseResult> area in report.Cases.GroupBy(c => c.Area).OrderBy(g => g.Key, StringComparer.Ordinal))
            {
                xml.WriteStartElement("testsuite");
                xml.WriteAttributeString("name", area.Key);
                WriteCounts(xml, [.. area]);
                xml.WriteAttributeString("timestamp", report.Run.StartedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture));
                foreach (CaseResult result in area)
                {
                    WriteCase(xml, result);
                }

                xml.WriteEndElement();
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

    private static void WriteCase(XmlWriter xml, CaseResult result)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", $"vsockspec.{result.Area}");
        xml.WriteAttributeString("name", Printable.Clean($"{result.FullName} {result.Title}"));
        xml.WriteAttributeString("time", Seconds(result.DurationMs));

        xml.WriteStartElement("properties");
        Property("id", result.Id);
        Property("variant", result.Variant);
        Property("verdict", result.Verdict.ToString());
        Property("level", result.Level.ToString());
        Property("requirements", string.Join(' ', result.Requirements));
        Property("repetition", result.Repetition.ToString(CultureInfo.InvariantCulture));
        Property("seed", result.Seed.ToString(CultureInfo.InvariantCulture));
        if (result.Trace is not null)
        {
            Property("trace", result.Trace);
        }

        if (result.Repeated is not null)
        {
            Property("repeated", result.Repeated);
        }

        xml.WriteEndElement();

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

        if (result.Log is not null)
        {
            xml.WriteElementString("system-err", Printable.Clean(result.Log));
        }

        xml.WriteEndElement();

        void Property(string name, string value)
        {
            xml.WriteStartElement("property");
            xml.WriteAttributeString("name", name);
            xml.WriteAttributeString("value", Printable.Clean(value));
            xml.WriteEndElement();
        }
    }

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
