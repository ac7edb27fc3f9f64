using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>Boots guests in QEMU. Thread-safe.</summary>
/// <param name="qemu">Path of qemu-system-x86_64.</param>
/// <param name="proof">What is known of this machine's KVM.</param>
public sealed class QemuLauncher(string qemu, KvmProof proof)
{
    private const string Program = "qemu-system-x86_64";
    private const string VhostDevice = "/dev/vhost-vsock";

    /// <summary>Said by QEMU, which then stands still (accel/kvm/kvm-all.c).</summary>
    private const string KvmBroke = "KVM internal error";

    /// <summary>Said by a kernel on a machine without another clock, which then waits for a timer that never comes (arch/x86/kernel/tsc.c).</summary>
    private const string TimerBroke = "tsc: Unable to calibrate against PIT";

    /// <summary>Boots of a microvm whose timer fails, before it is given up.</summary>
    private const int MicroVmAttempts = 2;

    private const int ConsoleLines = 20;
    private const long Mebi = 1 << 20;

    /// <summary>What a kernel takes for its pages' descriptions and its first processes, in MiB.</summary>
    private const int ReserveMiB = 24;

    /// <summary>How long the last words of a machine that ended may take to be read.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(500);

    /// <summary>Between two looks at whether a boot still gets on.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private static readonly (string Option, string Why)[] Needed =
    [
        ("CONFIG_64BIT", "the agent"),
        ("CONFIG_BLK_DEV_INITRD", "the initramfs"),
        ("CONFIG_DEVTMPFS", "device nodes"),
        ("CONFIG_SERIAL_8250_CONSOLE", "the console"),
        ("CONFIG_VIRTIO_CONSOLE", "the line to the agent"),
        ("CONFIG_VSOCKETS", "the socket family"),
        ("CONFIG_VIRTIO_VSOCKETS", "the vsock driver"),
    ];

    /// <exception cref="GuestException">QEMU is not on this machine.</exception>
    /// <exception cref="KernelException">There is no home folder.</exception>
    public static QemuLauncher OfThisMachine(ToolBox tools) => new(
        tools.Find(Program) ?? throw new GuestException($"{Program} is not on this machine; install it: sudo apt-get install -y --no-install-recommends qemu-system-x86"),
        KvmProof.OfThisMachine(Path.GetDirectoryName(KernelStore.OfThisUser().Root)!));

    /// <summary>The modules that an image needs beside those of every guest; they are loaded first. An image for a microvm boots on both machines.</summary>
    public static IReadOnlyList<string> Modules(QemuMachine machine) => machine == QemuMachine.Q35
        ? ["virtio_pci", "virtio_console"]
        : ["virtio_mmio", "virtio_pci", "virtio_console"];

    /// <summary>Returns when the agent has said hello. Whatever happens, no process, socket or folder is left: also when this process is killed.</summary>
    /// <exception cref="GuestException">The guest did not boot; the end of its console is in the message.</exception>
    /// <exception cref="KernelException">The kernel is not one for such a guest.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the machine is gone.</exception>
    public Guest Start(GuestKernel kernel, GuestImage image, QemuOptions options, CancellationToken cancellation)
    {
        Check(kernel, image, options);
        return options.Accelerator == GuestAccelerator.Auto
            ? StartByProof(kernel, image, options, cancellation)
            : Boot(kernel, image, options, new Attempt(options.Accelerator, null, false), cancellation);
    }

    /// <summary>A boot by one accelerator.</summary>
    /// <param name="IsTrial">KVM is not proven.</param>
    private sealed record Attempt(GuestAccelerator Accelerator, string? Why, bool IsTrial)
    {
        /// <summary>How a boot before this one ended.</summary>
        public string? FirstBoot { get; init; }
    }

