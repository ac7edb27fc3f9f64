using System.Text.Encodings.Web;
using System.Text.Json;

namespace Vsockspec.Results.Attestation;

/// <summary>Reads JSON that nobody has vouched for: bounded in depth, no name twice in an object, no comments.</summary>
internal static class StrictJson
{
    /// <summary>Twice as deep as any document of ours.</summary>
    public const int MaxDepth = 16;

    /// <summary>Only JSON's own rules: a plus sign stays one.</summary>
    public static readonly JsonWriterOptions Writer = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static readonly JsonDocumentOptions Document = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>No document of ours has a null: what is not there is left out.</summary>
    /// <exception cref="JsonException">There is one, or this is no JSON.</exception>
    public static void RefuseNull(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.Null)
            {
                throw new JsonException($"there is a null at byte {reader.TokenStartIndex}");
            }
        }
    }

    /// <exception cref="JsonException">It is missing or of another kind.</exception>
    public static JsonElement Member(JsonElement element, string name, JsonValueKind kind) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member) && member.ValueKind == kind
            ? member
            : throw new JsonException($"'{name}' is missing or not {Words(kind)}");

    /// <exception cref="JsonException">It is missing or no text.</exception>
    public static string Text(JsonElement element, string name) => Decode(Member(element, name, JsonValueKind.String), $"'{name}'");

    /// <summary>Null when it is not there.</summary>
    /// <exception cref="JsonException">It is no text.</exception>
    public static string? OptionalText(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out _) ? Text(element, name) : null;

    private static string Decode(JsonElement element, string what)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // Half a surrogate pair, or bytes that are not UTF-8.
            throw new JsonException($"{what} is not a text: {e.Message}", e);
        }
    }

    private static string Words(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        _ => "a text",
    };
}
