using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>
/// <c>ctrf.json</c>: a run in the Common Test Report Format, of which other tools make summaries and comments. What we could not judge is <c>failed</c> there, so
/// that nobody takes it for a pass; <c>rawStatus</c> has the exact verdict.
/// </summary>
public static class Ctrf
{
    private const string SpecVersion = "0.0.0";
    private static readonly string[] Statuses = ["passed", "failed", "skipped", "pending", "other"];

    public static byte[] Render(RunReport report)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true, IndentSize = 1, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("reportFormat", "CTRF");
            json.WriteString("specVersion", SpecVersion);
            if (Guid.TryParse(report.Run.Id, out Guid id))
            {
                json.WriteString("reportId", id);
            }

            json.WriteString("runId", report.Run.Id);
            json.WriteString("timestamp", End(report));
            json.WriteString("generatedBy", report.Suite.Name);
            json.WriteStartObject("results");
            WriteTool(json, report);
            WriteSummary(json, report);
            WriteTests(json, report);
            WriteEnvironment(json, report);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private static DateTime End(RunReport report) => (report.Run.StartedAt + TimeSpan.FromMilliseconds(Math.Round(report.Run.DurationMs))).UtcDateTime;

    private static void WriteTool(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartObject("tool");
        json.WriteString("name", report.Suite.Name);
        json.WriteString("version", report.Suite.Version);
        json.WriteEndObject();
    }

    private static void WriteSummary(Utf8JsonWriter json, RunReport report)
    {
        ILookup<string, CaseResult> byStatus = report.Cases.ToLookup(c => StatusOf(c.Verdict));
        long start = report.Run.StartedAt.ToUnixTimeMilliseconds();
        long duration = Milliseconds(report.Run.DurationMs);
        json.WriteStartObject("summary");
        json.WriteNumber("tests", report.Cases.Count);
        foreach (string status in Statuses)
        {
            json.WriteNumber(status, byStatus[status].Count());
        }

        json.WriteNumber("suites", report.Cases.Select(c => c.Area).Distinct(StringComparer.Ordinal).Count());
        json.WriteNumber("start", start);
        json.WriteNumber("stop", start + duration);
        json.WriteNumber("duration", duration);
        json.WriteEndObject();
    }

    private static void WriteTests(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartArray("tests");
        foreach (CaseResult result in report.Cases)
        {
            WriteTest(json, result);
        }

        json.WriteEndArray();
    }

    private static void WriteTest(Utf8JsonWriter json, CaseResult result)
    {
        json.WriteStartObject();
        json.WriteString("testId", result.FullName);
        json.WriteString("name", Printable.Clean($"{result.FullName} {result.Title}"));
        json.WriteString("status", StatusOf(result.Verdict));
        json.WriteString("rawStatus", result.Verdict.ToString());
        json.WriteNumber("duration", Milliseconds(result.DurationMs));
        WriteList(json, "suite", [result.Area]);
        json.WriteString("type", "conformance");
        WriteList(json, "tags", result.Requirements);
        if (Verdicts.ExitCode([result.Verdict]) != 0 || result.Verdict == Verdict.KnownFailure)
        {
            json.WriteString("message", Printable.Clean(result.Observed ?? result.Verdict.ToString()));
            json.WriteString("trace", Printable.Clean($"expected: {result.Expected}\nobserved: {result.Observed}"));
        }

        if (result.Log is { } log)
        {
            WriteList(json, "stderr", Printable.Clean(log).Split('\n'));
        }

        if (result.Trace is { } trace)
        {
            WriteTrace(json, trace);
        }

        WriteExtra(json, result);
        json.WriteEndObject();
    }

    private static void WriteTrace(Utf8JsonWriter json, string path)
    {
        json.WriteStartArray("attachments");
        json.WriteStartObject();
        json.WriteString("name", "packets");
        json.WriteString("contentType", "application/vnd.tcpdump.pcap");
        json.WriteString("path", path);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteExtra(Utf8JsonWriter json, CaseResult result)
    {
        json.WriteStartObject("extra");
        json.WriteString("id", result.Id);
        json.WriteString("variant", result.Variant);
        json.WriteString("level", result.Level.ToString());
        json.WriteNumber("repetition", result.Repetition);
        json.WriteString("seed", result.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (result.FailureCode is { } code)
        {
            json.WriteString("failureCode", code);
        }

        json.WriteEndObject();
    }

    private static void WriteEnvironment(Utf8JsonWriter json, RunReport report)
    {
        json.WriteStartObject("environment");
        json.WriteString("reportName", $"{report.Suite.Name} {report.Target.Name}");
        json.WriteString("appName", report.Target.Name);
        if (report.Target.Version is { } version)
        {
            json.WriteString("appVersion", version);
        }

        json.WriteString("osPlatform", "linux");
        json.WriteString("osRelease", report.Environment.Kernel);
        json.WriteString("osVersion", report.Environment.Os);
        if (report.Run.Shard is { } shard)
        {
            json.WriteString("shardId", shard);
        }

        json.WriteStartObject("extra");
        json.WriteString("role", report.Target.Role);
        json.WriteString("transport", report.Target.Transport);
        json.WriteString("profile", report.Run.Profile);
        json.WriteString("seed", report.Run.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture));
        json.WriteString("state", report.Run.State.ToString());
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    private static long Milliseconds(double value) => (long)Math.Round(value);

    private static string StatusOf(Verdict verdict) => verdict switch
    {
        Verdict.Pass or Verdict.NonStrict or Verdict.Informational => "passed",
        Verdict.NotSupported or Verdict.NotApplicable or Verdict.KnownFailure => "skipped",
        _ => "failed",
    };
}
