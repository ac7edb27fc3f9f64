namespace Vsockspec.Guests;

/// <summary>The board that QEMU makes.</summary>
public enum QemuMachine
{
    /// <summary>A PC with PCI: devices are virtio-pci.</summary>
    Q35,

    /// <summary>No PCI: devices are virtio-mmio. Boots faster; on a busy machine its timer may fail to be calibrated, which costs a second boot.</summary>
    MicroVm,
}

/// <summary>How a guest's processors are made.</summary>
public enum GuestAccelerator
{
    /// <summary>By KVM if that boots this kernel, otherwise by translation.</summary>
    Auto,

    /// <summary>By QEMU's translator.</summary>
    Tcg,

    /// <summary>By the kernel's KVM.</summary>
    Kvm,
}

/// <summary>How a guest in QEMU is to be.</summary>
public sealed record QemuOptions
{
    public const int MinMemoryMiB = 64;

    public const int MaxMemoryMiB = 16384;

    public const int MaxCpus = 16;

    public QemuMachine Machine { get; init; } = QemuMachine.Q35;

    public GuestAccelerator Accelerator { get; init; } = GuestAccelerator.Auto;

    /// <summary>From <see cref="MinMemoryMiB"/> to <see cref="MaxMemoryMiB"/>.</summary>
    public int MemoryMiB { get; init; } = 256;

    /// <summary>From 1 to <see cref="MaxCpus"/>.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>Null: a guest without a vsock device.</summary>
    public GuestVsock? Device { get; init; }

    /// <summary>From the start of the machine to the agent's hello, for each attempt.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long the first boot under a KVM that is not proven may take, at most; one in a translated machine takes 15 s.</summary>
    public TimeSpan ProofLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a <see cref="QemuMachine.MicroVm"/> may print nothing before its boot is given up.</summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A shell for people runs on a terminal of its own; the image must have a busybox.</summary>
    public bool HasShell { get; init; }
}
