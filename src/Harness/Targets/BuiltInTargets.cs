namespace Vsockspec.Targets;

/// <summary>
/// Targets that come with the product: the manifests in <c>suites/targets/</c>, by file name. What is called <c>guest:NAME</c> is in <c>guest-NAME.yaml</c>.
/// </summary>
public static class BuiltInTargets
{
    public const string Default = "reference";
    private const string GuestName = "guest:";
    private const string GuestFile = "guest-";

    /// <param name="suites">The suites folder.</param>
    public static IReadOnlyList<string> Names(string suites) =>
        [.. Directory.EnumerateFiles(Path.Combine(suites, "targets"), "*.yaml").Select(f => NameOf(Path.GetFileNameWithoutExtension(f))).Order(StringComparer.Ordinal)];

    /// <summary>A built-in target by name, or the manifest at a path.</summary>
    /// <exception cref="TargetException">Neither a name nor a readable manifest.</exception>
    public static TargetManifest Find(string nameOrPath, string suites)
    {
        IReadOnlyList<string> names = Names(suites);
        if (names.Contains(nameOrPath))
        {
            return TargetManifest.Load(Path.Combine(suites, "targets", FileOf(nameOrPath) + ".yaml"));
        }

        bool looksLikePath = nameOrPath.Contains('/') || nameOrPath.Contains('.');
        return looksLikePath || File.Exists(nameOrPath)
            ? TargetManifest.Load(nameOrPath)
            : throw new TargetException(
                $"unknown target '{nameOrPath}'{Suggestion.For(nameOrPath, names)}; known are: {string.Join(", ", names)}, or give the path of a manifest",
                manifest: true);
    }

    private static string NameOf(string file) => file.StartsWith(GuestFile, StringComparison.Ordinal) ? GuestName + file[GuestFile.Length..] : file;

    private static string FileOf(string name) => name.StartsWith(GuestName, StringComparison.Ordinal) ? GuestFile + name[GuestName.Length..] : name;
}
