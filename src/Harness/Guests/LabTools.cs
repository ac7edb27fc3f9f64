using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>The programs that a lab consists of, by their full paths.</summary>
/// <param name="Qemu">qemu-system-x86_64.</param>
/// <param name="VirtioFs">virtiofsd, the one of QEMU or the newer one in Rust.</param>
/// <param name="BusyBox">A busybox that needs no libraries.</param>
public sealed record LabTools(string Qemu, string VirtioFs, string BusyBox)
{
    /// <summary>Debian 12 has it with QEMU, Debian 13 and others beside it.</summary>
    private static readonly string[] DaemonPlaces = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"];

    /// <summary>Each tool, for what it is needed, and the Debian package that has it.</summary>
    public static IReadOnlyList<(string Name, string NeededFor, string Package, string? Path)> Look(ToolBox tools) =>
    [
        ("qemu-system-x86_64", "the lab; guests", "qemu-system-x86", tools.Find("qemu-system-x86_64")),
        ("virtiofsd", "sharing files with the lab", "qemu-system-common", tools.Find("virtiofsd") ?? DaemonPlaces.FirstOrDefault(Executable.IsExecutable)),
        ("busybox", "the lab's first process", "busybox-static", tools.Find("busybox")),
    ];

    /// <exception cref="LabException">Tools are missing; all are named, with the command that installs them.</exception>
    public static LabTools Find(ToolBox tools)
    {
        IReadOnlyList<(string Name, string NeededFor, string Package, string? Path)> found = Look(tools);
        (string Name, string NeededFor, string Package, string? Path)[] missing = [.. found.Where(f => f.Path is null)];
        return missing.Length == 0
            ? new LabTools(found[0].Path!, found[1].Path!, found[2].Path!)
            : throw new LabException(
                $"the lab needs {string.Join(" and ", missing.Select(m => $"{m.Name} ({m.NeededFor})"))}, which "
                + $"{(missing.Length == 1 ? "is" : "are")} not on this machine; install: "
                + $"sudo apt-get install -y --no-install-recommends {string.Join(' ', missing.Select(m => m.Package))}");
    }
}
