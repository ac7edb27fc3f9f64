namespace Vsockspec.Targets.Containers;

/// <summary>A file or folder of this machine that the container sees.</summary>
/// <param name="Source">Full path on this machine.</param>
/// <param name="Target">Full path in the container.</param>
public sealed record ContainerMount(string Source, string Target, bool Writable);

/// <summary>How to run a target in a container. Texts still hold placeholders.</summary>
/// <param name="Image">As <c>docker run</c> takes it; never pulled.</param>
/// <param name="Arguments">Replace the image's own (CMD); null: the image's own.</param>
/// <param name="Environment">Added to the image's.</param>
/// <param name="User">As <c>docker run --user</c> takes it, or <see cref="OwnUser"/>; null: the image's.</param>
/// <param name="WritableRoot">False: the container's root file system is read-only, and <c>/tmp</c> in memory.</param>
/// <param name="HasInit">The engine's own init is process 1 and starts the target.</param>
/// <param name="ReadyTimeout">How long the socket may take to listen, from the start of the container.</param>
public sealed record ContainerSpec(
    string Image,
    IReadOnlyList<string>? Arguments,
    IReadOnlyDictionary<string, string> Environment,
    IReadOnlyList<ContainerMount> Mounts,
    string? User,
    bool WritableRoot,
    bool HasInit,
    int MemoryMiB,
    int Processes,
    TimeSpan ReadyTimeout)
{
    /// <summary>Where the container sees the folder that holds the sockets.</summary>
    public const string SharedFolder = "/run/vsockspec";

    /// <summary>As <see cref="User"/>: the user that runs vsockspec, as the container sees it.</summary>
    public const string OwnUser = "{user}";

    /// <summary>Without braces, in the order in which messages list them.</summary>
    public static IReadOnlyList<string> Placeholders { get; } = ["socket", "uds", "cid", "dir"];

    internal static ContainerSpec Read(YamlMap map, Func<string, string> beside)
    {
        map.AllowOnly("image", "args", "env", "mounts", "user", "writableRoot", "init", "memoryMiB", "processes", "readyTimeoutMs");
        IReadOnlyList<string>? arguments = map.OptionalTexts("args");
        IReadOnlyDictionary<string, string> environment = map.TextByName("env");
        PlaceholderNames.RefuseUnknown(map, "args", arguments ?? [], Placeholders);
        PlaceholderNames.RefuseUnknown(map, "env", environment.Values, Placeholders);
        if (!(arguments ?? []).Concat(environment.Values).Any(t => t.Contains("{socket}", StringComparison.Ordinal)))
        {
            throw map.Error("args", "nowhere says {socket}; pass the target the path of the socket it has to serve");
        }

        string image = map.Text("image");
        if (image.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)) || image.StartsWith('-'))
        {
            throw map.Error("image", $"is '{image}'; write it as for docker run: name, name:tag or name@sha256:...");
        }

        return new ContainerSpec(
            image,
            arguments,
            environment,
            map.Has("mounts") ? [.. map.Maps("mounts").Select(mount => ReadMount(mount, beside))] : [],
            map.OptionalText("user"),
            map.OptionalFlag("writableRoot") ?? false,
            map.OptionalFlag("init") ?? false,
            (int)(map.OptionalNumber("memoryMiB", 16, 1 << 20) ?? 1024),
            (int)(map.OptionalNumber("processes", 1, 1 << 20) ?? 512),
            TimeSpan.FromMilliseconds(map.OptionalNumber("readyTimeoutMs", 1, 600_000) ?? 30_000));
    }

    private static ContainerMount ReadMount(YamlMap map, Func<string, string> beside)
    {
        map.AllowOnly("source", "target", "writable");
        string target = map.Text("target");
        if (!target.StartsWith('/') || Path.GetFullPath(target).TrimEnd('/').Length == 0)
        {
            throw map.Error("target", $"is '{target}'; give the full path that the container sees, below the root");
        }

        target = Path.GetFullPath(target).TrimEnd('/');
        if (target == SharedFolder || target.StartsWith(SharedFolder + "/", StringComparison.Ordinal) || SharedFolder.StartsWith(target + "/", StringComparison.Ordinal))
        {
            throw map.Error("target", $"is '{target}', which hides {SharedFolder}, where the sockets are; choose another folder");
        }

        return new ContainerMount(beside(map.Text("source")), target, map.OptionalFlag("writable") ?? false);
    }
}
