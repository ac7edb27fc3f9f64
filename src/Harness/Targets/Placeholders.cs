namespace Vsockspec.Targets;

/// <summary>The values a launch command is filled in with.</summary>
internal sealed class Placeholders
{
    /// <summary>Without braces, in the order in which messages list them.</summary>
    public static IReadOnlyList<string> Names { get; } = ["socket", "uds", "cid", "dir", "dotnet", "base"];

    private readonly (string Token, string Value)[] _values;

    public Placeholders(string socket, string uds, TargetPlace place) =>
        _values =
        [
            ("{socket}", socket),
            ("{uds}", uds),
            ("{cid}", place.GuestCid.ToString()),
            ("{dir}", place.Folder),
            ("{dotnet}", DotNetHost),
            ("{base}", AppContext.BaseDirectory.TrimEnd('/')),
        ];

    /// <summary>The dotnet that runs this program, so that what it starts uses the same one; otherwise the one on PATH.</summary>
    public static string DotNetHost { get; } = FindDotNetHost();

    public string Fill(string text)
    {
        foreach ((string token, string value) in _values)
        {
            text = text.Replace(token, value, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>Only what does not depend on the place: enough to find the program.</summary>
    public static string FillStatic(string text) => text
        .Replace("{dotnet}", DotNetHost, StringComparison.Ordinal)
        .Replace("{base}", AppContext.BaseDirectory.TrimEnd('/'), StringComparison.Ordinal);

    private static string FindDotNetHost()
    {
        if (Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet")
        {
            return path;
        }

        if (Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } host && File.Exists(host))
        {
            return host;
        }

        // An apphost runs on a runtime in <root>/shared/Microsoft.NETCore.App/<version>; its dotnet is in <root>.
        string besideRuntime = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "../../../dotnet"));
        return File.Exists(besideRuntime) ? besideRuntime : "dotnet";
    }
}
