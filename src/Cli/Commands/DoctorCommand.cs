using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Vsockspec.Cli.Output;
using Vsockspec.Guests;
using Vsockspec.Targets.Containers;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec doctor</c>: what this machine can run and, for each thing missing, the one command that provides it.</summary>
internal static class DoctorCommand
{
    /// <param name="Needed">For what.</param>
    /// <param name="State">What was found.</param>
    /// <param name="Remedy">Null when it is there.</param>
    internal sealed record Finding(string Name, string Needed, string State, string? Remedy);

    public static Command Create(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("doctor", "Show what this machine can run and how to get what is missing.") { json };
        command.SetAction(parsed =>
        {
            Finding[] findings = [.. Examine(bench)];
            if (parsed.GetValue(json))
            {
                bench.Out.WriteLine(new JsonArray([.. findings.Select(ToJson)]).ToJsonString(CliJson.Options));
                return;
            }

            TextTable table = new("", "what", "state", "needed for");
            foreach (Finding finding in findings)
            {
                table.Add(finding.Remedy is null ? "ok" : "--", finding.Name, finding.State, finding.Needed);
            }

            table.Print(bench.Out);
            foreach (Finding finding in findings.Where(f => f.Remedy is not null))
            {
                bench.Out.WriteLine($"{finding.Name}: {finding.Remedy}");
            }
        });
        return command;
    }

    private static IEnumerable<Finding> Examine(Workbench bench) =>
    [
        new(".NET", "everything", RuntimeInformation.FrameworkDescription, null),
        Program("setsid", "ending a target together with its children", "util-linux"),
        Program("tshark", "reading traces with Wireshark's dissector; some tests", "tshark"),
        Program("gcc", "tests that compare wire layouts with the system's headers", "gcc libc6-dev linux-libc-dev"),
        Engine(),
        Device("/dev/kvm", "guests at native speed (that it opens does not prove that a guest boots)", "sudo modprobe -a kvm_intel kvm_amd"),
        Device("/dev/vhost-vsock", "the target linux-vhost-vsock", "sudo modprobe vhost_vsock"),
        Program("apt-get", "fetching kernels", "apt"),
        Program("dpkg-deb", "unpacking kernel packages", "dpkg"),
        Program("depmod", "listing what the modules of a fetched kernel need", "kmod"),
        Program("make", "building the kernel's own vsock tests (run --suite linux-vsock-test)", "make gcc libc6-dev linux-libc-dev"),
        Program("xz", "decompressing the modules of debian:6.12", "xz-utils"),
        Kernel(bench, "debian:6.1"),
        Kernel(bench, "debian:6.12"),
        .. LabTools.Look(ToolBox.OfThisMachine).Select(t => Program(t.Name, t.NeededFor, t.Package, t.Path)),
        Program("linux", "guests in user-mode Linux, without KVM and without root", "user-mode-linux"),
    ];

    private static Finding Program(string name, string needed, string packages) => Program(name, needed, packages, ToolBox.OfThisMachine.Find(name));

    private static Finding Program(string name, string needed, string packages, string? found) => found is { } path
        ? new Finding(name, needed, path, null)
        : new Finding(name, needed, "not installed", $"sudo apt-get install -y {packages}");

    private static Finding Engine()
    {
        const string Name = "container engine";
        const string Needed = "targets in containers";
        try
        {
            ContainerEngine engine = ContainerEngine.OfThisMachine();
            return new Finding(Name, Needed, $"{engine.Version} at {engine.Socket}", null);
        }
        catch (EngineException e)
        {
            return new Finding(Name, Needed, e.What, e.Remedy ?? "see the engine's log");
        }
    }

    private static Finding Kernel(Workbench bench, string name)
    {
        const string Needed = "the lab; guests";
        try
        {
            return bench.Kernels().Find(name) is { } kernel
                ? new Finding(name, Needed, $"{kernel.Release}, package {kernel.Version}", null)
                : new Finding(name, Needed, "not fetched", $"vsockspec guest fetch {name}");
        }
        catch (KernelException e)
        {
            return new Finding(name, Needed, "cannot be used", e.Message);
        }
    }

    private static Finding Device(string path, string needed, string remedy)
    {
        if (!File.Exists(path))
        {
            return new Finding(path, needed, "not there", remedy);
        }

        try
        {
            using FileStream device = new(path, FileMode.Open, FileAccess.ReadWrite);
            return new Finding(path, needed, "opens", null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Finding(path, needed, $"does not open: {e.Message}", $"sudo setfacl -m u:{Environment.UserName}:rw {path}");
        }
    }

    private static JsonObject ToJson(Finding finding)
    {
        JsonObject row = new() { ["name"] = finding.Name, ["ok"] = finding.Remedy is null, ["state"] = finding.State, ["neededFor"] = finding.Needed };
        if (finding.Remedy is not null)
        {
            row["remedy"] = finding.Remedy;
        }

        return row;
    }
}
