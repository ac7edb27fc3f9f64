using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// Kernels that this machine has: a cache of unpacked packages, one folder <c>RELEASE_PACKAGEVERSION</c> each, and any image by its path.
/// Thread-safe, and safe against other processes that use the same cache.
/// </summary>
public sealed class KernelStore
{
    private const string Unfinished = ".fetch-";

    private readonly AptPackages _packages;

    /// <param name="root">Folder of the cache; made when something is fetched.</param>
    /// <param name="tools">Where apt-get, apt-cache, dpkg-deb and depmod are.</param>
    public KernelStore(string root, ToolBox tools)
    {
        Root = Path.GetFullPath(root);
        _packages = new AptPackages(tools);
    }

    public string Root { get; }

    /// <summary>
    /// <c>$XDG_CACHE_HOME/vsockspec/kernels</c>. As the XDG base directory specification says, a relative value does not count; without
    /// one it is ~/.cache.
    /// </summary>
    /// <exception cref="KernelException">Neither XDG_CACHE_HOME nor HOME says where.</exception>
    public static KernelStore OfThisUser()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!Path.IsPathRooted(cache))
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            cache = home.Length > 0
                ? Path.Combine(home, ".cache")
                : throw KernelException.OfMachine("there is no home folder to keep kernels in; set XDG_CACHE_HOME to an absolute path");
        }

        return new KernelStore(Path.Combine(cache, "vsockspec", "kernels"), ToolBox.OfThisMachine);
    }

    /// <summary>Whether something can be called so; looks at no file.</summary>
    /// <exception cref="KernelException">Nothing can.</exception>
    public static void CheckName(string name) => KernelName.Parse(name);

    /// <summary>
    /// What is there under a name, without network: for <c>debian:6.12</c> the newest cached cloud kernel of that line. Null when nothing
    /// is cached.
    /// </summary>
    /// <param name="name"><c>debian:6.1</c>, <c>debian:RELEASE</c>, or the path of a bzImage or of an unpacked kernel package.</param>
    /// <exception cref="KernelException">The name is none, the path leads to no kernel, or the cached kernel is damaged.</exception>
    public GuestKernel? Find(string name) => Find(KernelName.Parse(name));

    /// <summary>As <see cref="Find(string)"/>; what is not cached is an error that says how to fetch it.</summary>
    /// <exception cref="KernelException">As <see cref="Find(string)"/>, or not cached.</exception>
    public GuestKernel Get(string name) =>
        Find(name) ?? throw KernelException.OfMachine($"kernel {name} is not on this machine; fetch it: vsockspec guest fetch {name}");

    /// <summary>All cached kernels, newest first. The newest of a line has the line's name, the others that of their release.</summary>
    /// <exception cref="KernelException">A cached kernel is damaged.</exception>
    public IReadOnlyList<GuestKernel> List()
    {
        HashSet<string> lines = new(StringComparer.Ordinal);
        List<GuestKernel> kernels = [];
        foreach ((string folder, KernelManifest manifest) in Cached())
        {
            string exact = $"debian:{manifest.Release}";
            string name = KernelName.LineOf(manifest.Release) is { } line && lines.Add(line) ? line : exact;
            kernels.Add(KernelFiles.Cached(name, folder, manifest));
        }

        return kernels;
    }

    /// <summary>What is there, and if nothing is, the newest package that the name means. Interrupted, it leaves nothing.</summary>
    /// <param name="progress">Is told in a line what is being done.</param>
    /// <exception cref="KernelException">As <see cref="Find(string)"/>, or the kernel cannot be fetched.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public GuestKernel Fetch(string name, Action<string> progress, CancellationToken cancellation)
    {
        KernelName parsed = KernelName.Parse(name);
        return Find(parsed) ?? Locked(parsed, progress, () => Find(parsed) ?? FetchNewest(parsed, progress, cancellation), cancellation);
    }

    /// <summary>
    /// Asks the archive though a kernel is there, and fetches what is newer. A cached kernel of the same version stays, unless it is
    /// damaged.
    /// </summary>
    /// <inheritdoc cref="Fetch"/>
    public GuestKernel Refresh(string name, Action<string> progress, CancellationToken cancellation)
    {
        KernelName parsed = KernelName.Parse(name);
        return parsed is KernelName.AtPath path
            ? KernelFiles.AtPath(path)
            : Locked(parsed, progress, () => FetchNewest(parsed, progress, cancellation), cancellation);
    }

    private GuestKernel? Find(KernelName name)
    {
        if (name is KernelName.AtPath path)
        {
            return KernelFiles.AtPath(path);
        }

        foreach ((string folder, KernelManifest manifest) in Cached())
        {
            if (name.Matches(manifest.Release))
            {
                GuestKernel kernel = KernelFiles.Cached(name.Text, folder, manifest);
                return KernelFiles.Digest(kernel.Image) == kernel.Digest
                    ? kernel
                    : throw KernelException.OfMachine(
                        $"{kernel.Image}: is damaged (its SHA-256 is not that of {KernelManifest.FileName}); "
                        + $"run: vsockspec guest fetch {name.Text} --refresh");
            }
        }

        return null;
    }

    /// <summary>Newest first. A folder without a manifest is none of ours: kernels come into the cache whole.</summary>
    private IEnumerable<(string Folder, KernelManifest Manifest)> Cached()
    {
        if (!Directory.Exists(Root))
        {
            return [];
        }

        return Directory.EnumerateDirectories(Root)
            .Where(f => !Path.GetFileName(f).StartsWith('.') && File.Exists(Path.Combine(f, KernelManifest.FileName)))
            .Select(f => (Folder: f, Manifest: KernelManifest.Load(f)))
            .OrderByDescending(k => k.Manifest.Release, DebianVersion.Order)
            .ThenByDescending(k => k.Manifest.PackageVersion, DebianVersion.Order);
    }

    private GuestKernel Locked(KernelName name, Action<string> progress, Func<GuestKernel> work, CancellationToken cancellation)
    {
        try
        {
            Directory.CreateDirectory(Root);
            void Waiting() => progress($"{name.Text}: waiting for another process that fetches");
            using CacheLock theCache = CacheLock.Acquire(Root, Waiting, cancellation);
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw KernelException.OfMachine($"{Root}: {e.Message}; set XDG_CACHE_HOME to a folder that can be written and has room", e);
        }
    }

    private GuestKernel FetchNewest(KernelName name, Action<string> progress, CancellationToken cancellation)
    {
        // We hold the lock: what is unfinished belongs to nobody any more.
        foreach (string left in Directory.EnumerateDirectories(Root, Unfinished + "*").ToArray())
        {
            Directory.Delete(left, recursive: true);
        }

        KernelPackage package = _packages.Resolve(name, cancellation);
        string place = Path.Combine(Root, $"{package.Release}_{package.Version}");
        if (Intact(place, package) is { } manifest)
        {
            progress($"{name.Text}: {package.Name} {package.Version} is the newest, and is here");
            return KernelFiles.Cached(name.Text, place, manifest);
        }

        string work = Path.Combine(Root, Unfinished + Guid.NewGuid().ToString("N"));
        Guardian.Watch(work);
        try
        {
            KernelManifest made = Prepare(name, package, work, progress, cancellation);
            if (Directory.Exists(place))
            {
                // Nobody shall see it half removed.
                Directory.Move(place, Path.Combine(work, "damaged"));
            }

            Directory.Move(Path.Combine(work, "kernel"), place);
            progress($"{name.Text}: is in {place}");
            return KernelFiles.Cached(name.Text, place, made);
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

    /// <summary>Makes the whole kernel in <c>work/kernel</c>.</summary>
    private KernelManifest Prepare(KernelName name, KernelPackage package, string work, Action<string> progress, CancellationToken cancellation)
    {
        string kernel = Directory.CreateDirectory(Path.Combine(work, "kernel")).FullName;
        progress($"{name.Text}: downloading {package.Name} {package.Version} ({package.Size / 1e6:0.0} MB)");
        string file = _packages.Download(package, work, cancellation);
        progress($"{name.Text}: unpacking");
        _packages.Unpack(file, kernel, cancellation);
        string image = KernelFiles.ImageOf(kernel, package.Release);
        if (!File.Exists(image) || BootImage.ReadRelease(image) != package.Release)
        {
            throw KernelException.OfMachine(
                $"{package.Name} {package.Version}: the package has no boot/vmlinuz-{package.Release} of that release; choose another kernel");
        }

        KernelFiles.MergeUsr(kernel);
        _packages.WriteModuleDependencies(kernel, package.Release, cancellation);
        string digest = KernelFiles.Digest(image)["sha256:".Length..];
        KernelManifest manifest = new(name.Text, package.Release, package.Name, package.Version, package.Sha256, digest);
        manifest.Save(kernel);
        return manifest;
    }

    private static KernelManifest? Intact(string place, KernelPackage package)
    {
        try
        {
            KernelManifest manifest = KernelManifest.Load(place);
            string digest = KernelFiles.Digest(KernelFiles.ImageOf(place, manifest.Release));
            return manifest.PackageSha256 == package.Sha256 && digest == $"sha256:{manifest.ImageSha256}" ? manifest : null;
        }
        catch (KernelException)
        {
            return null;
        }
    }
}
