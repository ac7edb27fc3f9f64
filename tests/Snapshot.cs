using System.Runtime.CompilerServices;
using NUnit.Framework;

namespace Vsockspec.Tests;

/// <summary>Where the repository is, seen from a test.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(string path) => Path.Combine(Root, path);

    private static string FindRoot()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Conformance.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"{AppContext.BaseDirectory} is not inside the repository");
        }

        return folder.FullName;
    }
}

/// <summary>Compares a text with the one approved in <c>Snapshots/</c> beside the test. UPDATE_SNAPSHOTS=1 approves what is there.</summary>
internal static class Snapshot
{
    public static void Match(string actual, string name, [CallerFilePath] string testFile = "")
    {
        // A deterministic build maps the repository's root to /_/.
        string folder = Path.GetDirectoryName(testFile[(testFile.LastIndexOf("/tests/", StringComparison.Ordinal) + 1)..])!;
        string file = Repository.PathOf(Path.Combine(folder, "Snapshots", name));
        string normal = actual.ReplaceLineEndings("\n");
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, normal);
            return;
        }

        Assert.That(File.Exists(file), $"{file}: not approved yet; look at the text and run with UPDATE_SNAPSHOTS=1:\n{normal}");
        Assert.That(normal, Is.EqualTo(File.ReadAllText(file)), $"{file} differs; if the new text is right, run with UPDATE_SNAPSHOTS=1");
    }
}
