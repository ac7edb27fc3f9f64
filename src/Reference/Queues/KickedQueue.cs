using Vsockspec.Interop;
using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Reference;

/// <summary>
/// A queue of the session while it runs: its kicks, its chain object and the end of a batch. What is done with the chains is the business of
/// <see cref="TransmitQueue"/> and <see cref="ReceiveQueue"/>.
/// </summary>
internal abstract class KickedQueue(EventLoop loop, DeviceParts parts, Action<BackEndQueue> reportBroken) : IWatcher
{
    private const int NotWatched = -1;

    private int watch = NotWatched;
    private EventFd? watched;
    private bool broken;
    private DeviceRing? ring;

    /// <summary>The queue has no kick descriptor and must be looked at again and again.</summary>
    public bool IsPolled => Queue is { Polled: true } && !broken;

    /// <summary>Chains taken so far and kept, bad ones included.</summary>
    public long Taken { get; private set; }

    protected DeviceParts Parts { get; } = parts;

    protected BackEndQueue? Queue { get; private set; }

    /// <summary>The ring of a queue that runs; null otherwise, also when it cannot be followed any more.</summary>
    protected DeviceRing? Ring => broken ? null : ring;

    /// <summary>The queue may have something to do.</summary>
    protected bool IsAwake { get; set; }

    protected DeviceChain Chain { get; } = new();

    public void Start(BackEndQueue queue)
    {
        Queue = queue;
        ring = Parts.Ring(queue.Index, queue.Ring);
        broken = false;
        IsAwake = true;
        FollowKick();
        if (IsPolled)
        {
            ring.DisableKicks();
            queue.LogRing();
        }
    }

    /// <summary>Nothing of the queue is touched any more. Between batches no chain is in our hands.</summary>
    public void Stop()
    {
        Queue = null;
        ring = null;
        IsAwake = false;
        FollowKick();
    }

    /// <summary>A descriptor of the queue, or whether it is enabled, has changed.</summary>
    public void Changed()
    {
        FollowKick();
        Wake();
    }

    public void Wake() => IsAwake = Ring is not null;

    public void Ready(EpollEvents events)
    {
        watched?.Drain();
        Wake();
    }

    /// <summary>Does a bounded amount of work; true when there is more to do at once.</summary>
    public abstract bool Process();

    /// <summary>Takes the next chain. A bad one is given back at once and false is returned with <paramref name="isBad"/>: the next may be good.</summary>
    protected bool TryTake(DeviceRing ring, out bool isBad)
    {
        TakeResult result = ring.TryTake(Chain);
        isBad = result == TakeResult.BadChain;
        Taken += result is TakeResult.Chain or TakeResult.BadChain ? 1 : 0;
        if (isBad)
        {
            ring.Complete(Chain.Id, Chain.RingEntries, 0);
        }
        else if (result == TakeResult.BrokenRing)
        {
            broken = true;
            IsAwake = false;
            reportBroken(Queue!);
        }

        return result == TakeResult.Chain;
    }

    /// <summary>The chain stays in the ring, to be taken again.</summary>
    protected void Untake(DeviceRing ring)
    {
        ring.Untake(Chain);
        Taken--;
    }

    /// <summary>Shows the driver what was completed and notifies it if it wants that.</summary>
    protected void EndBatch(DeviceRing ring)
    {
        ring.PublishUsed();
        Queue!.LogRing();
        if (ring.CallNeeded())
        {
            Queue.SignalUsed();
        }
    }

    /// <summary>
    /// Chains are taken now, and their kicks are not needed. A polled queue has said so once and for all: what it wrote at each look would take the line with the index away from the
    /// driver, which looks at that.
    /// </summary>
    protected void BeginBatch(DeviceRing ring)
    {
        if (!IsPolled)
        {
            ring.DisableKicks();
        }
    }

    /// <summary>Asks for kicks and sleeps; stays awake when something came meanwhile. False when it sleeps, or is looked at again anyway.</summary>
    protected bool SleepUnlessAvailable(DeviceRing ring)
    {
        if (IsPolled)
        {
            IsAwake = false;
            return false;
        }

        IsAwake = !broken && ring.EnableKicks();
        Queue!.LogRing();
        return IsAwake;
    }

    private void FollowKick()
    {
        EventFd? kick = Queue?.Kick;
        if (ReferenceEquals(kick, watched))
        {
            return;
        }

        if (watch != NotWatched)
        {
            loop.Unwatch(watch);
            watch = NotWatched;
        }

        watched = kick;
        if (kick is not null)
        {
            try
            {
                watch = loop.Watch(kick.Fd, EpollEvents.Readable | EpollEvents.EdgeTriggered, this);
            }
            catch (ErrnoException)
            {
                // The front end gave something that cannot tell of kicks, a regular file for example: then there are none.
                watch = NotWatched;
            }
        }
    }
}
