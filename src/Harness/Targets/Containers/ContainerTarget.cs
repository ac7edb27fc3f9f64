using Docker.DotNet;
using Docker.DotNet.Models;
using Tmds.Linux;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Targets.Containers;

/// <summary>A target that we start from an image: one container for each instance.</summary>
public sealed class ContainerTarget : IDeviceTarget
{
    private const UnixFileMode ForEveryone = (UnixFileMode)0b001_111_111_111;
    private const string LogBytes = "4m";
    private const string LogFiles = "2";
    private readonly TargetManifest _manifest;
    private readonly ContainerSpec _spec;
    private readonly Lazy<(ContainerEngine Engine, ContainerImage Image)> _place;

    /// <summary>The engine has run this once, so that what it says later is not about the manifest.</summary>
    private volatile bool _hasRun;

    /// <exception cref="TargetException">The manifest has no <see cref="TargetManifest.Container"/>.</exception>
    public ContainerTarget(TargetManifest manifest)
    {
        _manifest = manifest;
        _spec = manifest.Container ?? throw new TargetException($"{manifest.File}: has no field 'container'", manifest: true);
        _place = new(FindImage);
    }

    public string Name => _manifest.Name;

    public string? Version => _manifest.Version;

    public TargetRole Role => _manifest.Role;

    public string Transport => _manifest.Transport;

    /// <summary>The image's. Instances are made from it, whatever its name comes to mean while they run.</summary>
    /// <exception cref="EngineException">There is no engine.</exception>
    /// <exception cref="TargetException">The engine has no such image.</exception>
    public string? Digest => _place.Value.Image.Id;

    public IReadOnlyList<string>? Claims => _manifest.Claims;

    public bool CanRestart => true;

    /// <summary>Null also where the arguments are the image's own, which a further one would replace.</summary>
    /// <exception cref="EngineException">The engine is not there, or broke.</exception>
    public string? AskUnknownOption(TargetPlace place, CancellationToken cancellation)
    {
        if (_spec.Arguments is not { } arguments)
        {
            return null;
        }

        ContainerSpec asking = _spec with { Arguments = [.. arguments, UnknownOption.Text], ReadyTimeout = UnknownOption.Within(_spec.ReadyTimeout) };
        return UnknownOption.Ask(() => new ContainerTarget(_manifest with { Container = asking }).Start(place, cancellation));
    }

    /// <exception cref="EngineException">The engine is not there, or broke.</exception>
    /// <exception cref="TargetException">It did not come up, or the manifest asks for what the engine does not have.</exception>
    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        (ContainerEngine engine, ContainerImage image) = _place.Value;
        foreach (ContainerMount mount in _spec.Mounts.Where(m => !Path.Exists(m.Source)))
        {
            throw Refuse("mounts", $"no such file or folder: {mount.Source}");
        }

