using System.Globalization;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Guests;

/// <summary>QEMU's command line for a guest.</summary>
internal static class QemuCommand
{
    /// <summary>
    /// mitigations=off, tsc, no_timer_check, edd=off: time that a translated processor would lose. oops: a kernel that broke is not asked any further.
    /// </summary>
    private const string KernelLine = "console=ttyS0 oops=panic mitigations=off tsc=reliable no_timer_check edd=off";

    /// <summary>After a panic the kernel starts anew at once; with -no-reboot the machine ends.</summary>
    private const string EndAtOnce = " panic=-1";

    private const string StandStill = " panic=0";

    /// <summary>What goes to the console: warnings and worse, since each character costs an exit of the processor; one of them tells of a broken timer.</summary>
    private const string Warnings = " loglevel=5";

    /// <summary>
    /// Errors and worse. Where KVM is itself translated (QEMU 7.2), machines were seen to break in the middle of such output, and a kernel that dumps its processor's
    /// features as a warning makes thousands of exits (docs/lab.md, "KVM inside the lab"). Warnings stay in the kernel's log; an Oops prints all it has whatever the level.
    /// </summary>
    private const string Errors = " loglevel=4";

    /// <summary>A virtio console comes up with its driver, whereas further ports of a multi-port device come some time after it; so each line is a device of its own.</summary>
    private const string AgentTerminal = "/dev/hvc0";

    private const string ShellTerminal = "/dev/hvc1";

    /// <summary>What connects a machine with its launcher.</summary>
    /// <param name="Initramfs">Absolute path.</param>
    /// <param name="ConsoleSocket">Path of a socket that listens.</param>
    /// <param name="AgentFd">The agent's end of its line, as the machine inherits it.</param>
    public sealed record Lines(string Initramfs, string ConsoleSocket, int AgentFd, int? ShellFd);

    /// <param name="accelerator">Not <see cref="GuestAccelerator.Auto"/>.</param>
    public static IReadOnlyList<string> Build(string qemu, GuestKernel kernel, QemuOptions options, GuestAccelerator accelerator, Lines lines)
    {
        string bus = options.Machine == QemuMachine.Q35 ? "pci" : "device";
        string memory = Number(options.MemoryMiB);
        List<string> line =
        [
            qemu, "-nodefaults", "-no-user-config", .. options.MayRestart ? (string[])[] : ["-no-reboot"], "-display", "none",
            .. options.Machine == QemuMachine.Q35
                ? (string[])["-machine", "q35,memory-backend=memory"]
                : ["-machine", "microvm,acpi=on,memory-backend=memory", "-global", "virtio-mmio.force-legacy=false"],
            .. accelerator == GuestAccelerator.Kvm ? (string[])["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi", "-cpu", "max"],
            "-smp", Number(options.Cpus),
            "-m", memory,
            "-object", $"memory-backend-memfd,id=memory,size={memory}M,share=on",
            "-kernel", kernel.Image,
            "-initrd", lines.Initramfs,
            "-append", KernelOptions(accelerator, options.MayRestart, lines.ShellFd is not null),
            "-chardev", $"socket,id=console,path={Escape(lines.ConsoleSocket)}",
            "-serial", "chardev:console",
            .. Terminal("agent", lines.AgentFd, bus),
            .. lines.ShellFd is { } shell ? Terminal("shell", shell, bus) : [],
        ];
        switch (options.Device)
        {
            case GuestVsock.VhostUser { Socket: var socket }:
                line.AddRange(["-chardev", $"socket,id=vsock,path={Escape(socket)}", "-device", $"vhost-user-vsock-{bus},chardev=vsock"]);
                break;
            case GuestVsock.Kernel { Cid: var cid }:
                line.AddRange(["-device", string.Create(CultureInfo.InvariantCulture, $"vhost-vsock-{bus},guest-cid={cid}")]);
                break;
        }

        if (options.Network is { } network)
        {
            line.AddRange(["-netdev", UserNetwork(network), "-device", $"virtio-net-{bus},netdev=network{(bus == "pci" ? ",romfile=" : "")}"]);
        }

        return line;
    }

    /// <summary>The command after <c>cmd:</c> is run anew for each connection of the guest.</summary>
    private static string UserNetwork(QemuNetwork network) => string.Create(
        CultureInfo.InvariantCulture,
        $"user,id=network,restrict=on,net=10.0.2.0/24"
        + $",hostfwd=tcp:127.0.0.1:{network.IntoGuest}-{QemuNetwork.GuestAddress}:{network.GuestPort}"
        + $",guestfwd=tcp:{QemuNetwork.HostAddress}:{network.ToHost}-cmd:{Escape(network.BusyBox)} nc 127.0.0.1 {network.ToHost}");

    private static string KernelOptions(GuestAccelerator accelerator, bool mayRestart, bool hasShell) =>
        $"{KernelLine}{(mayRestart ? StandStill : EndAtOnce)}{(accelerator == GuestAccelerator.Kvm ? Errors : Warnings)} {AgentProtocol.ChannelOption}={AgentTerminal}"
        + (hasShell ? $" {AgentProtocol.ShellOption}={ShellTerminal}" : "");

    private static IEnumerable<string> Terminal(string name, int fd, string bus) =>
    [
        "-chardev", $"socket,id={name},fd={Number(fd)}",
        "-device", $"virtio-serial-{bus},id={name}-bus,max_ports=1",
        "-device", $"virtconsole,chardev={name},bus={name}-bus.0",
    ];

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A comma ends a value on QEMU's command line, two are one.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
