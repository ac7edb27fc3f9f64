using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// The kernel's own vsock tests that this machine has: a cache of folders <c>PACKAGE_VERSION</c> with the programs and their source. Thread-safe, and
/// safe against other processes that use the same cache.
/// </summary>
public sealed class VsockTestStore
{
    private const string Unfinished = ".build-";
    private readonly AptPackages _packages;
    private readonly VsockTestBuild _build;

    /// <param name="root">Folder of the cache; made when something is built.</param>
    /// <param name="tools">Where apt-get, apt-cache, dpkg-deb, tar, make and cc are.</param>
    public VsockTestStore(string root, ToolBox tools)
    {
        Root = Path.GetFullPath(root);
        _packages = new AptPackages(tools);
        _build = new VsockTestBuild(tools, _packages);
    }

    public string Root { get; }

    /// <summary>Beside the kernels, see <see cref="KernelStore.OfThisUser"/>.</summary>
    /// <exception cref="KernelException">There is no home folder.</exception>
    public static VsockTestStore OfThisUser() =>
        new(Path.Combine(Path.GetDirectoryName(KernelStore.OfThisUser().Root)!, "vsock-tests"), ToolBox.OfThisMachine);

    /// <summary>The newest tests of that source that were built before; null when there are none. Needs no network.</summary>
    public VsockTests? Find(VsockTestName name) => !Directory.Exists(Root)
        ? null
        : Directory.EnumerateDirectories(Root, $"{name.Package}_*")
            .OrderByDescending(folder => folder, DebianVersion.Order)
            .Select(Intact)
            .FirstOrDefault(tests => tests is not null);

    /// <summary>What is there, and if nothing is, the newest source that apt knows, built. Interrupted, it leaves nothing.</summary>
    /// <param name="progress">Is told in a line what is being done.</param>
    /// <exception cref="KernelException">The source cannot be fetched, or does not compile here.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public VsockTests Fetch(VsockTestName name, Action<string> progress, CancellationToken cancellation)
    {
        if (Find(name) is { } found)
        {
            return found;
        }

        try
        {
            Directory.CreateDirectory(Root);
            using CacheLock theCache = CacheLock.Acquire(Root, () => progress($"{name.Text}: waiting for another process that builds"), cancellation);
            return Find(name) ?? Make(name, progress, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw KernelException.OfMachine($"{Root}: {e.Message}; set XDG_CACHE_HOME to a folder that can be written and has room", e);
        }
    }

    private VsockTests Make(VsockTestName name, Action<string> progress, CancellationToken cancellation)
    {
        // We hold the lock: what is unfinished belongs to nobody any more.
        foreach (string left in Directory.EnumerateDirectories(Root, Unfinished + "*").ToArray())
        {
            Directory.Delete(left, recursive: true);
        }

        KernelPackage package = _packages.Find(name.Package, cancellation)
            ?? throw KernelException.OfMachine($"{name.Text}: the package lists of this machine have no {name.Package}; run: sudo apt-get update");
        string place = Path.Combine(Root, $"{package.Name}_{package.Version}");
        string work = Path.Combine(Root, Unfinished + Guid.NewGuid().ToString("N"));
        Guardian.Watch(work);
        try
        {
            string made = Build(name, package, work, progress, cancellation);
            if (Directory.Exists(place))
            {
                // Damaged, or of another recipe; nobody shall see it half removed.
                Directory.Move(place, Path.Combine(work, "old"));
            }

            Directory.Move(made, place);
            return Intact(place) ?? throw KernelException.OfMachine($"{place}: what was just built is damaged; look whether the disk is full");
        }
        finally
        {
            if (Directory.Exists(work))
            {
                Directory.Delete(work, recursive: true);
            }

            Guardian.Release(work);
        }
    }

    private string Build(VsockTestName name, KernelPackage package, string work, Action<string> progress, CancellationToken cancellation)
    {
        string download = Directory.CreateDirectory(Path.Combine(work, "download")).FullName;
        progress($"{name.Text}: downloading {package.Name} {package.Version} ({package.Size / 1e6:0.0} MB)");
        string file = _packages.Download(package, download, cancellation);
        progress($"{name.Text}: unpacking");
        string unpacked = Path.Combine(work, "package");
        _packages.Unpack(file, unpacked, cancellation);
        string made = Directory.CreateDirectory(Path.Combine(work, "made")).FullName;
        string source = Path.Combine(made, "source");
        string digest = _build.Unpack(unpacked, name.Line, source, cancellation);
        progress($"{name.Text}: compiling");
        IReadOnlyList<BuiltProgram> programs = _build.Compile(source, made, cancellation);
        new VsockTestManifest(VsockTestBuild.Recipe, package.Name, package.Version, package.Sha256, digest, programs).Save(made);
        return made;
    }

    /// <summary>Null when anything is not as it was built.</summary>
    private static VsockTests? Intact(string folder)
    {
        if (VsockTestManifest.Load(folder) is not { Recipe: VsockTestBuild.Recipe } manifest)
        {
            return null;
        }

        Dictionary<string, string> programs = new(StringComparer.Ordinal);
        Dictionary<string, string> missing = new(StringComparer.Ordinal);
        foreach (BuiltProgram program in manifest.Programs.Where(p => VsockTests.Names.Contains(p.Name)))
        {
            string path = Path.Combine(folder, program.Name);
            if (program.Sha256 is null)
            {
                missing[program.Name] = program.Missing ?? "not built";
            }
            else if (File.Exists(path) && KernelFiles.Digest(path) == $"sha256:{program.Sha256}")
            {
                programs[program.Name] = path;
            }
            else
            {
                return null;
            }
        }

        return programs.ContainsKey(VsockTests.Test)
            ? new VsockTests(manifest.Package, manifest.PackageVersion, manifest.PackageSha256, manifest.SourceSha256, programs, missing)
            : null;
    }
}
