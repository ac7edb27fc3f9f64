using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>
/// <c>results.sarif</c>: what the target did wrong as SARIF 2.1.0, in the form that code scanning services take. A result is a case that failed or was
/// non-strict, its rule the requirement, its place the case in <c>results.json</c>. Known failures are suppressed results; what could not be judged
/// is a notification of the tool, and says nothing of the target.
/// </summary>
public static class Sarif
{
    private const string Schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

    /// <summary>Longer descriptions are refused by consumers.</summary>
    private const int MaxDescription = 1000;

    private const int MaxMessage = 4000;

    public static byte[] Render(RunReport report, RequirementRegister register)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, IndentSize = 1, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("$schema", Schema);
            json.WriteString("version", "2.1.0");
            json.WriteStartArray("runs");
            WriteRun(json, report, register);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private static void WriteRun(Utf8JsonWriter json, RunReport report, RequirementRegister register)
    {
        SarifFinding[] findings = [.. SarifFinding.Of(report)];
        string[] rules = [.. findings.Select(f => f.Rule).Concat(report.Requirements.Select(r => r.Id)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        json.WriteStartObject();
        json.WriteStartObject("tool");
        json.WriteStartObject("driver");
        json.WriteString("name", report.Suite.Name);
        json.WriteString("version", report.Suite.Version);
        json.WriteStartArray("rules");
        foreach (string rule in rules)
        {
            WriteRule(json, rule, register);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("automationDetails");
        json.WriteString("id", $"{report.Suite.Name}/{report.Target.Name}/{report.Run.Profile}/");
        json.WriteEndObject();
        WriteInvocation(json, report);
        json.WriteStartArray("results");
        foreach (SarifFinding finding in findings)
        {
            WriteResult(json, finding, Array.IndexOf(rules, finding.Rule), report);
        }

        json.WriteEndArray();
        json.WriteString("columnKind", "utf16CodeUnits");
        json.WriteEndObject();
    }

    private static void WriteRule(Utf8JsonWriter json, string id, RequirementRegister register)
    {
        (string text, string where, RequirementLevel level) = (register.Find(id), register.FindSituation(id)) switch
        {
            ({ } row, _) => (row.Text, $"{row.Keyword}, clause {row.Clause}, {row.Label}, since {row.Since}", row.Level),
            (_, { } situation) => (situation.Title, $"open situation{(situation.Specification is { } says ? $": {says}" : "")}", register.LevelOf(id)),
            _ => (id, "not in this suite's register", RequirementLevel.May),
        };
        json.WriteStartObject();
        json.WriteString("id", id);
        WriteText(json, "shortDescription", $"{id}: {text}");
        WriteText(json, "fullDescription", $"{text} ({where})");
        WriteText(json, "help", $"{text} {where}. The text is a paraphrase; the clause of the virtio specification is the authority.");
        json.WriteStartObject("defaultConfiguration");
        json.WriteString("level", level is RequirementLevel.Must or RequirementLevel.Described ? "error" : "warning");
        json.WriteEndObject();
        json.WriteStartObject("properties");
        json.WriteStartArray("tags");
        json.WriteStringValue("virtio-vsock");
        json.WriteStringValue(level.ToString().ToLowerInvariant());
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteInvocation(Utf8JsonWriter json, RunReport report)
    {
        CaseResult[] unclear = [.. report.Cases.Where(c => c.Verdict is Verdict.HarnessError or Verdict.Inconclusive)];
        json.WriteStartArray("invocations");
        json.WriteStartObject();
        json.WriteBoolean("executionSuccessful", report.Run.State == RunState.Complete && unclear.Length == 0);
        json.WriteString("startTimeUtc", report.Run.StartedAt.UtcDateTime);
        json.WriteString("endTimeUtc", (report.Run.StartedAt + TimeSpan.FromMilliseconds(Math.Round(report.Run.DurationMs))).UtcDateTime);
        json.WriteStartArray("toolExecutionNotifications");
        foreach (CaseResult result in unclear)
        {
            json.WriteStartObject();
            json.WriteString("level", "error");
            WriteText(json, "message", $"{result.FullName}: {result.Verdict}: {result.Observed}", MaxMessage);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteResult(Utf8JsonWriter json, SarifFinding finding, int rule, RunReport report)
    {
        json.WriteStartObject();
        json.WriteString("ruleId", finding.Rule);
        json.WriteNumber("ruleIndex", rule);
        json.WriteString("level", finding.IsViolation ? "error" : "warning");
        WriteText(json, "message", finding.Message, MaxMessage);
        json.WriteStartArray("locations");
        json.WriteStartObject();
        WritePlace(json, Bundle.ResultsFile, finding.Line);
        json.WriteStartArray("logicalLocations");
        json.WriteStartObject();
        json.WriteString("fullyQualifiedName", finding.Case);
        json.WriteString("kind", "function");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        if (finding.Trace is { } trace && BundlePath.IsInside(trace))
        {
            json.WriteStartArray("relatedLocations");
            json.WriteStartObject();
            json.WriteNumber("id", 1);
            WritePlace(json, trace, null);
            WriteText(json, "message", "packets");
            json.WriteEndObject();
            json.WriteEndArray();
        }

        json.WriteStartObject("partialFingerprints");
        json.WriteString("vsockspecCase/v1", Fingerprint(report.Target.Name, finding));
        json.WriteEndObject();
        if (finding.IsKnown)
        {
            json.WriteStartArray("suppressions");
            json.WriteStartObject();
            json.WriteString("kind", "external");
            json.WriteString("status", "accepted");
            json.WriteString("justification", "a known failure, borne until a date by the target's list of expectations");
            json.WriteEndObject();
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WritePlace(Utf8JsonWriter json, string file, int? line)
    {
        json.WriteStartObject("physicalLocation");
        json.WriteStartObject("artifactLocation");
        json.WriteString("uri", string.Join('/', file.Split('/').Select(Uri.EscapeDataString)));
        json.WriteEndObject();
        if (line is { } number)
        {
            json.WriteStartObject("region");
            json.WriteNumber("startLine", number);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter json, string name, string text, int limit = MaxDescription)
    {
        string clean = Printable.Clean(text);
        json.WriteStartObject(name);
        json.WriteString("text", clean.Length <= limit ? clean : clean[..limit] + "…");
        json.WriteEndObject();
    }

    /// <summary>The same case that breaks the same rule of the same target is the same finding in every run.</summary>
    private static string Fingerprint(string target, SarifFinding finding) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{target}\n{finding.Case}\n{finding.Rule}")));
}

/// <summary>One thing that the target did wrong, or not as recommended.</summary>
/// <param name="Rule">Requirement or open situation.</param>
/// <param name="Case">Full name.</param>
/// <param name="IsViolation">False for what is legal.</param>
/// <param name="Line">Of the case in <c>results.json</c>, from 1.</param>
internal sealed record SarifFinding(string Rule, string Case, bool IsViolation, bool IsKnown, string Message, string? Trace, int Line)
{
    /// <summary>One for each case that failed or was non-strict; of repetitions the first that did.</summary>
    public static IEnumerable<SarifFinding> Of(RunReport report)
    {
        List<int> lines = LinesOf(report);
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach ((int i, CaseResult result) in report.Cases.Index())
        {
            bool isWrong = result.Verdict is Verdict.Fail or Verdict.KnownFailure or Verdict.NonStrict or Verdict.UnexpectedPass;
            if (isWrong && seen.Add(result.FullName))
            {
                yield return new SarifFinding(
                    result.Requirements is [string first, ..] ? first : result.Id,
                    result.FullName,
                    result.Verdict != Verdict.NonStrict,
                    result.Verdict == Verdict.KnownFailure,
                    Describe(result),
                    result.Trace,
                    lines[i]);
            }
        }
    }

    private static string Describe(CaseResult result)
    {
        string also = result.Requirements.Count > 1 ? $" It judges also {string.Join(", ", result.Requirements.Skip(1))}." : "";
        return $"{result.FullName}: {result.Title}. Expected: {result.Expected ?? "see the title"}. Observed: {result.Observed ?? result.Verdict.ToString()}.{also}";
    }

    /// <summary>Where the cases stand in the document: the line of each one's full name, which comes last in it.</summary>
    private static List<int> LinesOf(RunReport report)
    {
        List<int> lines = [];
        int number = 1;
        ReadOnlySpan<byte> rest = BundleJson.Document(report);
        ReadOnlySpan<byte> name = "   \"fullName\": "u8;
        while (rest.IndexOf((byte)'\n') is var end and >= 0)
        {
            if (rest[..end].StartsWith(name))
            {
                lines.Add(number);
            }

            number++;
            rest = rest[(end + 1)..];
        }

        return lines;
    }
}
