using System.Text;

namespace Vsockspec.Guests;

/// <summary>The archive that a lab boots from: busybox, the modules in the order to load them, and what to run.</summary>
internal static class LabInitramfs
{
    /// <summary>Tag of the share that is the whole of this machine.</summary>
    public const string RootTag = "root";

    /// <summary>Modules without which there is no lab. 6.1 has all of virtio as modules, 6.12 has most of it built in.</summary>
    private static readonly string[] Needed = ["virtio_pci", "virtiofs", "virtio_console", "overlay"];

    /// <summary>Modules that are the reason for the lab; one that a kernel refuses shows in what the program finds.</summary>
    private static readonly string[] Wanted = ["vsock", "vsock_loopback", "vhost_vsock", "vsock_diag", "irqbypass", "kvm"];

    /// <summary>What has to be in a kernel so that it can be the lab's.</summary>
    public static IReadOnlyList<(string Option, string Why)> Options { get; } =
    [
        ("CONFIG_BLK_DEV_INITRD", "the initramfs"),
        ("CONFIG_DEVTMPFS", "device nodes"),
        ("CONFIG_SERIAL_8250_CONSOLE", "the console"),
        ("CONFIG_VIRTIO_PCI", "the lab's devices"),
        ("CONFIG_VIRTIO_FS", "the shared files"),
        ("CONFIG_VIRTIO_CONSOLE", "the program's output"),
        ("CONFIG_OVERLAY_FS", "the root file system"),
        ("CONFIG_VHOST_VSOCK", "/dev/vhost-vsock"),
    ];

    /// <summary>Tag of a writable share, by its index.</summary>
    public static string TagOf(int share) => $"share{share}";

    /// <exception cref="KernelException">The kernel lacks an option or a module.</exception>
    /// <exception cref="LabException">busybox cannot be read.</exception>
    public static void Write(Stream output, LabPlan plan, LabTools tools, CancellationToken cancellation)
    {
        GuestKernelOptions.Require(plan.Kernel, Options);
        ModuleSet modules = ModuleSet.Of(plan.Kernel);
        using CpioArchive archive = new(output);
        foreach (string folder in (string[])["dev", "proc", "sys", "lower", "upper", "newroot"])
        {
            archive.AddFolder(folder);
        }

        archive.AddCharDevice("dev/console", (5, 1));
        archive.AddFile("bin/busybox", ReadTool(tools.BusyBox), CpioArchive.Program);
        archive.AddFile("init", Resource("lab-init.sh"), CpioArchive.Program);
        archive.AddFile("lab/run.sh", Resource("lab-run.sh"), CpioArchive.Program);
        StringBuilder order = new();
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach ((string name, string weight) in (IEnumerable<(string, string)>)[.. Needed.Select(n => (n, "needed")), .. Wanted.Append(KvmModule(plan)).Select(n => (n, "wanted"))])
        {
            foreach (KernelModule module in modules.LoadOrder([name]).Where(m => seen.Add(m.Name)))
            {
                archive.AddFile($"lab/modules/{module.Name}.ko", module.Read(cancellation));
                order.Append(weight).Append(' ').Append(module.Name).Append('\n');
            }
        }

        Text(archive, "lab/order", order.ToString());
        Text(archive, "lab/shares", string.Concat(plan.WritableFolders.Select((folder, i) => $"{TagOf(i)} {folder}\n")));
        Text(archive, "lab/settings", Settings(plan));
    }

    /// <summary>A program for the lab's shell that sets the environment, the folder and the arguments.</summary>
    internal static string Settings(LabPlan plan)
    {
        StringBuilder script = new();
        foreach ((string name, string value) in plan.Environment.Where(v => IsName(v.Key)).OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            script.Append("export ").Append(name).Append('=').Append(Quote(value)).Append('\n');
        }

        script.Append("cd ").Append(Quote(plan.WorkingFolder)).Append('\n');
        return script.Append("set -- ").AppendJoin(' ', plan.Command.Select(Quote)).Append('\n').ToString();
    }

    /// <summary>As the shell reads it: nothing inside is special.</summary>
    internal static string Quote(string text) => $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static bool IsName(string text) => text.Length > 0 && !char.IsAsciiDigit(text[0]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    /// <summary>TCG makes AMD's virtualization and not Intel's; KVM gives what the host's processor has.</summary>
    private static string KvmModule(LabPlan plan) =>
        plan.Accelerator == LabAccelerator.Kvm && File.Exists("/sys/module/kvm_intel") ? "kvm_intel" : "kvm_amd";

    private static void Text(CpioArchive archive, string path, string text) => archive.AddFile(path, Encoding.UTF8.GetBytes(text));

    private static byte[] Resource(string name)
    {
        using Stream stream = typeof(LabInitramfs).Assembly.GetManifestResourceStream(name)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static byte[] ReadTool(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: {e.Message}; install it again: sudo apt-get install -y --reinstall busybox-static", e);
        }
    }
}
