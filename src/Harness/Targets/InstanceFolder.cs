using System.Security.Cryptography;

namespace Vsockspec.Targets;

/// <summary>
/// A folder of its own for one instance of a target, with a path short enough for the sockets in it. Disposing removes it; the
/// <see cref="Guardian"/> does when this process is killed.
/// </summary>
public sealed class InstanceFolder : IDisposable
{
    private InstanceFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes <c>/tmp/vs-xxxxxxxx</c>, for the owner only.</summary>
    public static InstanceFolder Create()
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        string name = "vs-" + RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 8);
        string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), name);
        if (path.Length > UnixSockets.MaxPathLength - 32)
        {
            // TMPDIR is deep: sockets would not fit.
            path = $"/tmp/{name}";
        }

        // Before it is there, so that it is not left whenever we are killed.
        Guardian.Watch(path);
        Directory.CreateDirectory(path, OwnerOnly);
        return new InstanceFolder(path);
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Removed by the target or by a second Dispose: the aim is reached.
        }

        Guardian.Release(Path);
    }
}
