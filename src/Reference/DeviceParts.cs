using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Reference;

/// <summary>
/// The decisions of the reference device, by subject. As they stand they are the specification's; a mutant replaces one of them. One
/// set serves one device: the parts may have state.
/// </summary>
public sealed record DeviceParts
{
    public FeatureRules Features { get; init; } = new();

    public IngressRules Ingress { get; init; } = new();

    public EgressRules Egress { get; init; } = new();

    public CreditRules Credit { get; init; } = new();

    public ConnectionRules Connections { get; init; } = new();

    public DeliveryRules Delivery { get; init; } = new();

    /// <summary>What the vhost-user session decides.</summary>
    public BackEndRules Session { get; init; } = new();

    /// <summary>What the device takes a ring to be, given what it is.</summary>
    public Func<RingSetup, RingSetup> Layout { get; init; } = setup => setup;

    /// <summary>Wraps the ring of a queue (its index is given) when it is made.</summary>
    public Func<int, DeviceRing, DeviceRing> Ring { get; init; } = (_, ring) => ring;
}
