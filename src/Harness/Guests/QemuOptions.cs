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

/// <summary>
/// A network that is QEMU's own: the guest reaches one TCP port of this machine's 127.0.0.1 and this machine one of the guest; nobody else reaches
/// anybody. The guest has to give itself its address.
/// </summary>
/// <param name="IntoGuest">Port of 127.0.0.1 that leads to <paramref name="GuestPort"/> of the guest.</param>
/// <param name="ToHost">Port of <see cref="HostAddress"/> that leads to the same port of 127.0.0.1.</param>
/// <param name="BusyBox">Path of a busybox, whose nc carries what goes to the host.</param>
public sealed record QemuNetwork(int IntoGuest, int GuestPort, int ToHost, string BusyBox)
{
    /// <summary>The guest's.</summary>
    public const string GuestAddress = "10.0.2.15";

    public const string Mask = "255.255.255.0";

    /// <summary>Where the guest finds the host.</summary>
    public const string HostAddress = "10.0.2.100";

    /// <summary>The modules that an image needs for it.</summary>
    public static IReadOnlyList<string> Modules { get; } = ["virtio_net"];
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

    /// <summary>Null: a guest without a network.</summary>
    public QemuNetwork? Network { get; init; }

    /// <summary>From the start of the machine to the agent's hello, for each attempt.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long the first boot under a KVM that is not proven may take, at most; one in a translated machine takes 15 s.</summary>
    public TimeSpan ProofLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a <see cref="QemuMachine.MicroVm"/> may print nothing before its boot is given up.</summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// The guest's kernel may start the machine anew. QEMU does not tell that from what a panic would do, so a panic leaves such a machine standing, and is
    /// noticed only when the agent counts as lost.
    /// </summary>
    public bool MayRestart { get; init; }

    /// <summary>A shell for people runs on a terminal of its own; the image must have a busybox.</summary>
    public bool HasShell { get; init; }
}
