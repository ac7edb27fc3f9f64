using System.CommandLine;
using System.Text.Json.Nodes;
using Vsockspec.Cli.Output;
using Vsockspec.Guests;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec guest</c>: reference guests, and the kernels that they and the lab boot.</summary>
internal static class GuestCommand
{
    public static Command Create(Workbench bench) => new("guest", "Reference guests, and the kernels that they and the lab boot.")
    {
        Fetch(bench),
        List(bench),
        Boot(bench),
    };

    private static Command Boot(Workbench bench)
    {
        QemuOptions defaults = new();
        Argument<string> image = new("IMAGE") { Description = "uml: user-mode Linux, which needs neither KVM nor root; debian:6.1, debian:6.12, debian:RELEASE or the path of a bzImage: in QEMU." };
        Option<int> memory = CommonOptions.Number("--memory", "Memory of the guest in MiB.", defaults.MemoryMiB, QemuOptions.MinMemoryMiB, QemuOptions.MaxMemoryMiB);
        Option<string> machine = Choice("--machine", "The board that QEMU makes.", "q35", "microvm");
        Option<string> accelerator = Choice("--accel", "Who runs QEMU's processors; auto: KVM if it can boot this kernel here, otherwise tcg.", "auto", "tcg", "kvm");
        Option<string> device = Choice("--device", "The guest's vsock device; kernel: this machine's vhost-vsock, as the lab has it.", "reference", "kernel");
        Option<bool> check = new("--check") { Description = "No shell: connect both ways, carry bytes there and back, and tell what KVM did." };
        Command command = new("boot", "Boot a guest and show a shell in it; Ctrl-C or the end of the input ends it.") { image, memory, machine, accelerator, device, check };
        command.SetAction(parsed =>
        {
            QemuOptions options = defaults with
            {
                MemoryMiB = parsed.GetValue(memory),
                Machine = parsed.GetValue(machine) == "q35" ? QemuMachine.Q35 : QemuMachine.MicroVm,
                Accelerator = Enum.Parse<GuestAccelerator>(parsed.GetRequiredValue(accelerator), ignoreCase: true),
            };
            string name = parsed.GetRequiredValue(image);
            if (name != UmlKernel.Name)
            {
                KernelStore.CheckName(name);
            }

            return new GuestBoot(bench, new GuestBootSettings(name, options, parsed.GetValue(device) == "kernel", parsed.GetValue(check)))
                .Execute(Console.OpenStandardInput());
        });
        return command;
    }

    /// <summary>An option that takes one of a few words; the first is the default.</summary>
    internal static Option<string> Choice(string name, string description, params string[] words)
    {
        Option<string> option = new(name) { Description = description, HelpName = string.Join('|', words), DefaultValueFactory = _ => words[0] };
        option.AcceptOnlyFromAmong(words);
        return option;
    }

    private static Command Fetch(Workbench bench)
    {
        Argument<string[]> names = new("NAME")
        {
            Description = "debian:6.1, debian:6.12: the newest cloud kernel of that line; debian:RELEASE: exactly that one.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> refresh = new("--refresh") { Description = "Ask the package archive though a kernel is cached, and fetch what is newer." };
        Command command = new("fetch", "Download and unpack kernel packages into the cache; needs no root.") { names, refresh };
        command.SetAction(parsed =>
        {
            KernelStore store = bench.Kernels();
            string[] asked = parsed.GetRequiredValue(names);
            Func<string, Action<string>, CancellationToken, GuestKernel> get = parsed.GetValue(refresh) ? store.Refresh : store.Fetch;
            foreach (string name in asked)
            {
                // A wrong name among several is told before anything is downloaded.
                KernelStore.CheckName(name);
            }

            using StopSignals signals = new();
            try
            {
                foreach (string name in asked)
                {
                    GuestKernel kernel = get(name, bench.Out.WriteLine, signals.Token);
                    string package = kernel.Version == kernel.Release ? "" : $"package {kernel.Version}, ";
                    bench.Out.WriteLine($"{name}: Linux {kernel.Release}, {package}{kernel.Digest}");
                }
            }
            catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
            {
                bench.Error.WriteLine("vsockspec: stopped; nothing half-made is left");
                return ExitCodes.Harness;
            }

            return ExitCodes.Passed;
        });
        return command;
    }

    private static Command List(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("list", "The kernels that are in the cache.") { json };
        command.SetAction(parsed =>
        {
            KernelStore store = bench.Kernels();
            IReadOnlyList<GuestKernel> kernels = store.List();
            if (parsed.GetValue(json))
            {
                bench.Out.WriteLine(new JsonArray([.. kernels.Select(Json)]).ToJsonString(CliJson.Options));
                return;
            }

            if (kernels.Count == 0)
            {
                bench.Out.WriteLine($"no kernel is cached in {store.Root}; fetch one: vsockspec guest fetch debian:6.12");
                return;
            }

            TextTable table = new("name", "release", "version", "digest", "image");
            foreach (GuestKernel kernel in kernels)
            {
                table.Add(kernel.Name, kernel.Release, kernel.Version, kernel.Digest, kernel.Image);
            }

            table.Print(bench.Out);
        });
        return command;
    }

    private static JsonObject Json(GuestKernel kernel) => new()
    {
        ["name"] = kernel.Name,
        ["release"] = kernel.Release,
        ["version"] = kernel.Version,
        ["digest"] = kernel.Digest,
        ["image"] = kernel.Image,
        ["modules"] = kernel.ModulesFolder,
        ["config"] = kernel.ConfigFile,
    };
}
