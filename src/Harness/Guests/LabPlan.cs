namespace Vsockspec.Guests;

/// <summary>How the lab's processors are made.</summary>
public enum LabAccelerator
{
    /// <summary>By QEMU's translator: works everywhere.</summary>
    Tcg,

    /// <summary>By the host's KVM: at native speed.</summary>
    Kvm,
}

/// <summary>One program to run in a lab, and the machine that it wants.</summary>
public sealed record LabPlan
{
    public required GuestKernel Kernel { get; init; }

    /// <summary>The program and its arguments; absolute paths of this machine hold in the lab.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Absolute.</summary>
    public required string WorkingFolder { get; init; }

    /// <summary>Absolute paths of folders that exist; what the lab writes there is on this machine at once. Everything else it writes is lost with it.</summary>
    public required IReadOnlyList<string> WritableFolders { get; init; }

    /// <summary>The whole environment of the program.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    public LabAccelerator Accelerator { get; init; } = LabAccelerator.Tcg;

    /// <summary>From <see cref="MinMemoryMiB"/> to <see cref="MaxMemoryMiB"/>.</summary>
    public int MemoryMiB { get; init; } = 2048;

    public int Cpus { get; init; } = 2;

    /// <summary>From the start of the machine to that of the program.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>For the whole life of the machine.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Absolute path of a file that gets everything the console prints, added to what it has; null: nothing is kept.</summary>
    public string? ConsoleFile { get; init; }

    public const int MinMemoryMiB = 512;

    public const int MaxMemoryMiB = 65536;
}
