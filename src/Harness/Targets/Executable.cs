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

    /// <summary>SHA-256 of the file that holds the program: for <c>dotnet [exec] app.dll</c> the dll. Null when it cannot be read.</summary>
    internal static string? Digest(IReadOnlyList<string> command)
    {
        string file = Path.GetFileName(command[0]) == "dotnet"
            ? command.Skip(1).FirstOrDefault(a => a.EndsWith(".dll", StringComparison.Ordinal)) ?? command[0]
            : command[0];
        try
        {
            using FileStream stream = File.OpenRead(file);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
