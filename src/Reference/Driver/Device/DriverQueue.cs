using Vsockspec.Interop;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>A virtqueue of the driver: its ring, its notifications, and the end of both when the device breaks the ring's rules.</summary>
internal abstract class DriverQueue(int index, DriverRing ring, DriverQueueRules rules, Action<string> reportBroken) : IWatcher, IDisposable
{
    private bool hasNews;

    public int Index => index;

    public DriverRing Ring => ring;

    public EventFd Kick { get; } = new();

    public EventFd Call { get; } = new();

    /// <summary>The device returned what it was not given; nothing of the queue is touched any more.</summary>
    public bool IsBroken { get; private set; }

    protected DriverQueueRules Rules => rules;

    /// <summary>Spurious calls are legal: all that one says is that it is worth looking.</summary>
    public void Ready(EpollEvents events)
    {
        Call.Drain();
        if (!rules.Survives(index, ring.HasUsed))
        {
            Break("a notification for nothing");
        }
    }

    /// <summary>Shows the device what was posted, and notifies it if it wants that.</summary>
    public void Publish()
    {
        if (hasNews && !IsBroken)
        {
            hasNews = false;
            ring.Publish();
            if (rules.Notifies(index, ring.KickNeeded()))
            {
                Kick.Signal();
            }
        }
    }

    /// <summary>As <see cref="Publish"/>, while the device does not run yet; it is notified once it does.</summary>
    public void Prepare() => ring.Publish();

    /// <summary>The device runs: the notification that was due.</summary>
    public void Begin()
    {
        hasNews = false;
        if (rules.Notifies(index, ring.KickNeeded()))
        {
            Kick.Signal();
        }
    }

    /// <summary>Asks for a notification; true when there is no need to wait for it.</summary>
    public bool Sleep() => !IsBroken && ring.EnableCalls();

    public void Break(string defect)
    {
        if (!IsBroken)
        {
            IsBroken = true;
            reportBroken($"{VsockQueue.Name(index)} queue is broken: {defect}");
        }
    }

    /// <summary>Nothing of the queue is touched any more, because of something else.</summary>
    public void Abandon() => IsBroken = true;

    public void Dispose()
    {
        Kick.Dispose();
        Call.Dispose();
    }

    /// <summary>A chain was posted.</summary>
    protected void Note() => hasNews = true;

    /// <summary>The next chain that the device returns; an id that it was not given breaks the queue.</summary>
    protected bool TryTake(out UsedChain used)
    {
        used = default;
        if (IsBroken || !ring.TryTakeUsed(out used))
        {
            return false;
        }

        if (!ring.LastUsedWasKnown)
        {
            Break($"the device returned id {used.Id}, which it does not have");
            return false;
        }

        return true;
    }
}
