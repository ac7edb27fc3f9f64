using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>What a scripted device is when its driver finds it. Drivers that found the same device can be asked the same questions.</summary>
public sealed record DeviceSetup
{
    /// <summary>Ring features and socket types in one: what most cases offer.</summary>
    public const VirtioFeatures Usual = VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.Seqpacket;

    /// <summary>The device's features; those of the transport are added where it has to.</summary>
    public required VirtioFeatures Offered { get; init; }

    /// <summary>The CID in configuration space. Any value, also one that no guest may have.</summary>
    public required ulong GuestCid { get; init; }

    /// <summary>Bytes of configuration space; those after the CID are zero.</summary>
    public int ConfigSize { get; init; } = VsockConfig.Size;

    /// <summary>The device puts REQUESTs into the very first rx buffers, at once.</summary>
    public bool SendsEarly { get; init; }
}
