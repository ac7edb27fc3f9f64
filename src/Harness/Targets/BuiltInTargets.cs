namespace Vsockspec.Targets;

/// <summary>Targets that come with the product: the manifests in <c>suites/targets/</c>, by file name.</summary>
public static class BuiltInTargets
{
    public const string Default = "reference";

    /// <param name="suites">The suites folder.</param>
    public static IReadOnlyList<string> Names(string suites) =>
        [.. Directory.EnumerateFiles(Path.Combine(suites, "targets"), "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    /// <summary>A built-in target by name, or the manifest at a path.</summary>
    /// <exception cref="TargetException">Neither a name nor a readable manifest.</exception>
    public static TargetManifest Find(string nameOrPath, string suites)
    {
        IReadOnlyList<string> names = Names(suites);
        if (names.Contains(nameOrPath))
        {
            return TargetManifest.Load(Path.Combine(suites, "targets", nameOrPath + ".yaml"));
        }

        bool looksLikePath = nameOrPath.Contains('/') || nameOrPath.Contains('.');
        return looksLikePath || File.Exists(nameOrPath)
            ? TargetManifest.Load(nameOrPath)
            : throw new TargetException(
                $"unknown target '{nameOrPath}'{Suggestion.For(nameOrPath, names)}; known are: {string.Join(", ", names)}, or give the path of a manifest",
                manifest: true);
    }
}
