using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

/// <summary>A folder for one test, with manifests written into it.</summary>
internal sealed class Scratch : IDisposable
{
    private readonly InstanceFolder _folder = InstanceFolder.Create();

    /// <summary>A back-end that listens where its first argument says and then waits to be ended.</summary>
    public const string Listen =
        "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die $!; $| = 1; print qq(ready\\n); sleep 60;";

    public string Path => _folder.Path;

    public TargetPlace Place => new(Path, 7);

    public string Write(string name, string text)
    {
        string path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>A target that runs one command.</summary>
    public LaunchedTarget Launch(int readyTimeoutMs, params string[] command)
    {
        string words = string.Join(", ", command.Select(w => "'" + w.Replace("'", "''", StringComparison.Ordinal) + "'"));
        string manifest = Write(
            "target.yaml",
            $$"""
            name: scripted
            role: device
            transport: vhost-user
            launch:
              command: [{{words}}]
              env: {WHERE: "{socket}"}
              readyTimeoutMs: {{readyTimeoutMs}}
            """);
        return new LaunchedTarget(TargetManifest.Load(manifest));
    }

    public void Dispose() => _folder.Dispose();
}
