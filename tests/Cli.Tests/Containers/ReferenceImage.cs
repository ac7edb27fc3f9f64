using System.Text.RegularExpressions;
using Docker.DotNet;
using Vsockspec.Guests;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests.Containers;

/// <summary>
/// An image of the reference back end, made from nothing: the program, and the system's libraries that .NET needs. The runtime itself comes in through a
/// read-only mount, as a manifest's <c>mounts</c> gives it.
/// </summary>
internal static partial class ReferenceImage
{
    private const string DotNetInside = "/dotnet";

    private const string Description =
        $"""
        FROM scratch
        COPY root /
        ENTRYPOINT ["{DotNetInside}/dotnet", "/app/Vsockspec.Reference.dll"]
        """;

    /// <summary>The folder of .NET on this machine.</summary>
    public static string Runtime { get; } = Path.GetFullPath(Path.Combine(Framework, "../../.."));

    private static string Framework => Path.GetDirectoryName(typeof(object).Assembly.Location)!;

    /// <summary>A manifest of the image.</summary>
    /// <param name="fields">Further fields of <c>container</c>, one a line.</param>
    public static string Manifest(string image, string fields = "", string arguments = "--socket, \"{socket}\", --uds, \"{uds}\", --cid, \"{cid}\"") =>
        $$"""
        name: reference in a container
        role: device
        transport: vhost-user
        container:
          image: {{image}}
          args: [{{arguments}}]
          mounts: [{source: {{Runtime}}, target: {{DotNetInside}}}]
          {{fields.ReplaceLineEndings("\n  ")}}
        """;

    public static void Build(IDockerClient client, string tag)
    {
        using ImageBuilder image = new(client);
        image.AddFolder("root/app", Repository.PathOf("src/Reference/bin/Release/net10.0"), file => !file.Contains("/suites/", StringComparison.Ordinal));
        AddLibraries(image);
        image.Build(tag, Description);
    }

    /// <summary>The system's libraries that the runtime's programs are linked with, below <c>root</c>.</summary>
    /// <param name="loaded">Further ones, which the runtime loads when it needs them.</param>
    public static void AddLibraries(ImageBuilder image, params string[] loaded)
    {
        string[] extra = [.. loaded.Select(name => Directory.EnumerateFiles("/usr/lib", name, SearchOption.AllDirectories).First())];
        string[] programs = [Path.Combine(Runtime, "dotnet"), .. Directory.EnumerateFiles(Framework, "lib*.so"), .. extra];
        foreach (string library in extra)
        {
            image.Add("root" + library, library);
        }

        ToolOutput output = ToolBox.Run("/usr/bin/ldd", programs, "/", 1 << 20, TimeSpan.FromSeconds(60), CancellationToken.None);
        foreach (string library in LibraryPath().Matches(output.Text).Select(m => m.Groups[1].Value).Where(l => !l.StartsWith(Runtime, StringComparison.Ordinal)).Distinct())
        {
            image.Add("root" + library, library);
        }
    }

    [GeneratedRegex(@"\s(/\S+) \(0x[0-9a-f]+\)")]
    private static partial Regex LibraryPath();
}
