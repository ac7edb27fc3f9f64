using System.Globalization;
using System.Text;

namespace Vsockspec.Cli.Tests;

/// <summary>Processes that came from one: they inherit its TMPDIR, whoever their parent is now.</summary>
internal static class Descendants
{
    /// <summary>Ids of the processes that have the folder as TMPDIR.</summary>
    public static IReadOnlyList<int> Of(string temporaryFolder)
    {
        byte[] variable = Encoding.UTF8.GetBytes($"TMPDIR={temporaryFolder}\0");
        return
        [
            .. Directory.EnumerateDirectories("/proc")
                .Where(p => char.IsAsciiDigit(Path.GetFileName(p)[0]) && Environment(p).IndexOf(variable) >= 0)
                .Select(p => int.Parse(Path.GetFileName(p), CultureInfo.InvariantCulture)),
        ];
    }

    private static ReadOnlySpan<byte> Environment(string process)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(process, "environ"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has just ended, or is another user's.
            return [];
        }
    }
}
