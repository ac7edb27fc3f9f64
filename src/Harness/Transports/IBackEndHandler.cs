using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <summary>A queue that a front end gave to our back end. Owned by the back-end session; valid between started and stopped.</summary>
public sealed class BackEndQueue
{
    public required int Index { get; init; }

    public required DeviceRing Ring { get; init; }

    /// <summary>Null: the front end asked us to poll.</summary>
    public EventFd? Kick { get; internal set; }

    /// <summary>Null: the front end polls.</summary>
    public EventFd? Call { get; internal set; }

    public EventFd? Error { get; internal set; }

    /// <summary>A started but disabled ring is drained without effect (vhost-user: ring states).</summary>
    public bool Enabled { get; internal set; }
}

/// <summary>
/// What a vhost-user back end does with what the session decoded. All calls come on the thread that calls
/// <c>VhostUserBackEnd.ProcessMessages</c>.
/// </summary>
public interface IBackEndHandler
{
    /// <summary>Device features; the session adds bit 30 itself.</summary>
    VirtioFeatures OfferedFeatures { get; }

    /// <summary>Number of queues that can be set up.</summary>
    int QueueCount { get; }

    /// <summary>Bytes of configuration space; the session bounds reads by it.</summary>
    ReadOnlySpan<byte> Config { get; }

    void FeaturesAccepted(VirtioFeatures accepted);

    /// <summary>The memory map was replaced. Queues that run were given rings on the new memory before this call returns.</summary>
    void MemoryChanged(GuestMemory memory);

    /// <summary>The ring has addresses, memory and was kicked or enabled: process it.</summary>
    void QueueStarted(BackEndQueue queue);

    /// <summary>Stop touching the ring, its memory and its eventfds before returning.</summary>
    void QueueStopped(BackEndQueue queue);

    /// <summary>The enabled state or an eventfd of a started queue changed.</summary>
    void QueueChanged(BackEndQueue queue);

    /// <summary>RESET_DEVICE, status 0, or the front end went away: forget all state but the configuration.</summary>
    void Reset();
}
