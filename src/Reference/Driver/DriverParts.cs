using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Reference.Driver;

/// <summary>
/// The decisions of the reference driver, by subject. As they stand they are the specification's; a mutant replaces one of them. One
/// set serves one driver: the parts may have state.
/// </summary>
public sealed record DriverParts
{
    public DriverFeatureRules Features { get; init; } = new();

    public DriverQueueRules Queues { get; init; } = new();

    public DriverIngressRules Ingress { get; init; } = new();

    public DriverEgressRules Egress { get; init; } = new();

    public DriverCreditRules Credit { get; init; } = new();

    public DriverConnectionRules Connections { get; init; } = new();

    public DriverMessageRules Messages { get; init; } = new();

    public DriverEventRules Events { get; init; } = new();

    /// <summary>Where a ring lies, given where it was put in guest memory.</summary>
    public Func<GuestArena, RingSetup, RingSetup> Layout { get; init; } = (_, setup) => setup;

    /// <summary>Wraps the ring of a queue (its index is given) when it is made.</summary>
    public Func<int, GuestMemory, DriverRing, DriverRing> Ring { get; init; } = (_, _, ring) => ring;
}
