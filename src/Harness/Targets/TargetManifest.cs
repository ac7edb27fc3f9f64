using System.Text.Encodings.Web;
using System.Text.Json;
using Vsockspec.Targets.Containers;

namespace Vsockspec.Targets;

/// <summary>How to start a target. Texts still hold placeholders.</summary>
/// <param name="Command">Program and arguments; never passed through a shell.</param>
/// <param name="Environment">Added to the harness's own environment.</param>
/// <param name="WorkingDirectory">Null: the instance's own folder.</param>
/// <param name="ReadyTimeout">How long the socket may take to accept connections.</param>
public sealed record LaunchSpec(
    IReadOnlyList<string> Command,
    IReadOnlyDictionary<string, string> Environment,
    string? WorkingDirectory,
    TimeSpan ReadyTimeout);

/// <summary>Where a target that somebody else started can be reached.</summary>
public sealed record AttachSpec(string Socket, string Uds, ulong GuestCid);

/// <summary>The description of one target, as a YAML file gives it (docs/manifest.md).</summary>
public sealed record TargetManifest
{
    private const string KernelPlaceholder = "{kernel}";
    private const string VhostUser = "vhost-user";
    private const string VhostKernel = "vhost-kernel";

    /// <summary>Over which targets are reached.</summary>
    public static readonly IReadOnlyList<string> Transports = [VhostUser, VhostKernel];

    private static readonly string[] Fields = ["name", "version", "role", "transport", "launch", "attach", "container", "device", "claims", "expectations", "guest"];

    public required string Name { get; init; }

    public string? Version { get; init; }

    public required TargetRole Role { get; init; }

    public required string Transport { get; init; }

    /// <summary>With vhost-user exactly one of this, <see cref="Attach"/> and <see cref="Container"/> is set.</summary>
    public LaunchSpec? Launch { get; init; }

    public AttachSpec? Attach { get; init; }

    public ContainerSpec? Container { get; init; }

    /// <summary>Path of the kernel's device node; set with vhost-kernel and only then.</summary>
    public string? Device { get; init; }

    /// <summary>Names of <see cref="FeatureNames"/>; null: nothing is claimed.</summary>
    public IReadOnlyList<string>? Claims { get; init; }

    /// <summary>Full path of the expectations file; null when there is none.</summary>
    public string? Expectations { get; init; }

    /// <summary>What boots the guests of cases that need one, or the guest whose driver is judged; null: what vsockspec brings along.</summary>
    public GuestSpec? Guest { get; init; }

    /// <summary>The manifest's own path; relative paths inside it start from its folder.</summary>
    public required string File { get; init; }

    /// <summary>True for a manifest of the suite itself, which is called by its name.</summary>
    public bool IsBuiltIn(string suites) => Path.GetDirectoryName(File) == Path.GetFullPath(Path.Combine(suites, "targets"));

    /// <exception cref="TargetException">The manifest describes a driver.</exception>
    public IDeviceTarget ToTarget() => (Device, Launch, Container) switch
    {
        _ when Role == TargetRole.Driver => throw new TargetException($"target '{Name}' is a driver, and a device is asked for; 'vsockspec list targets' shows which is what", manifest: true),
        (not null, _, _) => new VhostKernelTarget(this),
        (_, not null, _) => new LaunchedTarget(this),
        (_, _, not null) => new ContainerTarget(this),
        _ => new AttachedTarget(this),
    };

    /// <exception cref="TargetException">The file is not a manifest; <see cref="TargetException.IsManifestError"/> is true.</exception>
    public static TargetManifest Load(string file)
    {
        try
        {
            return Read(YamlMap.Load(file));
        }
        catch (DataFileException e)
        {
            throw new TargetException(e.Message, manifest: true, e);
        }
    }

