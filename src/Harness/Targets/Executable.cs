using System.Security.Cryptography;

namespace Vsockspec.Targets;

/// <summary>Finds programs as execvp(3) does.</summary>
public static class Executable
{
    private const UnixFileMode AnyExecute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Full path of a program on PATH; null when there is none.</summary>
    public static string? OnPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(IsExecutable);

    public static bool IsExecutable(string path) => File.Exists(path) && (File.GetUnixFileMode(path) & AnyExecute) != 0;

    /// <summary>SHA-256 of what a command runs: of a .NET program that of <see cref="DotNetProgram"/>, otherwise of the file itself. Null when it cannot be read.</summary>
    /// <inheritdoc cref="DotNetProgram.Of"/>
    internal static string? Digest(IReadOnlyList<string> command, string? workingDirectory)
    {
        try
        {
            return DotNetProgram.Of(command, workingDirectory) is { } program ? program.Digest() : FileDigest(command[0]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>SHA-256 of a file, hex.</summary>
    internal static string FileDigest(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
