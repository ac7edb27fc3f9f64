using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// One front end of a guest on a tap, from its connection to its end, and the connection to the target that is made for it. What the front
/// end says to its device is said to the target, and the other way round. One thread, that of the tap.
/// </summary>
internal sealed class GuestTapSession : IBackEndHandler, IDisposable
{
    private const int MaxQueues = VsockQueue.Event + 1;

    /// <summary>Ring features that a tap knows how to pass on, and those of the device itself.</summary>
    private const VirtioFeatures Relayable =
        VirtioFeatures.DeviceType |
        VirtioFeatures.Version1 |
        VirtioFeatures.IndirectDesc |
        VirtioFeatures.EventIdx |
        VirtioFeatures.RingPacked |
        VirtioFeatures.InOrder |
        VirtioFeatures.OrderPlatform;

    private readonly IDriverObserver driver;
    private readonly VhostUserFrontEnd target;
    private readonly VhostUserBackEnd backEnd;
    private readonly TapQueue?[] queues = new TapQueue?[MaxQueues];
    private readonly byte[] config = new byte[VsockConfig.Size];
    private GuestMemory? guestMemory;
    private TapMemory? memory;
    private IRingObserver? observer;
    private VirtioFeatures accepted;
    private VirtioFeatures? applied;
    private bool wasReset = true;

    /// <summary>Takes over both connections; when it throws they stay the caller's.</summary>
    /// <param name="patience">How long each answer of the target may take.</param>
    /// <exception cref="TransportException">The target does not complete the first exchange.</exception>
    public GuestTapSession(UnixStream guest, UnixStream targetStream, ulong guestCid, IDriverObserver driver, TimeSpan patience)
    {
        this.driver = driver;
        new VsockConfig(guestCid).Write(config);
        target = new VhostUserFrontEnd(targetStream, new VhostUserFrontEndOptions
        {
            Deadline = patience,
            Wanted =
                VhostUserProtocolFeatures.Mq |
                VhostUserProtocolFeatures.ReplyAck |
                VhostUserProtocolFeatures.Config |
                VhostUserProtocolFeatures.ConfigureMemSlots |
                VhostUserProtocolFeatures.ResetDevice,
        });
        target.Negotiate();
        backEnd = new VhostUserBackEnd(guest, this, (memory, setup, start) => DeviceRings.Create(memory, setup, start), new TapRules(target, this));
    }

    /// <summary>Why the session cannot go on although the front end could; null while it can.</summary>
    public TransportException? TargetFault { get; private set; }

    /// <summary>The front end has gone, or the target has.</summary>
    public bool IsOver => TargetFault is not null || backEnd.IsClosed;

    /// <summary>Number of queues that the target names; null when it was not asked or does not say.</summary>
    public ulong? TargetQueues => target.QueueCount;

    /// <summary>Chains of the tx queue that the target has.</summary>
    public int TxOutstanding => queues[VsockQueue.Tx]?.Outstanding ?? 0;

    /// <summary>A queue has to be looked at without a notification.</summary>
    public bool IsPolled => Array.Exists(queues, queue => queue is { IsStarted: true, IsPolled: true });

    /// <summary>Everything that either side was notified of has been passed on, and the target has no tx chain.</summary>
    public bool IsQuiet => TxOutstanding == 0 && Array.TrueForAll(queues, queue => queue is null or { IsCalled: false, HasUsed: false } and ({ IsKicked: false } or { IsStarted: false } or { IsPolled: true }));

    VirtioFeatures IBackEndHandler.OfferedFeatures => target.OfferedFeatures & Relayable;

    int IBackEndHandler.QueueCount => (int)Math.Min(target.QueueCount ?? MaxQueues, MaxQueues);

    ReadOnlySpan<byte> IBackEndHandler.Config => config;

    /// <summary>Descriptors to wait for, before <see cref="Serve"/>.</summary>
    public int Watch(Span<PollEntry> entries)
    {
        int count = 0;
        entries[count++] = new PollEntry(backEnd.WatchFd, PollEvents.Readable);
        entries[count++] = new PollEntry(target.WatchFd, PollEvents.PeerClosed);
        foreach (TapQueue? queue in queues)
        {
            if (queue is not { IsStarted: true })
            {
                continue;
            }

            entries[count++] = new PollEntry(queue.Call.Fd, PollEvents.Readable);
            entries[count++] = new PollEntry(queue.Error.Fd, PollEvents.Readable);
            if (queue.GuestKick is { } kick)
            {
                entries[count++] = new PollEntry(kick.Fd, PollEvents.Readable);
            }
        }

        return count;
    }

    /// <summary>Takes in what has become ready.</summary>
    public void Serve(ReadOnlySpan<PollEntry> entries)
    {
        // First the queues: what the target did before it went away is still there to be seen.
        foreach (TapQueue? queue in queues)
        {
            if (queue is { IsStarted: true })
            {
                queue.Notice();
            }
        }

        if ((entries[1].Ready & (PollEvents.HangUp | PollEvents.PeerClosed | PollEvents.Error)) != 0)
        {
            _ = Move();
            Fail(new TransportException(TransportFault.Closed, "the device closed the connection"));
        }
        else if (entries[0].Ready != PollEvents.None)
        {
            backEnd.ProcessMessages();
        }
    }

