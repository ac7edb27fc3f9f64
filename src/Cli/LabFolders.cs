namespace Vsockspec.Cli;

/// <summary>Which folders of this machine a lab may write.</summary>
internal static class LabFolders
{
    /// <summary>
    /// The working folder, and the one that <c>--out</c> names, which is made if need be. The root of the file system is never writable: a lab
    /// started there keeps only what <c>--out</c> names.
    /// </summary>
    /// <exception cref="UsageException">The folder of <c>--out</c> cannot be made.</exception>
    public static IReadOnlyList<string> Writable(IReadOnlyList<string> arguments)
    {
        List<string> folders = [];
        if (Environment.CurrentDirectory != "/")
        {
            folders.Add(Environment.CurrentDirectory);
        }

        foreach (string named in OutFolders(arguments).Select(Path.GetFullPath))
        {
            if (!folders.Any(f => named == f || named.StartsWith(f + '/', StringComparison.Ordinal)))
            {
                folders.Add(Make(named));
            }
        }

        return folders;
    }

    /// <summary>Values of <c>--out DIR</c> and <c>--out=DIR</c>, and of <c>--resume</c>.</summary>
    private static IEnumerable<string> OutFolders(IReadOnlyList<string> arguments)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            string[] parts = arguments[i].Split('=', 2);
            if (parts[0] is "--out" or "--resume")
            {
                if (parts.Length == 2)
                {
                    yield return parts[1];
                }
                else if (i + 1 < arguments.Count)
                {
                    yield return arguments[i + 1];
                }
            }
        }
    }

    private static string Make(string folder)
    {
        try
        {
            return Directory.CreateDirectory(folder).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--out: {folder}: {e.Message}; give a folder that can be made");
        }
    }
}
