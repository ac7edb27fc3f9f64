using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <summary>The device broke the connection, broke the transport's protocol or did not answer in time.</summary>
public sealed class TransportException(TransportFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public TransportFault Fault { get; } = fault;
}

/// <summary>What went wrong between us and the device.</summary>
public enum TransportFault
{
    /// <summary>Nobody serves the socket or device node.</summary>
    Unreachable,

    /// <summary>The device closed the connection.</summary>
    Closed,

    /// <summary>No answer before the deadline.</summary>
    Timeout,

    /// <summary>An answer that breaks the transport's own protocol.</summary>
    Protocol,

    /// <summary>The device answered a request with a failure.</summary>
    Refused,
}

/// <summary>A virtqueue as given to a device.</summary>
/// <param name="Index">See <see cref="VsockQueue"/>.</param>
/// <param name="Ring">Layout, size and guest-physical addresses.</param>
/// <param name="Base">First available index (split) or the packed form of wire.md section 3.</param>
/// <param name="Kick">Signalled by us; null: the device must poll.</param>
/// <param name="Call">Signalled by the device; null: we poll.</param>
/// <param name="Error">Signalled by the device on a ring error; null: none.</param>
public sealed record QueueSetup(int Index, RingSetup Ring, uint Base, EventFd? Kick, EventFd? Call, EventFd? Error = null);

/// <summary>
/// A vsock device as its driver sees it, whatever carries the control messages: vhost-user or /dev/vhost-vsock. Used
/// from one thread. Every call has a deadline and throws <see cref="TransportException"/>.
/// </summary>
public interface IVsockDevice : IDisposable
{
    /// <summary>The transport's word in results.json: <c>vhost-user</c>, <c>vhost-kernel</c>.</summary>
    string Transport { get; }

    /// <summary>All bits offered, the transport's own included.</summary>
    VirtioFeatures OfferedFeatures { get; }

    /// <summary>False where the VMM owns the configuration space.</summary>
    bool HasConfigSpace { get; }

    /// <summary>False where the VMM owns the event queue.</summary>
    bool HasEventQueue { get; }

    /// <summary>False where stopping one queue stops the other too.</summary>
    bool StopsQueuesAlone { get; }

    /// <summary>A descriptor that becomes readable or hangs up when the device goes away or speaks out of turn; -1 where there is none.</summary>
    int WatchFd { get; }

    /// <summary>Reads configuration space; null when the device refuses the range.</summary>
    byte[]? ReadConfig(uint offset, uint length);

    void AcceptFeatures(VirtioFeatures features);

    void ShareMemory(GuestMemory memory);

    /// <summary>Hands over a queue that is not yet processed.</summary>
    void SetUpQueue(QueueSetup queue);

    /// <summary>Lets the device process the queue.</summary>
    void StartQueue(int index);

    /// <summary>Stops the queue and returns its base, in the form of <see cref="QueueSetup.Base"/>.</summary>
    uint StopQueue(int index);

    /// <summary>
    /// Returns when the device has had every occasion to look at queues that were kicked before. The only fence there is while no packet can come back:
    /// rings are stopped, or broken on purpose.
    /// </summary>
    void Settle();
}
