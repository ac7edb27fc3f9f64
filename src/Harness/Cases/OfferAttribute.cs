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

    private ulong? guestCid;

    /// <summary>The CID in configuration space; not given: one that the run chooses.</summary>
    public ulong GuestCid
    {
        get => guestCid ?? 0;
        init => guestCid = value;
    }

    /// <summary>Bytes of configuration space; 0: the specification's eight.</summary>
    public int ConfigSize { get; init; }

    /// <inheritdoc cref="DeviceSetup.SendsEarly"/>
    public bool SendsEarly { get; init; }

    /// <summary>A driver may leave such a device alone: the case asks itself whether it has.</summary>
    public bool MayBeRefused { get; init; }

    /// <summary>Of a case that says nothing.</summary>
    internal static OfferAttribute Usual { get; } = new(DeviceSetup.Usual);

    internal DeviceSetup Setup(Variant variant, ulong chosenCid) => new()
    {
        Offered = Features | VirtioFeatures.Version1 | variant.Features,
        GuestCid = guestCid ?? chosenCid,
        ConfigSize = ConfigSize == 0 ? VsockConfig.Size : ConfigSize,
        SendsEarly = SendsEarly,
    };
}
