using System.Text.RegularExpressions;

namespace Vsockspec.Guests;

/// <summary>Reads what a kernel printed on its console. The lines come from a guest: they are bounded before they get here.</summary>
public static partial class ConsoleText
{
    internal const string PanicMark = "Kernel panic - not syncing";

    /// <summary>
    /// The report of a panic: from what led to it (a BUG, an Oops, the first line of a warning) to the last line, without time stamps. Null
    /// when there is no panic.
    /// </summary>
    public static string? Panic(IReadOnlyList<string> console)
    {
        string[] lines = [.. console.Select(Plain)];
        int panic = Array.FindLastIndex(lines, l => l.Contains(PanicMark, StringComparison.Ordinal));
        if (panic < 0)
        {
            return null;
        }

        int start = Array.FindLastIndex(lines, panic, l => Cause().IsMatch(l));
        int end = Array.FindIndex(lines, panic, l => l.StartsWith("---[ end Kernel panic", StringComparison.Ordinal));
        return string.Join('\n', lines[(start < 0 ? panic : start)..(end < 0 ? lines.Length : end + 1)]);
    }

    /// <summary>Without the time stamp that printk puts in front.</summary>
    public static string Plain(string line) => Stamp().Replace(line, "").TrimEnd();

    [GeneratedRegex(@"^\[ *\d+\.\d+\](?:\[[ TC]*\d+\])? ")]
    private static partial Regex Stamp();

    [GeneratedRegex(@"^(?:BUG: |Oops: |general protection fault|------------\[ cut here|kernel BUG at |sysrq: Trigger a crash|watchdog: BUG|invalid opcode: )")]
    private static partial Regex Cause();
}