    private Guest StartByProof(GuestKernel kernel, GuestImage image, QemuOptions options, CancellationToken cancellation)
    {
        if (!KvmProof.Opens())
        {
            return Translated("/dev/kvm cannot be opened");
        }

        const string BootsNot = "KVM does not boot this kernel here";
        switch (proof.Known(kernel))
        {
            case true:
                return BootByKvm(kernel, image, options, new Attempt(GuestAccelerator.Kvm, "KVM has booted this kernel before", false), cancellation);
            case false:
                return Translated(BootsNot);
        }

        // A back end may serve only one front end in its life.
        bool isWhole = options.Device is not GuestVsock.VhostUser;
        try
        {
            Guest trial = BootByKvm(kernel, image, isWhole ? options : options with { Device = null }, new Attempt(GuestAccelerator.Kvm, "KVM boots this kernel", true), cancellation);
            proof.Keep(kernel, boots: true);
            if (isWhole)
            {
                return trial;
            }

            trial.Dispose();
        }
        catch (GuestException e)
        {
            Guest translated;
            try
            {
                translated = Translated($"{BootsNot}: {e.Message.Split((char[])[';', '\n'])[0]}");
            }
            catch (GuestException second)
            {
                throw new GuestException($"{second.Message}\nand before that, by KVM: {e.Message}", second);
            }

            // Only now it is KVM that is at fault and not what was to boot.
            proof.Keep(kernel, boots: false);
            return translated;
        }

        return BootByKvm(kernel, image, options, new Attempt(GuestAccelerator.Kvm, "KVM boots this kernel", false), cancellation);

        Guest Translated(string why) => Boot(kernel, image, options, new Attempt(GuestAccelerator.Tcg, why, false), cancellation);
    }

    /// <summary>In a translated machine a first boot under KVM may end by itself for no fault of the kernel's, and the next one does not: it is tried again, and said.</summary>
    private Guest BootByKvm(GuestKernel kernel, GuestImage image, QemuOptions options, Attempt attempt, CancellationToken cancellation)
    {
        try
        {
            return Boot(kernel, image, options, attempt, cancellation);
        }
        catch (GuestException e) when (KvmProof.IsTranslated && e.InnerException is GuestLostException)
        {
            return Boot(kernel, image, options, attempt with { Why = $"{attempt.Why}, the second time", FirstBoot = e.Message }, cancellation);
        }
    }

    /// <summary>A microvm whose timer fails boots again, then as q35.</summary>
    private Guest Boot(GuestKernel kernel, GuestImage image, QemuOptions options, Attempt attempt, CancellationToken cancellation)
    {
        string? note = null;
        for (int i = 0; options.Machine == QemuMachine.MicroVm && i < MicroVmAttempts; i++)
        {
            try
            {
                return BootOnce(kernel, image, options, attempt, cancellation);
            }
            catch (TimerException)
            {
                note = "microvm's timer could not be calibrated";
            }
        }

        string? why = note is null ? attempt.Why : attempt.Why is null ? note : $"{attempt.Why}; {note}";
        return BootOnce(kernel, image, options with { Machine = QemuMachine.Q35 }, attempt with { Why = why }, cancellation);
    }

