using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>What the driver accepts and what holds then (virtio 1.4 sections 2.2, 5.10.3 and 6).</summary>
public class DriverFeatureRules
{
    /// <summary>
    /// Everything that the driver knows how to use. ORDER_PLATFORM asks for barriers that order memory against a device; the other side is a
    /// processor here, and the rings' barriers are enough for both.
    /// </summary>
    internal const VirtioFeatures Understood =
        VirtioFeatures.Stream |
        VirtioFeatures.Seqpacket |
        VirtioFeatures.NoImpliedStream |
        VirtioFeatures.IndirectDesc |
        VirtioFeatures.EventIdx |
        VirtioFeatures.Version1 |
        VirtioFeatures.RingPacked |
        VirtioFeatures.OrderPlatform;

    /// <summary>
    /// Whether the driver drives a device that offers these. Bits that it does not know are no reason not to (FE-09). ACCESS_PLATFORM is one: over
    /// vhost-user it makes every address one of an IOMMU, whose translations this machine does not have, and the device may need them (FE-11).
    /// </summary>
    internal virtual bool Drives(VirtioFeatures offered) => !offered.HasFlag(VirtioFeatures.AccessPlatform);

    /// <summary>What is accepted of what is offered; bit 30 is the session's business.</summary>
    internal virtual VirtioFeatures Accept(VirtioFeatures offered) => offered & Understood;

    /// <summary>Tells the device what is accepted. The status goes through ACKNOWLEDGE and DRIVER before, and to FEATURES_OK behind it (ST-04); no bit of it is cleared (ST-05).</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Refused"/>: the device cleared FEATURES_OK.</exception>
    internal virtual void Accept(VhostUserFrontEnd frontEnd, VirtioFeatures accepted) => frontEnd.AcceptFeatures(accepted);

    /// <summary>Whether the driver knows what to do with a configuration space, which may be longer than a CID (CF-03).</summary>
    /// <param name="read">The bytes from an offset; null where there are none.</param>
    internal virtual bool TakesConfig(Func<uint, uint, byte[]?> read) => true;

    /// <summary>
    /// Whether sockets of a type can be used. Without any feature of the device type there are streams (VS-FEAT-DRV-2), and SEQPACKET brings
    /// them along unless NO_IMPLIED_STREAM was accepted too (VS-FEAT-DRV-3).
    /// </summary>
    internal virtual bool InForce(VirtioFeatures accepted, SocketType type) => type switch
    {
        SocketType.Stream => (accepted & (VirtioFeatures.Stream | VirtioFeatures.NoImpliedStream)) != VirtioFeatures.NoImpliedStream,
        SocketType.Seqpacket => (accepted & VirtioFeatures.Seqpacket) != 0,
        _ => false,
    };

    /// <summary>Whether a guest can have this CID: not a reserved one, and no upper bits (section 5.10.4).</summary>
    internal virtual bool IsUsable(ulong guestCid) => guestCid <= uint.MaxValue && !Cid.IsReserved(guestCid);
}