    /// <summary>A vhost-user device that a command starts, without a file.</summary>
    /// <param name="file">Stands for the manifest in messages; relative paths start from its folder.</param>
    /// <exception cref="TargetException">The command is wrong.</exception>
    public static TargetManifest OfCommand(string name, string file, IReadOnlyList<string> command)
    {
        // JSON is YAML, and so the one reader judges both.
        JsonSerializerOptions readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        string launch = JsonSerializer.Serialize(command, readable);
        string text = $"name: {JsonSerializer.Serialize(name, readable)}\nrole: device\ntransport: {VhostUser}\nlaunch:\n  command: {launch}\n";
        try
        {
            return Read(YamlMap.Parse(file, text));
        }
        catch (DataFileException e)
        {
            throw new TargetException(e.Message, manifest: true, e);
        }
    }

    private static TargetManifest Read(YamlMap map)
    {
        map.AllowOnly(Fields);
        TargetManifest manifest = new()
        {
            File = Path.GetFullPath(map.File),
            Name = map.Text("name"),
            Version = map.OptionalText("version"),
            Role = ReadRole(map),
            Transport = ReadTransport(map),
            Launch = map.OptionalMap("launch") is { } launch ? ReadLaunch(launch) : null,
            Attach = map.OptionalMap("attach") is { } attach ? ReadAttach(attach) : null,
            Container = map.OptionalMap("container") is { } container ? ContainerSpec.Read(container, path => Beside(map.File, path)) : null,
            Device = map.OptionalText("device"),
            Claims = ReadClaims(map),
            Expectations = ReadExpectations(map),
        };
        manifest = manifest with { Guest = map.OptionalMap("guest") is { } guest ? GuestSpec.Read(guest, isJudged: manifest.Role == TargetRole.Driver) : null };

        if (manifest.Expectations is { } expectations && !System.IO.File.Exists(expectations))
        {
            throw map.Error("expectations", $"names a file that does not exist: {expectations}");
        }

        if (manifest.Role == TargetRole.Driver)
        {
            RefuseDeviceFields(map, manifest);
            return manifest;
        }

        string[] ways = [.. WaysToReach(manifest).Where(way => way.IsThere).Select(way => way.Field)];
        return (manifest.Transport, ways, manifest.Device) switch
        {
            (VhostKernel, [], null) => throw map.Error("device", "is missing; name the device node: /dev/vhost-vsock"),
            (VhostKernel, [], ['/', ..]) => manifest,
            (VhostKernel, [], _) => throw map.Error("device", $"is '{manifest.Device}'; give the full path of the device node: /dev/vhost-vsock"),
            (VhostKernel, ["launch" or "container", ..], _) => throw map.Error(ways[0], "does not go with transport vhost-kernel: the kernel runs already"),
            (VhostKernel, _, _) => throw map.Error("attach", "does not go with transport vhost-kernel; name the device node in 'device'"),
            (_, _, not null) => throw map.Error("device", $"goes with transport {VhostKernel} only"),
            (_, [], _) => throw map.Error("launch", "is missing; give 'launch' (how to start the target), 'container' (the image to run) or 'attach' (where it runs)"),
            (_, [_], _) => manifest,
            _ => throw map.Error(ways[1], $"stands beside '{ways[0]}'; give only one of them"),
        };
    }

    private static (string Field, bool IsThere)[] WaysToReach(TargetManifest manifest) =>
        [("launch", manifest.Launch is not null), ("attach", manifest.Attach is not null), ("container", manifest.Container is not null)];

    /// <summary>A driver is judged by a device of ours, so all that there is to say of it is how its machine boots.</summary>
    private static void RefuseDeviceFields(YamlMap map, TargetManifest manifest)
    {
        if (manifest.Guest is null)
        {
            throw map.Error("guest", "is missing; say what boots the driver that is judged: {kernel: uml}, {kernel: debian:6.12}, or a command of your own");
        }

        if (manifest.Transport != VhostUser)
        {
            throw map.Error("transport", $"is '{manifest.Transport}'; a driver is judged over {VhostUser}");
        }

        foreach ((string field, bool isThere) in ((string, bool)[])[.. WaysToReach(manifest), ("device", manifest.Device is not null)])
        {
            if (isThere)
            {
                throw map.Error(field, "goes with role device only; what boots the driver is in 'guest'");
            }
        }
    }

