using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Plans;

/// <summary>A kind of workload that plans may ask for.</summary>
/// <param name="Name">As in the field <c>workload</c>.</param>
/// <param name="Read">Reads an entry of the plan; its lists multiply out.</param>
public sealed record WorkloadKind(string Name, Func<YamlMap, IEnumerable<IWorkload>> Read)
{
    /// <summary>All kinds.</summary>
    public static IReadOnlyList<WorkloadKind> All { get; } =
    [
        new("throughput", Throughput.Read),
        new("round-trip", RoundTrip.Read),
        new("round-trip-beside-bulk", RoundTripBesideBulk.Read),
        new("open-loop", OpenLoopLatency.Read),
        new("connect", ConnectRate.Read),
        new("fairness", Fairness.Read),
        new("idle", Idle.Read),
        new("memory", MemoryUse.Read),
        new("guest-throughput", GuestThroughput.Read),
        new("guest-round-trip", GuestRoundTrip.Read),
        new("guest-connect", GuestConnect.Read),
    ];
}
