using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Vsockspec.Guests;

/// <summary><c>kernel.json</c> beside an unpacked kernel package: where it came from and what it was.</summary>
/// <param name="Name">The name it was fetched by.</param>
/// <param name="Release">What <c>uname -r</c> says.</param>
/// <param name="Package">Name of the Debian package.</param>
/// <param name="PackageVersion">Version of the Debian package.</param>
/// <param name="PackageSha256">64 lower-case hexadecimal digits over the package.</param>
/// <param name="ImageSha256">64 lower-case hexadecimal digits over <c>boot/vmlinuz-RELEASE</c>.</param>
internal sealed partial record KernelManifest(
    string Name,
    string Release,
    string Package,
    string PackageVersion,
    string PackageSha256,
    string ImageSha256)
{
    public const string FileName = "kernel.json";
    private const long MaxBytes = 64 << 10;

    /// <exception cref="KernelException">Not readable or damaged.</exception>
    public static KernelManifest Load(string folder)
    {
        string file = Path.Combine(folder, FileName);
        try
        {
            using FileStream stream = File.OpenRead(file);
            if (stream.Length > MaxBytes)
            {
                throw Damaged(file, $"is larger than {MaxBytes} bytes");
            }

            KernelManifest manifest = JsonSerializer.Deserialize(stream, KernelManifestJson.Default.KernelManifest)
                ?? throw Damaged(file, "is empty");
            return manifest.FirstBadField() is { } field ? throw Damaged(file, $"field '{field}' is missing or damaged") : manifest;
        }
        catch (JsonException e)
        {
            throw Damaged(file, e.Message, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Damaged(file, e.Message, e);
        }
    }

    public void Save(string folder) =>
        File.WriteAllBytes(
            Path.Combine(folder, FileName),
            [.. JsonSerializer.SerializeToUtf8Bytes(this, KernelManifestJson.Default.KernelManifest), (byte)'\n']);

    /// <summary>The reader sets what is absent to null, whatever the type says.</summary>
    private string? FirstBadField() =>
        string.IsNullOrEmpty(Name) ? "name"
        : Release is null || !KernelName.IsRelease(Release) ? "release"
        : string.IsNullOrEmpty(Package) ? "package"
        : string.IsNullOrEmpty(PackageVersion) ? "packageVersion"
        : PackageSha256 is null || !Sha256Pattern().IsMatch(PackageSha256) ? "packageSha256"
        : ImageSha256 is null || !Sha256Pattern().IsMatch(ImageSha256) ? "imageSha256"
        : null;

    private static KernelException Damaged(string file, string problem, Exception? inner = null) =>
        KernelException.OfMachine($"{file}: {problem}; remove the folder {Path.GetDirectoryName(file)} and fetch the kernel again", inner);

    [GeneratedRegex(@"^[0-9a-f]{64}\z")]
    private static partial Regex Sha256Pattern();
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(KernelManifest))]
internal sealed partial class KernelManifestJson : JsonSerializerContext;
