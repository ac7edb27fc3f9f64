namespace Vsockspec.Guests;

/// <summary>How a guest in user-mode Linux is to be.</summary>
public sealed record UmlOptions
{
    public const int MinMemoryMiB = 64;

    public const int MaxMemoryMiB = 16384;

    /// <summary>From <see cref="MinMemoryMiB"/> to <see cref="MaxMemoryMiB"/>.</summary>
    public int MemoryMiB { get; init; } = 256;

    /// <summary>The vhost-user socket of the vsock device, which listens; null: a guest without one.</summary>
    public string? DeviceSocket { get; init; }

    /// <summary>From the start of the machine to the agent's hello.</summary>
    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A shell for people runs on a terminal of its own; the image must have a busybox.</summary>
    public bool HasShell { get; init; }
}
