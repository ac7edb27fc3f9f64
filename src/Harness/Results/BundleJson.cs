using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Vsockspec.Cases;
using Vsockspec.Results.Attestation;

namespace Vsockspec.Results;

/// <summary>How reports become JSON: one document for the run, one line for each case.</summary>
internal static class BundleJson
{
    /// <summary>The document: findings stand in <c>auditor[]</c> only.</summary>
    private static readonly JsonSerializerOptions DocumentOptions = Options(indented: true, findings: false);

    /// <summary>Of a document that nobody vouches for.</summary>
    private static readonly JsonSerializerOptions StrictOptions = Strict();

    private static readonly JsonSerializerOptions LineOptions = Options(indented: false, findings: true);

    public static byte[] Document(RunReport report) => [.. JsonSerializer.SerializeToUtf8Bytes(report, TypeInfo<RunReport>(DocumentOptions)), (byte)'\n'];

    public static byte[] Document(Certificate certificate) => [.. JsonSerializer.SerializeToUtf8Bytes(certificate, TypeInfo<Certificate>(DocumentOptions)), (byte)'\n'];

    /// <exception cref="JsonException">Not a report.</exception>
    public static RunReport ParseDocument(ReadOnlySpan<byte> json) => ParseDocument(json, DocumentOptions);

    /// <summary>Refuses unknown names, names that occur twice, nulls, numbers in place of words, and deep nesting.</summary>
    /// <exception cref="JsonException">Not a report.</exception>
    public static RunReport ParseUntrustedDocument(ReadOnlySpan<byte> json)
    {
        StrictJson.RefuseNull(json);
        return ParseDocument(json, StrictOptions);
    }

    /// <exception cref="JsonException">Not a certificate.</exception>
    public static Certificate ParseCertificate(ReadOnlySpan<byte> json) => ParseCertificate(json, DocumentOptions);

    /// <inheritdoc cref="ParseUntrustedDocument"/>
    /// <exception cref="JsonException">Not a certificate.</exception>
    public static Certificate ParseUntrustedCertificate(ReadOnlySpan<byte> json)
    {
        StrictJson.RefuseNull(json);
        return ParseCertificate(json, StrictOptions);
    }

    /// <summary>Ends with a line feed.</summary>
    public static byte[] Line(CaseResult result) => [.. JsonSerializer.SerializeToUtf8Bytes(result, TypeInfo<CaseResult>(LineOptions)), (byte)'\n'];

    /// <exception cref="JsonException">Not a case result.</exception>
    public static CaseResult ParseLine(ReadOnlySpan<byte> json) =>
        WithDefaults(JsonSerializer.Deserialize(json, TypeInfo<CaseResult>(LineOptions)) ?? throw new JsonException("null"));

    private static RunReport ParseDocument(ReadOnlySpan<byte> json, JsonSerializerOptions options)
    {
        RunReport report = JsonSerializer.Deserialize(json, TypeInfo<RunReport>(options)) ?? throw new JsonException("null");
        return report with { Guests = [.. (report.Guests ?? []).Select(WithDefaults)], Cases = [.. report.Cases.Select(WithDefaults)], Parts = report.Parts ?? [] };
    }

    private static Certificate ParseCertificate(ReadOnlySpan<byte> json, JsonSerializerOptions options) =>
        JsonSerializer.Deserialize(json, TypeInfo<Certificate>(options)) ?? throw new JsonException("null");

    /// <summary>The generated reader sets what is absent to null, whatever the type's own default is.</summary>
    private static CaseResult WithDefaults(CaseResult result) => result with
    {
        Recorded = result.Recorded ?? new SortedDictionary<string, string>(StringComparer.Ordinal),
        Findings = result.Findings ?? [],
        Hints = result.Hints ?? [],
    };

    private static GuestRecord WithDefaults(GuestRecord guest) => guest with
    {
        Problems = guest.Problems ?? [],
        GivenUp = guest.GivenUp ?? [],
        DriverFindings = guest.DriverFindings ?? [],
    };

    private static JsonTypeInfo<T> TypeInfo<T>(JsonSerializerOptions options) => (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));

    private static JsonSerializerOptions Strict()
    {
        JsonSerializerOptions options = new(DocumentOptions)
        {
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
            MaxDepth = StrictJson.MaxDepth,
        };

        // The first one that fits is taken: before those that accept numbers.
        options.Converters.Insert(0, new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false));
        return options;
    }

    private static JsonSerializerOptions Options(bool indented, bool findings) => new(BundleJsonContext.Default.Options)
    {
        WriteIndented = indented,
        IndentSize = 1,
        // Only JSON's own rules: titles keep their arrows and quotation marks.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = BundleJsonContext.Default.WithAddedModifier(type =>
        {
            foreach (JsonPropertyInfo property in type.Properties)
            {
                if (type.Type == typeof(CaseResult) && property.Name == "findings" && !findings)
                {
                    property.ShouldSerialize = (_, _) => false;
                }

                if (property.PropertyType == typeof(IReadOnlyList<RegressionHint>))
                {
                    property.ShouldSerialize = (_, value) => value is IReadOnlyList<RegressionHint> { Count: > 0 };
                }

                if (property.PropertyType == typeof(IReadOnlyList<RunPart>))
                {
                    property.ShouldSerialize = (_, value) => value is IReadOnlyList<RunPart> { Count: > 0 };
                }

                if (property.PropertyType == typeof(IReadOnlyDictionary<string, string>))
                {
                    property.ShouldSerialize = (_, value) => value is IReadOnlyDictionary<string, string> { Count: > 0 };
                }
            }
        }),
    };
}

/// <summary>64-bit numbers as decimal text: JSON readers that keep numbers as doubles would round them.</summary>
internal sealed class UInt64TextConverter : JsonConverter<ulong>
{
    public override ulong Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ulong.TryParse(reader.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
            ? value
            : throw new JsonException("not an unsigned 64-bit number");

    public override void Write(Utf8JsonWriter writer, ulong value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    Converters = [typeof(UInt64TextConverter)])]
[JsonSerializable(typeof(RunReport))]
[JsonSerializable(typeof(Certificate))]
[JsonSerializable(typeof(CaseResult))]
internal sealed partial class BundleJsonContext : JsonSerializerContext;
