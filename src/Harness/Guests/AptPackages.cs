using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Vsockspec.Guests;

/// <summary>
/// Packages of kernels, and others by name, from the archives that this machine's apt knows; apt checks their signatures. Needs no root: the package is downloaded
/// and unpacked, not installed.
/// </summary>
internal sealed partial class AptPackages(ToolBox tools)
{
    private const string Prefix = "linux-image-";
    private const string UpdateLists = "run: sudo apt-get update";
    private const int MaxOutput = 16 << 20;
    private static readonly TimeSpan LookUpTime = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan DownloadTime = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan UnpackTime = TimeSpan.FromMinutes(5);

    /// <summary>The newest package that the name means.</summary>
    /// <exception cref="KernelException">No apt, no package lists, or no such kernel in them.</exception>
    public KernelPackage Resolve(KernelName name, CancellationToken cancellation)
    {
        string[] releases =
        [
            .. Run("apt-cache", ["pkgnames", Prefix], null, LookUpTime, cancellation).Text
                .Split('\n', StringSplitOptions.TrimEntries)
                .Where(p => p.StartsWith(Prefix, StringComparison.Ordinal))
                .Select(p => p[Prefix.Length..])
                .Where(KernelName.IsRelease),
        ];
        if (releases.Length == 0)
        {
            throw KernelException.OfMachine($"{name.Text}: the package lists of this machine are empty; {UpdateLists}");
        }

        // Lists also name packages that others only mention; those cannot be shown.
        return releases.Where(name.Matches).OrderDescending(DebianVersion.Order).Select(r => Show(Prefix + r, r, cancellation)).FirstOrDefault(p => p is not null)
            ?? throw KernelException.OfInput(
                $"{name.Text}: the package lists of this machine have no such kernel, but {Describe(releases)}; "
                + $"choose one of them, {UpdateLists}, or give a kernel by its path");
    }

    /// <summary>The newest package of exactly this name; null when the lists have none. Its release is its name.</summary>
    /// <exception cref="KernelException">No apt.</exception>
    public KernelPackage? Find(string package, CancellationToken cancellation) => Show(package, package, cancellation);

    /// <summary>Downloads into a folder that has nothing else; gives the path of the package, whose digest is as the lists say.</summary>
    /// <exception cref="KernelException">The download failed.</exception>
    public string Download(KernelPackage package, string folder, CancellationToken cancellation)
    {
        ToolOutput output = Run("apt-get", ["-q", "download", $"{package.Name}={package.Version}"], folder, DownloadTime, cancellation);
        if (output.ExitCode != 0)
        {
            throw KernelException.OfMachine(
                $"{package.Name} {package.Version}: download failed: {OneLine(output.Errors)}; look whether the network is there, and {UpdateLists}");
        }

        string file = Directory.EnumerateFiles(folder, "*.deb").SingleOrDefault()
            ?? throw KernelException.OfMachine($"{package.Name} {package.Version}: apt-get has left no package; it said: {OneLine(output.Errors)}");
        using FileStream stream = File.OpenRead(file);
        string digest = Convert.ToHexStringLower(SHA256.HashData(stream));
        return digest == package.Sha256
            ? file
            : throw KernelException.OfMachine(
                $"{package.Name} {package.Version}: the downloaded package has SHA-256 {digest}, "
                + $"the package lists say {package.Sha256}; {UpdateLists}");
    }

    /// <exception cref="KernelException">dpkg-deb is missing or refuses the package.</exception>
    public void Unpack(string package, string folder, CancellationToken cancellation) =>
        RunToSuccess("dpkg-deb", ["-x", package, folder], UnpackTime, cancellation);

    /// <summary>Writes <c>modules.dep</c>, which an installation would make: the package does not have it.</summary>
    /// <exception cref="KernelException">depmod is missing or failed.</exception>
    public void WriteModuleDependencies(string folder, string release, CancellationToken cancellation) =>
        RunToSuccess("depmod", ["-b", folder, release], UnpackTime, cancellation);

    private KernelPackage? Show(string name, string release, CancellationToken cancellation)
    {
        ToolOutput output = Run("apt-cache", ["show", "--no-all-versions", name], null, LookUpTime, cancellation);
        if (output.ExitCode != 0)
        {
            return null;
        }

        Dictionary<string, string> fields = new(StringComparer.Ordinal);
        foreach (Match field in FieldPattern().Matches(output.Text))
        {
            fields.TryAdd(field.Groups[1].Value, field.Groups[2].Value.Trim());
        }

        return fields.TryGetValue("Version", out string? version) && VersionPattern().IsMatch(version)
            && fields.TryGetValue("SHA256", out string? digest)
            && fields.TryGetValue("Size", out string? size) && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            ? new KernelPackage(name, release, version, digest, bytes)
            : null;
    }

    private static string Describe(string[] releases)
    {
        string[] lines = [.. releases.Select(KernelName.LineOf).OfType<string>().Distinct().Order(DebianVersion.Order)];
        return lines.Length == 0 ? "none of the flavour cloud-amd64" : string.Join(", ", lines);
    }

    private void RunToSuccess(string tool, string[] arguments, TimeSpan time, CancellationToken cancellation)
    {
        ToolOutput output = Run(tool, arguments, null, time, cancellation);
        if (output.ExitCode != 0)
        {
            throw KernelException.OfMachine($"{tool} {string.Join(' ', arguments)}: {OneLine(output.Errors)}");
        }
    }

    private ToolOutput Run(string tool, string[] arguments, string? folder, TimeSpan time, CancellationToken cancellation)
    {
        string program = tools.Find(tool) ?? throw KernelException.OfMachine(tool == "depmod"
            ? "depmod is missing; install it: sudo apt-get install -y kmod"
            : $"{tool} is missing: this is not a Debian system; give a kernel by its path: a bzImage, or the folder of an unpacked kernel package");
        return ToolBox.Run(program, arguments, folder, MaxOutput, time, cancellation);
    }

    /// <summary>What apt says as an error, else all that it said.</summary>
    private static string OneLine(string errors)
    {
        string[] lines = errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string[] grave = [.. lines.Where(l => l.StartsWith("E: ", StringComparison.Ordinal)).Select(l => l[3..])];
        return string.Join("; ", (grave.Length > 0 ? grave : lines).TakeLast(3));
    }

    [GeneratedRegex("^(Version|SHA256|Size):(.*)$", RegexOptions.Multiline)]
    private static partial Regex FieldPattern();

    [GeneratedRegex(@"^[A-Za-z0-9.+~-]{1,120}\z")]
    private static partial Regex VersionPattern();
}
