using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>What the device offers and what holds once the guest has chosen (virtio 1.4 sections 5.10.3 and 6).</summary>
public class FeatureRules
{
    /// <summary>Everything that the reference device implements. The session adds bit 30.</summary>
    internal const VirtioFeatures Implemented =
        VirtioFeatures.Stream |
        VirtioFeatures.Seqpacket |
        VirtioFeatures.NoImpliedStream |
        VirtioFeatures.IndirectDesc |
        VirtioFeatures.EventIdx |
        VirtioFeatures.Version1 |
        VirtioFeatures.RingPacked |
        VirtioFeatures.InOrder;

    internal virtual VirtioFeatures Offered(VirtioFeatures withheld) => Implemented & ~withheld;

    /// <summary>What holds once features were accepted: those, and nothing of what was accepted before.</summary>
    internal virtual VirtioFeatures Accept(VirtioFeatures accepted) => accepted;

    /// <summary>
    /// Whether flows of a type are served. Without any feature of the device type there are streams (VS-FEAT-DEV-2), and SEQPACKET brings
    /// them along unless NO_IMPLIED_STREAM was accepted too (VS-FEAT-DEV-3).
    /// </summary>
    internal virtual bool InForce(VirtioFeatures accepted, SocketType type) => type switch
    {
        SocketType.Stream => (accepted & (VirtioFeatures.Stream | VirtioFeatures.NoImpliedStream)) != VirtioFeatures.NoImpliedStream,
        SocketType.Seqpacket => (accepted & VirtioFeatures.Seqpacket) != 0,
        _ => false,
    };

    /// <summary>Configuration space: one le64 guest_cid (section 5.10.4).</summary>
    internal virtual byte[] Config(ulong guestCid)
    {
        byte[] config = new byte[VsockConfig.Size];
        new VsockConfig(guestCid).Write(config);
        return config;
    }
}
