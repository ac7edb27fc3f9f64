using System.Globalization;

namespace Vsockspec.Guests;

/// <summary>The command line of a lab's machine.</summary>
internal static class LabMachine
{
    public const string Console = "console";
    public const string Output = "output";
    public const string Errors = "errors";
    public const string Control = "control";

    /// <summary>Virtio ports that the program's output and the control words travel on; port 0 is the kernel's own.</summary>
    private static readonly string[] Ports = [Control, Output, Errors];

    /// <summary>
    /// mitigations=off, tsc, no_timer_check: time that a translated processor would lose. panic, oops: a kernel that broke is not asked any
    /// further; with -no-reboot the machine ends.
    /// </summary>
    private const string KernelLine = "console=ttyS0 loglevel=7 panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check";

    /// <summary>Every stream that the machine connects to, by name: sockets in the lab's folder.</summary>
    public static IReadOnlyList<string> Streams { get; } = [Console, .. Ports];

    /// <param name="initramfs">Absolute path.</param>
    /// <param name="socketOf">Where a stream of <see cref="Streams"/> listens.</param>
    /// <param name="shares">The descriptors that the machine inherits, each connected to the daemon of one of <see cref="Tags"/>, in their order.</param>
    public static IReadOnlyList<string> CommandLine(LabPlan plan, LabTools tools, string initramfs, Func<string, string> socketOf, IEnumerable<int> shares)
    {
        string memory = plan.MemoryMiB.ToString(CultureInfo.InvariantCulture);
        List<string> line =
        [
            tools.Qemu, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", "q35,memory-backend=memory",
            .. plan.Accelerator == LabAccelerator.Kvm
                ? (string[])["-accel", "kvm", "-cpu", "host"]
                : ["-accel", "tcg,thread=multi", "-cpu", "max,+svm"],
            "-smp", plan.Cpus.ToString(CultureInfo.InvariantCulture),
            "-m", memory,
            "-object", $"memory-backend-memfd,id=memory,size={memory}M,share=on",
            "-kernel", plan.Kernel.Image,
            "-initrd", initramfs,
            "-append", KernelLine,
            "-chardev", $"socket,id={Console},path={Escape(socketOf(Console))}{(plan.ConsoleFile is { } file ? $",logfile={Escape(file)},logappend=on" : "")}",
            "-serial", $"chardev:{Console}",
            "-device", "virtio-serial-pci",
        ];
        foreach (string port in Ports)
        {
            line.AddRange(["-chardev", $"socket,id={port},path={Escape(socketOf(port))}", "-device", $"virtserialport,chardev={port},name={port}"]);
        }

        foreach ((string tag, int fd) in Tags(plan).Zip(shares))
        {
            line.AddRange(["-chardev", string.Create(CultureInfo.InvariantCulture, $"socket,id=fs-{tag},fd={fd}"), "-device", $"vhost-user-fs-pci,queue-size=1024,chardev=fs-{tag},tag={tag}"]);
        }

        return line;
    }

    /// <summary>The shares: the root first, then the writable folders.</summary>
    public static IEnumerable<string> Tags(LabPlan plan) => plan.WritableFolders.Select((_, i) => LabInitramfs.TagOf(i)).Prepend(LabInitramfs.RootTag);

    /// <summary>A comma ends a value on QEMU's command line, two are one.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
