using System.Text.Json;
using Vsockspec.Cases;

namespace Vsockspec.Results.Attestation;

/// <summary>
/// The payload of an attestation: an in-toto Statement v1 with the predicate test-result v0.1 (in-toto/attestation, spec/v1 and spec/predicates/test-result.md). Its subjects
/// are the files of the bundle by their paths, and the target's program as <c>target:NAME</c>.
/// </summary>
/// <param name="Subjects">SHA-256 by name, hex.</param>
internal sealed record TestStatement(IReadOnlyDictionary<string, string> Subjects, JsonElement Predicate)
{
    public const string PayloadType = "application/vnd.in-toto+json";
    private const string StatementType = "https://in-toto.io/Statement/v1";
    private const string PredicateType = "https://in-toto.io/attestation/test-result/v0.1";

    /// <summary>No path of a file has a colon.</summary>
    private const string TargetPrefix = "target:";

    public static string TargetSubject(RunReport report) => TargetPrefix + report.Target.Name;

    public static bool IsTarget(string subject) => subject.StartsWith(TargetPrefix, StringComparison.Ordinal);

    /// <param name="files">SHA-256 of each file by its path.</param>
    public static byte[] Build(IReadOnlyDictionary<string, string> files, RunReport report, Certificate certificate, RequirementRegister register)
    {
        using MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, StrictJson.Writer))
        {
            writer.WriteStartObject();
            writer.WriteString("_type", StatementType);
            writer.WriteStartArray("subject");
            foreach ((string path, string digest) in files.OrderBy(f => f.Key, StringComparer.Ordinal))
            {
                WriteSubject(writer, path, digest);
            }

            if (report.Target.Digest is { } program)
            {
                WriteSubject(writer, TargetSubject(report), program);
            }

            writer.WriteEndArray();
            writer.WriteString("predicateType", PredicateType);
            writer.WritePropertyName("predicate");
            WritePredicate(writer, report, certificate, register);
            writer.WriteEndObject();
        }

        return json.ToArray();
    }

    /// <summary>The predicate that follows from a report and its certificate.</summary>
    public static JsonDocument PredicateOf(RunReport report, Certificate certificate, RequirementRegister register)
    {
        using MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, StrictJson.Writer))
        {
            WritePredicate(writer, report, certificate, register);
        }

        return JsonDocument.Parse(json.ToArray());
    }

    /// <summary>Reads a statement that nobody has vouched for. Fields that in-toto does not know are passed over, as it demands.</summary>
    /// <exception cref="JsonException">Not such a statement.</exception>
    public static TestStatement Parse(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = JsonDocument.Parse(json, StrictJson.Document);
        JsonElement root = document.RootElement;
        Require(root, "_type", StatementType);
        Require(root, "predicateType", PredicateType);
        Dictionary<string, string> subjects = new(StringComparer.Ordinal);
        foreach (JsonElement subject in StrictJson.Member(root, "subject", JsonValueKind.Array).EnumerateArray())
        {
            string name = StrictJson.Text(subject, "name");
            if (!subjects.TryAdd(name, StrictJson.Text(StrictJson.Member(subject, "digest", JsonValueKind.Object), "sha256")))
            {
                throw new JsonException($"'subject' has '{name}' twice");
            }
        }

        return new TestStatement(subjects, StrictJson.Member(root, "predicate", JsonValueKind.Object).Clone());
    }

    private static void Require(JsonElement root, string name, string value)
    {
        if (StrictJson.Text(root, name) is var found && found != value)
        {
            throw new JsonException($"'{name}' is '{found}', not '{value}'");
        }
    }

    private static void WriteSubject(Utf8JsonWriter writer, string name, string digest)
    {
        writer.WriteStartObject();
        writer.WriteString("name", name);
        WriteDigest(writer, "sha256", digest);
        writer.WriteEndObject();
    }

    private static void WriteDigest(Utf8JsonWriter writer, string algorithm, string digest)
    {
        writer.WriteStartObject("digest");
        writer.WriteString(algorithm, digest);
        writer.WriteEndObject();
    }

    private static void WritePredicate(Utf8JsonWriter writer, RunReport report, Certificate certificate, RequirementRegister register)
    {
        HashSet<string> failed = [.. certificate.Reasons.Select(r => r.Case).OfType<string>()];
        ILookup<Verdict, string> others = report.Cases
            .Where(c => !failed.Contains(c.FullName) && CertificateScope.Counts(c.Requirements, register))
            .GroupBy(c => c.FullName, StringComparer.Ordinal)
            .ToLookup(g => g.Select(c => c.Verdict).Aggregate(Verdicts.Worst), g => g.Key);
        writer.WriteStartObject();
        writer.WriteString("result", certificate.Verdict != CertificateVerdict.Certified ? "FAILED" : others.Contains(Verdict.NonStrict) ? "WARNED" : "PASSED");
        writer.WriteStartArray("configuration");
        writer.WriteStartObject();
        writer.WriteString("name", report.Suite.Name);
        writer.WriteString("uri", $"pkg:generic/{report.Suite.Name}@{report.Suite.Version}");
        if (report.Suite.Commit is { } commit)
        {
            WriteDigest(writer, "gitCommit", commit);
        }

        writer.WriteEndObject();
        WriteSubject(writer, "catalogue", report.Suite.CatalogueHash);
        WriteSubject(writer, "requirements", report.Suite.RegisterHash);
        if (report.Suite.ProfilesHash is { } profiles)
        {
            WriteSubject(writer, "profiles", profiles);
        }

        foreach (string profile in certificate.Profiles)
        {
            writer.WriteStartObject();
            writer.WriteString("name", profile);
            writer.WriteString("uri", $"urn:vsockspec:profile:{profile}");
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        WriteNames(writer, "passedTests", others[Verdict.Pass]);
        WriteNames(writer, "warnedTests", others[Verdict.NonStrict]);
        WriteNames(writer, "failedTests", failed);
        writer.WriteEndObject();
    }

    private static void WriteNames(Utf8JsonWriter writer, string name, IEnumerable<string> cases)
    {
        writer.WriteStartArray(name);
        foreach (string text in cases.Order(StringComparer.Ordinal))
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }
}
