using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Device events, virtio 1.4 section 5.10.6.7.</summary>
internal static class DriverEventMutants
{
    public static IEnumerable<DriverMutant> All =>
    [
        new("driver-event-reset-ignored", "VS-X-42", "Does nothing when the transport was reset.", p => p with { Events = new Reading(_ => false) }),
        new("driver-event-any-is-reset", "VS-X-41", "Takes every event for a reset of the transport.", p => p with { Events = new Reading(_ => true) }),
        new("driver-event-reset-is-one", "VS-X-41", "Takes event 1 for the reset of the transport.", p => p with { Events = new Reading(happened => happened.Id == 1) }),
        new("driver-event-cid-not-read-again", "VS-EVT-DRV-2", "Keeps its CID when the transport was reset.", p => p with { Events = new OldCid() }),
        new("driver-event-connections-survive", "VS-EVT-DRV-3", "Keeps its connections when the transport was reset.", p => p with { Events = new OldConnections() }),
        new("driver-event-listeners-lost", "VS-EVT-DRV-4", "Forgets its listeners when the transport was reset.", p => p with { Events = new NoListeners() }),
    ];

    private sealed class Reading(Predicate<VsockEvent> isReset) : DriverEventRules
    {
        internal override bool IsReset(VsockEvent happened) => isReset(happened);
    }

    private sealed class OldCid : DriverEventRules
    {
        internal override bool ReadsCidAgain => false;
    }

    private sealed class OldConnections : DriverEventRules
    {
        internal override bool EndsConnections => false;
    }

    private sealed class NoListeners : DriverEventRules
    {
        internal override bool KeepsListeners => false;
    }
}
