namespace Vsockspec.Targets;

/// <summary>
/// A folder of its own for one instance of a target, with a path short enough for the sockets in it. Disposing removes it; the
/// <see cref="Guardian"/> does when this process is killed.
/// </summary>
public sealed class InstanceFolder : IDisposable
{
    private InstanceFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes <c>/tmp/vs-xxxxxx</c>, for the owner only.</summary>
    public static InstanceFolder Create()
    {
        string path = Directory.CreateTempSubdirectory("vs-").FullName;
        if (path.Length > UnixSockets.MaxPathLength - 32)
        {
            // TMPDIR is deep: sockets would not fit.
            Directory.Delete(path);
            path = $"/tmp/{System.IO.Path.GetFileName(path)}";
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Guardian.Watch(path);
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
