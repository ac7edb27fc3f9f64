using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Vsockspec.Results.Attestation;

/// <summary>One signature of an envelope.</summary>
/// <param name="KeyId">A hint which key made it; nobody vouches for it.</param>
public sealed record DsseSignature(string KeyId, byte[] Value);

/// <summary>
/// A payload with signatures: the JSON envelope of DSSE 1.0.2 (secure-systems-lab/dsse, protocol.md and envelope.md). What is signed is <see cref="Signed"/>.
/// </summary>
public sealed record DsseEnvelope(string PayloadType, byte[] Payload, IReadOnlyList<DsseSignature> Signatures)
{
    private const int MaxSignatures = 16;

    /// <summary>The bytes that signatures are over: DSSE's pre-authentication encoding of type and payload.</summary>
    public byte[] Signed => PreAuthentication(PayloadType, Payload);

    /// <summary><c>DSSEv1 LEN(type) type LEN(body) body</c>; lengths are those of the bytes, in decimal.</summary>
    public static byte[] PreAuthentication(string payloadType, ReadOnlySpan<byte> payload)
    {
        byte[] type = Encoding.UTF8.GetBytes(payloadType);
        string before = string.Create(CultureInfo.InvariantCulture, $"DSSEv1 {type.Length} ");
        string between = string.Create(CultureInfo.InvariantCulture, $" {payload.Length} ");
        return [.. Encoding.ASCII.GetBytes(before), .. type, .. Encoding.ASCII.GetBytes(between), .. payload];
    }

    public byte[] ToJson()
    {
        using MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, StrictJson.Writer with { Indented = true, IndentSize = 1 }))
        {
            writer.WriteStartObject();
            writer.WriteString("payloadType", PayloadType);
            writer.WriteBase64String("payload", Payload);
            writer.WriteStartArray("signatures");
            foreach (DsseSignature signature in Signatures)
            {
                writer.WriteStartObject();
                writer.WriteString("keyid", signature.KeyId);
                writer.WriteBase64String("sig", signature.Value);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        json.WriteByte((byte)'\n');
        return json.ToArray();
    }

    /// <summary>Reads an envelope that nobody has vouched for. Fields that DSSE does not know are passed over, as it demands.</summary>
    /// <exception cref="JsonException">Not an envelope.</exception>
    public static DsseEnvelope Parse(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = JsonDocument.Parse(json, StrictJson.Document);
        JsonElement root = document.RootElement;
        JsonElement signatures = StrictJson.Member(root, "signatures", JsonValueKind.Array);
        return signatures.GetArrayLength() <= MaxSignatures
            ? new DsseEnvelope(StrictJson.Text(root, "payloadType"), Base64(root, "payload"), [.. signatures.EnumerateArray().Select(ParseSignature)])
            : throw new JsonException($"'signatures' has {signatures.GetArrayLength()} entries; at most {MaxSignatures} make sense");
    }

    private static DsseSignature ParseSignature(JsonElement signature) =>
        new(StrictJson.OptionalText(signature, "keyid") ?? "", Base64(signature, "sig"));

    /// <summary>A reader has to take the usual alphabet and that for URLs.</summary>
    private static byte[] Base64(JsonElement element, string name)
    {
        string text = StrictJson.Text(element, name);
        byte[] bytes = new byte[((text.Length / 4) + 1) * 3];
        if (Convert.TryFromBase64String(text, bytes, out int length))
        {
            return bytes[..length];
        }

        return Base64Url.IsValid(text) ? Base64Url.DecodeFromChars(text) : throw new JsonException($"'{name}' is not base64");
    }
}
