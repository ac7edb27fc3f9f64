using System.CommandLine;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary>The options that say which guests serve the cases that need one.</summary>
internal sealed class GuestOptions
{
    /// <summary>A guest whose KVM is itself in a translated machine takes half a minute.</summary>
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    public const string NameOption = "--guest";

    private readonly Option<string?> _guest = new(NameOption)
    {
        Description = "What serves cases that need a guest: uml (user-mode Linux), or a kernel that QEMU boots: debian:6.1, debian:6.12, debian:RELEASE, a path. "
            + "[default: the manifest's; else debian:6.12 where KVM is known to boot it, else uml where it is installed and reaches the device, else debian:6.12. With --suite: the kernel that runs here if it is cached, else debian:6.12]",
        HelpName = "G",
    };

    private readonly Option<string> _machine = GuestCommand.Choice("--guest-machine", "The board that QEMU makes.", "q35", "microvm");

    private readonly Option<string> _accelerator = GuestCommand.Choice(
        "--guest-accel", "Who runs QEMU's processors; auto: KVM if it can boot this kernel here, otherwise tcg.", "auto", "tcg", "kvm");

    /// <summary>Null: not asked for.</summary>
    public string? Name(ParseResult parsed) => parsed.GetValue(_guest);

    public IEnumerable<Option> All => [_guest, _machine, _accelerator];

    /// <param name="programs">Further programs that guests have; null: none.</param>
    /// <exception cref="KernelException">No kernel is called so.</exception>
    public IGuestSource Source(ParseResult parsed, TargetManifest manifest, Workbench bench, IReadOnlyList<GuestFile>? programs = null)
    {
        string? name = parsed.GetValue(_guest);
        if (name is not null && name != UmlKernel.Name)
        {
            KernelStore.CheckName(name);
        }

        Action<string> progress = line => bench.Error.WriteLine($"guest: {line}");
        if (manifest.Role == TargetRole.Driver)
        {
            name = name is null
                ? manifest.Guest!.HasCommand ? null : manifest.Guest.Kernel
                : throw new UsageException($"{NameOption} {name}: the target '{manifest.Name}' is itself the guest; leave out {NameOption}, or name another target");
        }

        if (manifest.Guest is { HasCommand: true } spec)
        {
            return new CommandGuests(spec, manifest.File, bench.Kernels, name, progress, programs);
        }

        if (name == UmlKernel.Name
            || (name is null && manifest.Device is null && ToolBox.OfThisMachine.Find(UmlKernel.Program) is not null && !BootsByKvm(GuestSpec.DefaultKernel, bench.Kernels())))
        {
            return new UmlGuests(progress, programs);
        }

        QemuOptions options = new()
        {
            Machine = parsed.GetValue(_machine) == "q35" ? QemuMachine.Q35 : QemuMachine.MicroVm,
            Accelerator = Enum.Parse<GuestAccelerator>(parsed.GetRequiredValue(_accelerator), ignoreCase: true),
            BootLimit = BootLimit,
        };
        return new QemuGuests(bench.Kernels, name ?? GuestSpec.DefaultKernel, options, progress, programs);
    }

    /// <summary>
    /// A boot has proven it since this machine started. Under a translated KVM guests end now and then for no fault of the target's, so that one is never the default.
    /// </summary>
    private static bool BootsByKvm(string kernel, KernelStore store) =>
        !KvmProof.IsTranslated && KvmProof.Opens() && store.Find(kernel) is { } cached && KvmProof.OfThisMachine(Path.GetDirectoryName(store.Root)!).Known(cached) is true;
}
