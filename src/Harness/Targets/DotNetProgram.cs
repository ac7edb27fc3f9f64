using System.Security.Cryptography;
using System.Text;

namespace Vsockspec.Targets;

/// <summary>
/// A .NET program as its folder holds it: assemblies, native libraries and the settings of the host, which all can change what it does. The runtime is not part of it.
/// </summary>
internal sealed class DotNetProgram
{
    private const string Assembly = ".dll";
    private const string Settings = ".runtimeconfig.json";

    /// <summary>Where the host looks for what is made for one platform.</summary>
    private const string Platforms = "runtimes";

    private readonly string _folder;

    /// <summary>The file by which it is started, when that is in the folder and no assembly.</summary>
    private readonly string? _host;

    private DotNetProgram(string folder, string? host)
    {
        _folder = folder;
        _host = host;
    }

    /// <summary>The program of <c>dotnet [exec] app.dll</c>, or of a host that stands beside its <c>app.dll</c>; null for any other command.</summary>
    /// <param name="command">Program and arguments; the program by its full path.</param>
    /// <param name="workingDirectory">Where relative paths start from; null: it is not known before the program starts.</param>
    /// <exception cref="FileNotFoundException">The assembly is not there.</exception>
    public static DotNetProgram? Of(IReadOnlyList<string> command, string? workingDirectory)
    {
        if (Path.GetFileName(command[0]) == "dotnet" && command.Skip(1).FirstOrDefault(a => a.EndsWith(Assembly, StringComparison.Ordinal)) is { } assembly)
        {
            string file = Path.Combine(workingDirectory ?? "", assembly);
            return Path.IsPathFullyQualified(file) && File.Exists(file)
                ? new DotNetProgram(Path.GetDirectoryName(file)!, null)
                : throw new FileNotFoundException("no such assembly", assembly);
        }

        return File.Exists(command[0] + Assembly) && File.Exists(command[0] + Settings)
            ? new DotNetProgram(Path.GetDirectoryName(Path.GetFullPath(command[0]))!, Path.GetFileName(command[0]))
            : null;
    }

    /// <summary>SHA-256 over the lines that sha256sum(1) prints of the files, by their paths from the folder, in the order of the paths' bytes.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public string Digest()
    {
        StringBuilder lines = new();
        foreach (string path in Files().Select(file => Path.GetRelativePath(_folder, file)).Order(StringComparer.Ordinal))
        {
            lines.Append(Executable.FileDigest(Path.Combine(_folder, path))).Append("  ").Append(path).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

    private IEnumerable<string> Files()
    {
        string platforms = Path.Combine(_folder, Platforms);
        return Directory.EnumerateFiles(_folder)
            .Where(file => IsCode(file) || Path.GetFileName(file) == _host)
            .Concat(Directory.Exists(platforms) ? Directory.EnumerateFiles(platforms, "*", SearchOption.AllDirectories).Where(IsCode) : []);
    }

    private static bool IsCode(string file) =>
        file.EndsWith(Assembly, StringComparison.Ordinal)
        || file.EndsWith(".so", StringComparison.Ordinal)
        || file.EndsWith(".deps.json", StringComparison.Ordinal)
        || file.EndsWith(Settings, StringComparison.Ordinal);
}
