namespace Vsockspec.Targets;

/// <summary>The runtime that this program runs on.</summary>
public static class DotNet
{
    /// <summary>The dotnet that runs this program, so that what it starts uses the same one; otherwise the one on PATH.</summary>
    public static string Host { get; } = Find();

    private static string Find()
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
