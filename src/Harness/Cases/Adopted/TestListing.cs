using System.Globalization;
using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Cases.Adopted;

/// <summary>What the programs say to <c>--list</c>: a line of headings, then a number, a tab and a name for each test.</summary>
public static partial class TestListing
{
    private const int MaxTests = 999;

    /// <summary>The names in order; empty when the text is no such list, or has gaps.</summary>
    public static IReadOnlyList<string> Parse(string output)
    {
        List<string> names = [];
        foreach (Match match in Row().Matches(output))
        {
            if (int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) != names.Count || names.Count == MaxTests)
            {
                return [];
            }

            names.Add(Printable.Clean(match.Groups[2].Value.Trim()));
        }

        return names;
    }

    [GeneratedRegex(@"^([0-9]{1,3})\t(.{1,200})$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Row();
}
