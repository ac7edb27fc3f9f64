using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Device events (virtio 1.4 section 5.10.6.7).</summary>
public class DriverEventRules
{
    /// <summary>Whether an event is the one that says that all connections are lost. Unknown events are none.</summary>
    internal virtual bool IsReset(VsockEvent happened) => happened.Id == VsockEvent.TransportReset;

    /// <summary>The CID may be another one now, and is read again (VS-EVT-DRV-2).</summary>
    internal virtual bool ReadsCidAgain => true;

    /// <summary>Connections are over (VS-EVT-DRV-3).</summary>
    internal virtual bool EndsConnections => true;

    /// <summary>Listeners stay (VS-EVT-DRV-4).</summary>
    internal virtual bool KeepsListeners => true;
}