        // Only we can enter the folder above; inside, the container's user may be any.
        string folder = Path.Combine(place.Folder, Guid.NewGuid().ToString("N")[..8]);
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, ForEveryone);
        ContainerPlace inside = new(folder, place.GuestCid);
        UnixSockets.RefuseLongPath($"{inside.Uds}_{uint.MaxValue}");
        RunningContainer? container = null;
        try
        {
            container = RunningContainer.Start(engine, image, _spec.MemoryMiB, request => Describe(request, engine, image, inside), cancellation);
            RunningContainer started = container;
            _hasRun = true;
            Readiness readiness = new(Name, _manifest.File, "container.readyTimeoutMs", inside.Socket, _spec.ReadyTimeout, () => Listens(started, image));
            readiness.Await(container, cancellation);
            RefuseClosedSocket(inside.Socket);
            return new Instance(container, inside);
        }
        catch (Exception e)
        {
            container?.Dispose();
            inside.Remove();
            if ((e as DockerApiException ?? e.InnerException as DockerApiException) is not { } refusal)
            {
                throw;
            }

            string why = $"the container engine refuses to run {_spec.Image}: {ContainerEngine.MessageOf(refusal)}";
            throw _hasRun ? new EngineException(why, inner: e) : Refuse("image", why, e);
        }
    }

    private (ContainerEngine, ContainerImage) FindImage()
    {
        ContainerEngine engine = ContainerEngine.OfThisMachine();
        try
        {
            return (engine, engine.FindImage(_spec.Image)
                ?? throw Refuse("image", $"the container engine at {engine.Socket} has no image '{_spec.Image}', and vsockspec pulls none; docker build it, or docker pull {_spec.Image}"));
        }
        catch (DockerApiException e)
        {
            throw Refuse("image", $"the container engine does not accept '{_spec.Image}': {ContainerEngine.MessageOf(e)}", e);
        }
    }

    private void Describe(CreateContainerParameters request, ContainerEngine engine, ContainerImage image, ContainerPlace place)
    {
        Placeholders placeholders = place.Placeholders;
        request.Image = image.Id;
        request.Cmd = _spec.Arguments is { } arguments ? [.. arguments.Select(placeholders.Fill)] : [];
        request.Env = [.. _spec.Environment.Select(p => $"{p.Key}={placeholders.Fill(p.Value)}")];
        request.User = UserFor(engine);
        request.AttachStdin = false;
        request.HostConfig ??= new HostConfig();
        request.HostConfig.NetworkMode = "none";
        request.HostConfig.ReadonlyRootfs = !_spec.WritableRoot;
        request.HostConfig.Tmpfs = _spec.WritableRoot ? null : new Dictionary<string, string> { ["/tmp"] = "rw,mode=1777" };
        request.HostConfig.Init = _spec.HasInit;
        request.HostConfig.Memory = (long)_spec.MemoryMiB << 20;
        request.HostConfig.MemorySwap = request.HostConfig.Memory;
        request.HostConfig.PidsLimit = _spec.Processes;
        request.HostConfig.LogConfig = new LogConfig
        {
            Type = "json-file",
            Config = new Dictionary<string, string> { ["max-size"] = LogBytes, ["max-file"] = LogFiles },
        };
        request.HostConfig.Mounts =
        [
            new Mount { Type = "bind", Source = place.Folder, Target = ContainerSpec.SharedFolder },
            .. _spec.Mounts.Select(m => new Mount { Type = "bind", Source = m.Source, Target = m.Target, ReadOnly = !m.Writable }),
        ];
    }

    private string UserFor(ContainerEngine engine) => _spec.User switch
    {
        null => "",
        ContainerSpec.OwnUser => engine.IsRootless ? "0:0" : $"{LibC.geteuid()}:{LibC.getegid()}",
        string user => user,
    };

    /// <summary>The container has a network namespace of its own, with a table of its own.</summary>
    private static bool Listens(RunningContainer container, ContainerImage image)
    {
        try
        {
            return container.Process is { } process && UnixSockets.IsListening(ContainerPlace.SocketInside, image.WorkingDirectory, process);
        }
        catch (IOException)
        {
            // It has ended, which is seen next.
            return false;
        }
    }

    private void RefuseClosedSocket(string socket)
    {
        if (!FileAccessCheck.MayWrite(socket))
        {
            throw Refuse(
                "user",
                $"the container's user made the socket {socket} so that others cannot connect to it; write user: \"{ContainerSpec.OwnUser}\", which is the user that runs vsockspec");
        }
    }

    private TargetException Refuse(string field, string why, Exception? inner = null) => new($"{_manifest.File}: field 'container.{field}': {why}", manifest: true, inner);

    private sealed class Instance(RunningContainer container, ContainerPlace place) : IVhostUserInstance
    {
        public string Socket => place.Socket;

        public string Uds => place.Uds;

        public ulong GuestCid => place.GuestCid;

        /// <summary>Null also where we may not look into the process.</summary>
        public int? ProcessId => container.Process is { IsOpenToUs: true } process ? process.Id : null;

        public bool HasExited => container.HasExited;

        public string? ExitStatus => container.ExitStatus;

        public IReadOnlyList<string> LastLines => container.LastLines;

        public IHostPeer OpenHost(Timeline timeline) => new HybridHostPeer(timeline, Uds, forEveryone: true);

        public void Dispose()
        {
            container.Dispose();
            place.Remove();
        }
    }
}

/// <summary>The folder that a container shares with us, and what is in it under both names.</summary>
internal sealed record ContainerPlace(string Folder, ulong GuestCid)
{
    private const string SocketName = "vhost.sock";
    private const string UdsName = "vsock";

    public static string SocketInside { get; } = Path.Combine(ContainerSpec.SharedFolder, SocketName);

    public string Socket => Path.Combine(Folder, SocketName);

    public string Uds => Path.Combine(Folder, UdsName);

    public Placeholders Placeholders =>
        new(SocketInside, Path.Combine(ContainerSpec.SharedFolder, UdsName), new TargetPlace(ContainerSpec.SharedFolder, GuestCid));

    public void Remove()
    {
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone already, or the container's user made folders in it: it goes with the folder above, where that is allowed.
        }
    }
}