    /// <summary>Null also where the path says <c>{kernel}</c> and nobody has written a file for the kernel that runs.</summary>
    private static string? ReadExpectations(YamlMap map)
    {
        if (map.OptionalText("expectations") is not { } text)
        {
            return null;
        }

        string path = Beside(map.File, text.Replace(KernelPlaceholder, VhostKernelTarget.Line() ?? "unknown", StringComparison.Ordinal));
        return text.Contains(KernelPlaceholder, StringComparison.Ordinal) && !System.IO.File.Exists(path) ? null : path;
    }

    private static TargetRole ReadRole(YamlMap map) => map.Text("role") switch
    {
        "device" => TargetRole.Device,
        "driver" => TargetRole.Driver,
        string other => throw map.Error("role", $"is '{other}'; write device or driver"),
    };

    private static string ReadTransport(YamlMap map) => map.Text("transport") switch
    {
        VhostUser => VhostUser,
        VhostKernel => VhostKernel,
        string other => throw map.Error("transport", $"is '{other}'; this version reaches devices over: {VhostUser}, {VhostKernel}"),
    };

    private static LaunchSpec ReadLaunch(YamlMap map)
    {
        map.AllowOnly("command", "env", "workingDirectory", "readyTimeoutMs");
        IReadOnlyList<string> command = map.OptionalTexts("command")
            ?? throw map.Error("command", "is missing; give the program and its arguments as a list: [program, --socket, \"{socket}\"]");
        if (command.Count == 0 || command[0].Length == 0)
        {
            throw map.Error("command", "is empty; its first element is the program");
        }

        IReadOnlyDictionary<string, string> environment = map.TextByName("env");
        string? workingDirectory = map.OptionalText("workingDirectory");
        PlaceholderNames.RefuseUnknown(map, "command", command, Placeholders.Names);
        PlaceholderNames.RefuseUnknown(map, "env", environment.Values, Placeholders.Names);
        if (!command.Concat(environment.Values).Any(t => t.Contains("{socket}", StringComparison.Ordinal)))
        {
            throw map.Error("command", "nowhere says {socket}; pass the target the path of the socket it has to serve");
        }

        return new LaunchSpec(
            command,
            environment,
            workingDirectory is null ? null : Beside(map.File, workingDirectory),
            TimeSpan.FromMilliseconds(map.OptionalNumber("readyTimeoutMs", 1, 600_000) ?? 10_000));
    }

    private static AttachSpec ReadAttach(YamlMap map)
    {
        map.AllowOnly("socket", "uds", "cid");
        string socket = Beside(map.File, map.Text("socket"));
        string uds = Beside(map.File, map.Text("uds"));
        long cid = map.OptionalNumber("cid", 3, 0xffff_fffe) ?? throw map.Error("cid", "is missing; give the guest CID that the target was started with");
        return new AttachSpec(socket, uds, (ulong)cid);
    }

    private static IReadOnlyList<string>? ReadClaims(YamlMap map)
    {
        IReadOnlyList<string>? claims = map.OptionalTexts("claims");
        foreach (string claim in claims ?? [])
        {
            if (!FeatureNames.All.Contains(claim))
            {
                throw map.Error("claims", $"has the unknown feature '{claim}'{Suggestion.For(claim, FeatureNames.All)}; known are: {string.Join(", ", FeatureNames.All)}");
            }
        }

        return claims;
    }

    private static string Beside(string file, string path) =>
        Path.GetFullPath(path, Path.GetDirectoryName(Path.GetFullPath(file))!);
}
