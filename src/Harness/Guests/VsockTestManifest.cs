using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vsockspec.Guests;

/// <summary>A program that was built, or why it was not.</summary>
/// <param name="Sha256">Null: it could not be built.</param>
/// <param name="Missing">Why not.</param>
internal sealed record BuiltProgram(string Name, string? Sha256, string? Missing);

/// <summary>What is written beside tests that were built: where they came from, and their digests.</summary>
/// <param name="Recipe">How they were built; another one builds them anew.</param>
/// <param name="SourceSha256">Over the names and contents of the files that were unpacked.</param>
internal sealed record VsockTestManifest(
    string Recipe, string Package, string PackageVersion, string PackageSha256, string SourceSha256, IReadOnlyList<BuiltProgram> Programs)
{
    public const string FileName = "build.json";
    private const long MaxBytes = 64 << 10;

    /// <summary>Null when there is none, or it is damaged.</summary>
    public static VsockTestManifest? Load(string folder)
    {
        try
        {
            FileInfo file = new(Path.Combine(folder, FileName));
            return file is { Exists: true, Length: <= MaxBytes }
                ? JsonSerializer.Deserialize(File.ReadAllBytes(file.FullName), VsockTestManifestJson.Default.VsockTestManifest)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    public void Save(string folder) =>
        File.WriteAllBytes(
            Path.Combine(folder, FileName),
            [.. JsonSerializer.SerializeToUtf8Bytes(this, VsockTestManifestJson.Default.VsockTestManifest), (byte)'\n']);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(VsockTestManifest))]
internal sealed partial class VsockTestManifestJson : JsonSerializerContext;
