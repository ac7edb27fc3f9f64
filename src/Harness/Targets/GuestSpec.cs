namespace Vsockspec.Targets;

/// <summary>Who makes the connection that carries the agent's line.</summary>
public enum ConsoleLine
{
    /// <summary>We listen on <c>{console}</c> before the VMM starts, and it connects.</summary>
    Listen,

    /// <summary>The VMM listens on <c>{console}</c>, and we connect.</summary>
    Connect,

    /// <summary>The VMM's standard input and output.</summary>
    Stdio,
}

/// <summary>How a manifest's own VMM boots our kernel and initramfs. Texts still hold placeholders.</summary>
/// <param name="Command">Program and arguments; never passed through a shell.</param>
/// <param name="Environment">Added to the harness's own environment.</param>
/// <param name="Kernel">A name of a kernel, <c>debian:6.12</c>, or a path.</param>
/// <param name="Modules">Modules that the VMM's devices need, beside those of vsock.</param>
/// <param name="Terminal">The device of the guest at which the agent's line ends, <c>/dev/hvc0</c>.</param>
/// <param name="BootLimit">From the start of the VMM to the agent's hello.</param>
public sealed record GuestSpec(
    IReadOnlyList<string> Command,
    IReadOnlyDictionary<string, string> Environment,
    string Kernel,
    IReadOnlyList<string> Modules,
    ConsoleLine Line,
    string Terminal,
    TimeSpan BootLimit)
{
    public const string DefaultKernel = "debian:6.12";

    /// <summary>Without braces, in the order in which messages list them.</summary>
    public static IReadOnlyList<string> Placeholders { get; } = ["kernel", "initramfs", "cmdline", "console", "socket", "cid", "dir", "dotnet", "base"];

    private static readonly string[] Needed = ["kernel", "initramfs", "cmdline"];

    /// <summary>The manifest names a VMM of its own; otherwise ours boots the kernel.</summary>
    public bool HasCommand => Command.Count > 0;

    /// <summary>The VMM is given our kernel and initramfs; otherwise the machine brings its own system, with an agent of its own.</summary>
    public bool BootsOurs => !HasCommand || Mentions("kernel") || Mentions("initramfs");

    /// <param name="isJudged">The guest's driver is the target: the VMM may be ours, and the system may be another than ours.</param>
    internal static GuestSpec Read(YamlMap map, bool isJudged)
    {
        map.AllowOnly("command", "env", "kernel", "modules", "console", "bootTimeoutMs");
        if (isJudged && map.OptionalTexts("command") is null)
        {
            map.AllowOnly("kernel");
            return new GuestSpec([], new Dictionary<string, string>(StringComparer.Ordinal), map.Text("kernel"), [], ConsoleLine.Listen, "", default);
        }

        IReadOnlyList<string> command = map.OptionalTexts("command")
            ?? throw map.Error("command", "is missing; give the VMM and its arguments as a list: [my-vmm, --kernel, \"{kernel}\", ...]");
        if (command.Count == 0 || command[0].Length == 0)
        {
            throw map.Error("command", "is empty; its first element is the program");
        }

        IReadOnlyDictionary<string, string> environment = map.TextByName("env");
        PlaceholderNames.RefuseUnknown(map, "command", command, Placeholders);
        PlaceholderNames.RefuseUnknown(map, "env", environment.Values, Placeholders);
        YamlMap console = map.OptionalMap("console")
            ?? throw map.Error("console", "is missing; say how the agent's line is reached: {line: listen, terminal: /dev/hvc0}");
        console.AllowOnly("line", "terminal");
        ConsoleLine line = console.Text("line") switch
        {
            "listen" => ConsoleLine.Listen,
            "connect" => ConsoleLine.Connect,
            "stdio" => ConsoleLine.Stdio,
            string other => throw console.Error("line", $"is '{other}'; write listen, connect or stdio"),
        };
        bool ours = !isJudged || command.Concat(environment.Values).Any(t => t.Contains("{kernel}", StringComparison.Ordinal));
        string terminal = ours ? console.Text("terminal") : console.OptionalText("terminal") ?? "/dev/null";
        if (!terminal.StartsWith("/dev/", StringComparison.Ordinal) || terminal.AsSpan().ContainsAny(" \t"))
        {
            throw console.Error("terminal", $"is '{terminal}'; give the terminal of the guest: /dev/hvc0, /dev/ttyS0");
        }

        string[] needed = [.. ours ? Needed : [], .. isJudged ? (string[])["socket"] : [], .. line == ConsoleLine.Stdio ? [] : (string[])["console"]];
        foreach (string name in needed)
        {
            if (!command.Concat(environment.Values).Any(t => t.Contains($"{{{name}}}", StringComparison.Ordinal)))
            {
                throw map.Error("command", $"nowhere says {{{name}}}; the guest needs it");
            }
        }

        return new GuestSpec(
            command,
            environment,
            map.OptionalText("kernel") ?? DefaultKernel,
            map.OptionalTexts("modules") ?? [],
            line,
            terminal,
            TimeSpan.FromMilliseconds(map.OptionalNumber("bootTimeoutMs", 100, 600_000) ?? 60_000));
    }

    private bool Mentions(string name) => Command.Concat(Environment.Values).Any(t => t.Contains($"{{{name}}}", StringComparison.Ordinal));
}
