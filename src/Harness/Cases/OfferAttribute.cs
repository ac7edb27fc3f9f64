using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// What the scripted device of a case offers, where that is not the usual (<see cref="DeviceSetup.Usual"/>). VERSION_1 and the variant's ring features are always
/// offered. Each different device costs the boot of a guest, so cases share them.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OfferAttribute(VirtioFeatures features) : Attribute
{
    public VirtioFeatures Features { get; } = features;

    /// <summary>The CID in configuration space; 0: one that the run chooses.</summary>
    public ulong GuestCid { get; init; }

    /// <summary>Bytes of configuration space; 0: the specification's eight.</summary>
    public int ConfigSize { get; init; }

    /// <summary>A driver may leave such a device alone: the case asks itself whether it has.</summary>
    public bool MayBeRefused { get; init; }

    /// <summary>Of a case that says nothing.</summary>
    internal static OfferAttribute Usual { get; } = new(DeviceSetup.Usual);

    internal DeviceSetup Setup(Variant variant, ulong guestCid) => new()
    {
        Offered = Features | VirtioFeatures.Version1 | variant.Features,
        GuestCid = GuestCid == 0 ? guestCid : GuestCid,
        ConfigSize = ConfigSize == 0 ? VsockConfig.Size : ConfigSize,
    };
}