    /// <summary>Passes on what there is, a bounded amount; true when there is more.</summary>
    public bool Move()
    {
        bool more = false;
        foreach (TapQueue? queue in queues)
        {
            more |= queue?.Move() ?? false;
        }

        return more;
    }

    /// <summary>Gives the target every occasion to look at its rings, and looks at them without waiting for a notification.</summary>
    public void Settle() => Try(target.Settle);

    /// <summary>
    /// A look from time to time at what nobody was notified of. A target that may only have been held up is asked on its control connection first.
    /// </summary>
    public void LookForUnnotified()
    {
        bool settled = false;
        foreach (TapQueue? queue in queues)
        {
            if (queue is null || !queue.WaitsUnnotified())
            {
                continue;
            }

            if (!settled)
            {
                settled = true;
                Settle();
            }

            queue.Notice();
            if (TargetFault is null && !queue.IsCalled && queue.HasUsed)
            {
                queue.ReportUnnotified();
            }
        }
    }

    public byte[]? ReadConfig(VhostUserConfigAccess access)
    {
        byte[]? bytes = null;
        Try(() => bytes = target.ReadConfig(access.Offset, access.Length));
        return bytes;
    }

    void IBackEndHandler.FeaturesAccepted(VirtioFeatures features)
    {
        accepted = features;
        if (applied is not null && applied != accepted && Array.Exists(queues, queue => queue is not null))
        {
            Try(Negotiate);
        }
    }

    void IBackEndHandler.MemoryChanged(GuestMemory memory)
    {
        guestMemory = memory;
        this.memory?.Dispose();
        this.memory = null;
    }

    void IBackEndHandler.QueueStarted(BackEndQueue queue) => Try(() =>
    {
        Negotiate();
        TapQueue tapped = new(queue, Share(), observer!, driver);
        queues[queue.Index] = tapped;
        target.SetUpQueue(tapped.Setup);
        Follow(queue, tapped);
    });

    void IBackEndHandler.QueueChanged(BackEndQueue queue) => Try(() =>
    {
        if (queues[queue.Index] is { } tapped)
        {
            tapped.IsKicked = true;
            Follow(queue, tapped);
        }
    });

    void IBackEndHandler.QueueStopped(BackEndQueue queue)
    {
        if (queues[queue.Index] is not { } tapped)
        {
            return;
        }

        // A front end that has gone takes nothing more.
        if (tapped.IsStarted && !IsOver)
        {
            Try(() => tapped.GiveBack(target.StopQueue(queue.Index)));
        }

        queues[queue.Index] = null;
        tapped.Dispose();
    }

    void IBackEndHandler.Reset()
    {
        applied = null;
        wasReset = true;
        if (!IsOver && target.Has(VhostUserProtocolFeatures.ResetDevice))
        {
            Try(target.ResetDevice);
        }
    }

    /// <summary>Closes both connections.</summary>
    public void Dispose()
    {
        backEnd.Dispose();
        target.Dispose();
        memory?.Dispose();
    }

    private void Negotiate()
    {
        if (applied == accepted)
        {
            return;
        }

        target.AcceptFeatures(accepted);
        applied = accepted;
        observer = driver.SessionBegan(accepted, resumes: !wasReset);
        wasReset = false;
    }

    private TapMemory Share()
    {
        if (memory is not null)
        {
            return memory;
        }

        if (guestMemory!.Regions.Count >= VhostUserRegion.MaxInTable && !target.Has(VhostUserProtocolFeatures.ConfigureMemSlots))
        {
            throw new NotSupportedException(
                $"the guest shares {guestMemory.Regions.Count} memory regions, a tap needs one more, and the device takes no more than {VhostUserRegion.MaxInTable}");
        }

        memory = new TapMemory(guestMemory);
        target.ShareMemory(memory.All);
        return memory;
    }

    /// <summary>Lets the target process the queue as the guest's front end has it.</summary>
    private void Follow(BackEndQueue queue, TapQueue tapped)
    {
        if (queue.Enabled && !tapped.IsStarted)
        {
            target.StartQueue(queue.Index);
            tapped.IsStarted = true;
            tapped.IsEnabled = true;
        }
        else if (tapped.IsStarted && tapped.IsEnabled != queue.Enabled && target.AcceptedFeatures.HasFlag(VirtioFeatures.VhostUserProtocolFeatures))
        {
            target.SetVringEnable((uint)queue.Index, queue.Enabled);
            target.Flush();
            tapped.IsEnabled = queue.Enabled;
        }
    }

    private void Try(Action action)
    {
        if (TargetFault is not null)
        {
            return;
        }

        try
        {
            action();
        }
        catch (TransportException e)
        {
            Fail(e);
        }
    }

    private void Fail(TransportException fault) => TargetFault ??= fault;
}