    private Guest BootOnce(GuestKernel kernel, GuestImage image, QemuOptions options, Attempt attempt, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        InstanceFolder folder = InstanceFolder.Create();
        GuestConsole? console = null;
        TargetProcess? machine = null;
        AgentClient? agent = null;
        UnixStream? shell = null;
        try
        {
            string initramfs = Path.Combine(folder.Path, "initramfs");
            image.Save(initramfs);
            string consoleSocket = Path.Combine(folder.Path, "console");
            console = new GuestConsole(consoleSocket);
            (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
            (UnixStream First, UnixStream Second)? terminal = options.HasShell ? UnixStream.Pair() : null;
            shell = terminal?.First;
            long begin = Stopwatch.GetTimestamp();
            using (theirs)
            using (terminal?.Second)
            {
                using Inheritance agentLine = new(theirs.Handle);
                using Inheritance? shellLine = terminal is null ? null : new Inheritance(terminal.Value.Second.Handle);
                machine = Launch(
                    QemuCommand.Build(
                        qemu, kernel, options, attempt.Accelerator, new QemuCommand.Lines(initramfs, consoleSocket, agentLine.Fd, shellLine?.Fd)),
                    folder.Path);
            }

            TargetProcess running = machine;
            GuestConsole printed = console;
            agent = new AgentClient(new AgentConnection(ours, () => LastSaid(running, printed)));
            AgentHello hello = WaitForHello(agent.Hello, options, attempt, running, printed, begin, cancellation);
            string board = options.Machine == QemuMachine.Q35 ? "q35" : "microvm";
            return new Guest(machine, folder, agent, hello, Stopwatch.GetElapsedTime(begin), shell)
            {
                Machine = new GuestMachine($"qemu {board}", attempt.Accelerator == GuestAccelerator.Kvm ? "kvm" : "tcg", attempt.Why) { FirstBoot = attempt.FirstBoot },
                Kernel = kernel,
                ImageDigest = image.Digest,
                OwnConsole = console,
                CanRestart = options.MayRestart,
            };
        }
        catch
        {
            agent?.Dispose();
            machine?.Dispose();
            console?.Dispose();
            shell?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    private TargetProcess Launch(IReadOnlyList<string> command, string folder)
    {
        try
        {
            return TargetProcess.Start(command, new Dictionary<string, string>(StringComparer.Ordinal), folder);
        }
        catch (Win32Exception e)
        {
            throw new GuestException($"{qemu}: {e.Message}; install it again: sudo apt-get install -y --reinstall qemu-system-x86", e);
        }
    }

    private static AgentHello WaitForHello(
        Task<AgentHello> hello,
        QemuOptions options,
        Attempt attempt,
        TargetProcess machine,
        GuestConsole console,
        long begin,
        CancellationToken cancellation)
    {
        // In a translated machine a busy one takes longer than the proof may, and what would come after it is slower still.
        TimeSpan limit = attempt.IsTrial && !KvmProof.IsTranslated && options.ProofLimit < options.BootLimit ? options.ProofLimit : options.BootLimit;
        while (Task.WaitAny([hello], (int)Glance.TotalMilliseconds, cancellation) < 0)
        {
            bool isSilent = console.Silence > options.SilenceLimit;
            if (options.Machine == QemuMachine.MicroVm && (isSilent || console.Says(TimerBroke)))
            {
                throw new TimerException($"the microvm's kernel does not get on{LastSaid(machine, console)}");
            }

            if (machine.LastLines.Any(l => l.Contains(KvmBroke, StringComparison.Ordinal)))
            {
                string broke = $"{KvmBroke}{LastSaid(machine, console)}";
                throw new GuestException($"QEMU's guest did not boot: {broke}", new GuestLostException(broke));
            }

            if (Stopwatch.GetElapsedTime(begin) > limit)
            {
                throw new GuestException(
                    string.Create(CultureInfo.InvariantCulture, $"QEMU's guest did not boot within {limit.TotalSeconds:0.#} s{LastSaid(machine, console)}"));
            }
        }

        try
        {
            return hello.GetAwaiter().GetResult();
        }
        catch (GuestLostException e)
        {
            throw new GuestException($"QEMU's guest did not boot: {e.Message}", e);
        }
    }

    /// <summary>How the machine ended, what QEMU said of it and the end of the console.</summary>
    private static string LastSaid(TargetProcess machine, GuestConsole console)
    {
        string state = machine.WaitForExit(LastWords) ? $"; QEMU ended with {machine.ExitStatus}" : "";
        string fatal = console.Fatal is { } panic ? $"; its kernel: {panic}" : "";
        string said = List("QEMU said", [.. machine.LastLines.TakeLast(ConsoleLines)]);
        IReadOnlyList<string> lines = console.Telling(ConsoleLines);
        return $"{state}{fatal}{said}{(lines.Count == 0 ? "; its console is empty" : List("its console", lines))}";
    }

    private static string List(string title, IReadOnlyList<string> lines) =>
        lines.Count == 0 ? "" : $"; {title}:{string.Concat(lines.Select(l => $"\n  {l}"))}";

    private static void Check(GuestKernel kernel, GuestImage image, QemuOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MemoryMiB, QemuOptions.MinMemoryMiB, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MemoryMiB, QemuOptions.MaxMemoryMiB, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Cpus, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Cpus, QemuOptions.MaxCpus, nameof(options));
        GuestKernelOptions.Require(kernel, options.Machine == QemuMachine.Q35 ? [.. Needed, ("CONFIG_VIRTIO_PCI", "its devices")] : [.. Needed, ("CONFIG_VIRTIO_MMIO", "its devices")]);

        // The archive is in memory beside what is unpacked from it.
        long needed = ((2L * image.Content.Length) + BootImage.MemoryToStart(kernel.Image)) / Mebi + ReserveMiB;
        if (needed > options.MemoryMiB)
        {
            throw new GuestException(
                $"the guest's memory of {options.MemoryMiB} MiB is too small: its kernel and an initramfs of {image.Content.Length / Mebi} MiB need {needed} MiB to start; "
                + "give it more memory");
        }

        if (options.Device is GuestVsock.Kernel && !File.Exists(VhostDevice))
        {
            throw new GuestException(
                $"{VhostDevice} does not exist: this machine's kernel has no vhost-vsock, or its module is not loaded (sudo modprobe vhost_vsock); run in the lab: vsockspec lab -- ARGS");
        }

        if (options.Accelerator == GuestAccelerator.Kvm && !KvmProof.Opens())
        {
            throw new GuestException("/dev/kvm cannot be opened; give yourself access (sudo usermod -aG kvm $USER, then log in again), or use the accelerator tcg");
        }
    }

    /// <summary>The machine has no clock that the kernel could use; another boot may have one.</summary>
    private sealed class TimerException(string message) : GuestException(message);
}
