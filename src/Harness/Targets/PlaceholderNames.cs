using System.Text.RegularExpressions;

namespace Vsockspec.Targets;

/// <summary>The words in braces of a manifest's commands.</summary>
internal static partial class PlaceholderNames
{
    /// <exception cref="DataFileException">A text has a placeholder that is not among the known ones.</exception>
    public static void RefuseUnknown(YamlMap map, string field, IEnumerable<string> texts, IReadOnlyList<string> known)
    {
        foreach (string text in texts)
        {
            foreach (Match match in Pattern().Matches(text))
            {
                string name = match.Groups[1].Value;
                if (!known.Contains(name))
                {
                    throw map.Error(field, $"has the unknown placeholder {match.Value}{Suggestion.For(name, known)}; known are: {string.Join(", ", known)}");
                }
            }
        }
    }

    [GeneratedRegex(@"\{([A-Za-z]+)\}")]
    private static partial Regex Pattern();
}
