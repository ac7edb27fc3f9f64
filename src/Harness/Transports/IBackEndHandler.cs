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

    /// <summary>Null: the front end asked us to poll (<see cref="Polled"/>) or kicks in-band (<see cref="IBackEndHandler.QueueKicked"/>).</summary>
    public EventFd? Kick { get; internal set; }

    /// <summary>Null: the front end polls or is called in-band. <see cref="SignalUsed"/> does what is right.</summary>
    public EventFd? Call { get; internal set; }

    public EventFd? Error { get; internal set; }

    /// <summary>The front end gave no kick descriptor: the ring must be looked at again and again.</summary>
    public bool Polled { get; internal set; }

    /// <summary>A started but disabled ring is drained without effect (vhost-user: ring states).</summary>
    public bool Enabled { get; internal set; }

    /// <summary>Where in the log of dirty pages the used ring counts; null: it is not logged.</summary>
    internal ulong? LogAddress { get; set; }

    internal VhostUserBackEnd? Session { get; init; }

    /// <summary>Notifies the driver of used buffers: through the call descriptor, in-band, or not at all.</summary>
    public void SignalUsed()
    {
        if (Call is not null)
        {
            Call.Signal();
        }
        else
        {
            Session?.SignalUsed(Index);
        }
    }

    /// <summary>Notes in the log of dirty pages, where one is kept, what the device wrote into a chain: before the chain is given back.</summary>
    public void LogWritten(DeviceChain chain, uint written) => Session?.LogWritten(chain, written);

    /// <summary>Notes in the log of dirty pages, where one is kept, that the device wrote into the ring itself: after it did.</summary>
    public void LogRing() => Session?.LogRing(this);

    /// <summary>Tells the front end that the ring is broken: through the error descriptor, in-band, or not at all.</summary>
    public void SignalError()
    {
        if (Error is not null)
        {
            Error.Signal();
        }
        else
        {
            Session?.SignalError(Index);
        }
    }
}

/// <summary>
/// What a vhost-user back end does with what the session decoded. All calls come on the thread that calls
/// <c>VhostUserBackEnd.ProcessMessages</c>.
/// </summary>
public interface IBackEndHandler
{
    /// <summary>Device features; the session adds bits 26 and 30 itself.</summary>
    VirtioFeatures OfferedFeatures { get; }

    /// <summary>Number of queues that can be set up.</summary>
    int QueueCount { get; }

    /// <summary>Bytes of configuration space; the session bounds reads by it.</summary>
    ReadOnlySpan<byte> Config { get; }

    void FeaturesAccepted(VirtioFeatures accepted);

    /// <summary>The driver's status was set, before the queues follow it; 0 comes as <see cref="Reset"/> too.</summary>
    void StatusSet(DeviceStatus status)
    {
    }

    /// <summary>
    /// The memory map was replaced. Queues were stopped before this call and are started on the new memory after it; the old mappings go when it
    /// returns.
    /// </summary>
    void MemoryChanged(GuestMemory memory);

    /// <summary>The ring has addresses, memory and was kicked or enabled: process it.</summary>
    void QueueStarted(BackEndQueue queue);

    /// <summary>
    /// Stop touching the ring, its memory and its eventfds before returning. A chain that was taken and not completed is lost to the driver unless it
    /// is given back: the queue goes on at <see cref="DeviceRing.Base"/>.
    /// </summary>
    void QueueStopped(BackEndQueue queue);

    /// <summary>The enabled state or an eventfd of a started queue changed. A replaced eventfd is closed after this call returns.</summary>
    void QueueChanged(BackEndQueue queue);

    /// <summary>The front end kicked a started queue in-band.</summary>
    void QueueKicked(BackEndQueue queue) => QueueChanged(queue);

    /// <summary>A ring was kicked while the driver's status, which the front end passes on, did not have DRIVER_OK.</summary>
    void QueueKickedEarly(int queue)
    {
    }

    /// <summary>RESET_DEVICE, status 0, or the front end went away: forget all state but the configuration.</summary>
    void Reset();
}
