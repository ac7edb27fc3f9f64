using System.Globalization;
using System.Text.RegularExpressions;

namespace Vsockspec.Cases.Adopted;

/// <summary>What a program said of one test.</summary>
public enum TestWord
{
    /// <summary>Nothing: it did not get there.</summary>
    None,

    /// <summary>It began and did not end.</summary>
    Begun,
    Ok,
    Skipped,
}

/// <summary>What one side said of one test.</summary>
/// <param name="Index">Its place in the list.</param>
/// <param name="Reason">Why it was skipped, where the program says so.</param>
public sealed record TestSaid(int Index, TestWord Word, string? Reason);

/// <summary>
/// Reads the output of a program: <c>8 - SOCK_SEQPACKET timeout...ok</c>. Between the dots and the word there may be lines of standard error.
/// </summary>
public static partial class TestOutput
{
    /// <summary>All tests that the output speaks of, in its order.</summary>
    public static IReadOnlyList<TestSaid> Read(string output)
    {
        List<TestSaid> said = [];
        for (Match match = Begin().Match(output); match.Success; match = match.NextMatch())
        {
            int start = match.Index + match.Length;
            Match end = Next().Match(output, start);
            string section = output[start..(end.Success ? end.Index : output.Length)].Trim();
            said.Add(Judge(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), section));
        }

        return said;
    }

    /// <summary>The output without the lines of tests that were left out because we asked for another.</summary>
    public static string WithoutSkipped(string output) => SkippedLine().Replace(output, "");

    private static TestSaid Judge(int index, string section)
    {
        Match reason = Reason().Match(section);
        return reason.Success ? new TestSaid(index, TestWord.Skipped, reason.Groups[1].Value.Trim())
            : section.EndsWith("ok", StringComparison.Ordinal) ? new TestSaid(index, TestWord.Ok, null)
            : section == "skipped" ? new TestSaid(index, TestWord.Skipped, null)
            : new TestSaid(index, TestWord.Begun, null);
    }

    [GeneratedRegex(@"^([0-9]{1,3}) - .{1,200}?\.\.\.", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Begin();

    [GeneratedRegex(@"^(?:[0-9]{1,3} - |All tests have been executed)", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Next();

    [GeneratedRegex(@"\btest skipped[,: ]*([^\n]*)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Reason();

    [GeneratedRegex(@"^[0-9]{1,3} - .{1,200}?\.\.\.skipped\r?\n", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex SkippedLine();
}
