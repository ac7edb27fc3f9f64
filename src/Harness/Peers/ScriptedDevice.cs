using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// A vsock device that does what it is told, the mirror of <see cref="RawDriver"/>: it serves any features and configuration, takes and returns
/// chains when it likes, writes any bytes with any length into the driver's buffers and keeps every packet that the driver sends. By itself it only
/// returns tx chains and answers CREDIT_REQUEST, and both can be switched off. It serves one front end, and works when its timeline is pumped. One thread.
/// </summary>
public sealed class ScriptedDevice : IPumped, IFlowEnd, IDisposable
{
    private const int QueueCount = VsockQueue.Event + 1;

    /// <summary>Flows that are remembered to be ended; a case that leaves more has a guest that is not used again.</summary>
    private const int MostLeft = 10_000;

    private readonly UnixListener listener;
    private readonly IDriverObserver driverObserver;
    private readonly Handler handler;
    private readonly FlowBook flows;
    private readonly Queue<VsockHeader> answers = new();
    private readonly HashSet<FlowId> left = [];
    private readonly Queue<HeldChain> first = new();
    private readonly List<Flow> early = [];
    private readonly ScriptedQueue?[] queues = new ScriptedQueue?[QueueCount];
    private readonly byte[] config;
    private VhostUserBackEnd? session;
    private IRingObserver? observer;
    private Timeline? timeline;
    private int received;
    private bool sentEarly;
    private uint nextFencePort = 0x7000_0000;

    /// <summary>Listens; the driver's front end may connect from now on.</summary>
    /// <param name="socket">Path of the vhost-user socket; removed on dispose.</param>
    /// <exception cref="ErrnoException">The socket cannot be bound.</exception>
    public ScriptedDevice(DeviceSetup setup, string socket, IDriverObserver observer)
    {
        flows = new FlowBook(this);
        Setup = setup;
        Socket = socket;
        driverObserver = observer;
        config = new byte[Math.Max(setup.ConfigSize, VsockConfig.Size)];
        GuestCid = setup.GuestCid;
        handler = new Handler(this);
        listener = new UnixListener(socket);
    }

    public DeviceSetup Setup { get; }

    public string Socket { get; }

    /// <summary>In configuration space. A driver reads it anew when it is told of a reset of the transport.</summary>
    public ulong GuestCid
    {
        get;
        set
        {
            field = value;
            new VsockConfig(value).Write(config);
        }
    }

    /// <summary>What the driver accepted, without the transport's own; null before it did.</summary>
    public VirtioFeatures? Accepted { get; private set; }

    /// <summary>What the driver did to bring the device up.</summary>
    public DriverJournal Journal { get; } = new();

    public Timeline Timeline => timeline ?? throw new InvalidOperationException("the device is on no timeline");

    bool IFlowEnd.IsHost => true;

    /// <summary>Null until the driver has set it up; not the same object after it was set up again.</summary>
    public ScriptedQueue? RxOrNull => queues[VsockQueue.Rx];

    /// <summary>The driver's buffers for packets of the device.</summary>
    /// <exception cref="ExpectationException">The driver has not set the queue up.</exception>
    public ScriptedQueue Rx => Running(VsockQueue.Rx);

    /// <inheritdoc cref="Rx"/>
    public ScriptedQueue Tx => Running(VsockQueue.Tx);

    /// <summary>Null where the driver's machine keeps the event queue to itself, as QEMU does.</summary>
    public ScriptedQueue? Event => queues[VsockQueue.Event];

    /// <summary>Both data queues are set up and were kicked.</summary>
    public bool IsUp => queues[VsockQueue.Rx] is { IsStopped: false } && queues[VsockQueue.Tx] is { IsStopped: false };

    /// <summary>The front end has connected, and gone.</summary>
    public bool HasLost { get; private set; }

    /// <summary>False: tx chains stay in the ring.</summary>
    public bool TakesTx { get; set; } = true;

    /// <summary>False: tx chains are taken, their packets are seen, and they are not returned.</summary>
    public bool ReturnsTx { get; set; } = true;

    /// <summary>Packets of unknown flows are answered with RST, as by a host where nobody listens.</summary>
    public bool AnswersStrays { get; set; }

    /// <summary>Packets of flows that nobody opened here, in order.</summary>
    public IReadOnlyList<Packet> Strays => flows.Strays;

    /// <summary>tx chains that are held because <see cref="ReturnsTx"/> is off, oldest first.</summary>
    public List<HeldChain> HeldTx { get; } = [];

    /// <summary>The REQUESTs that went into the very first rx buffers (<see cref="DeviceSetup.SendsEarly"/>), one flow each.</summary>
    public IReadOnlyList<Flow> Early => early;

    /// <summary>The payload that the next rx chain has room for.</summary>
    public int MaxPayload => (int)Math.Clamp((long)NextRx().WritableBytes - VsockHeader.Size, 0, 64 * 1024);

    /// <summary>Puts the device on a timeline: it works when that is pumped.</summary>
    public void Attach(Timeline to)
    {
        Detach();
        timeline = to;
        to.Add(this);
    }

    /// <summary>Takes the device off its timeline, and forgets flows, strays and whatever it was told to leave.</summary>
    public void Detach()
    {
        timeline?.Remove(this);
        timeline = null;
        NoteLeft();
        flows.Clear();
        first.Clear();
        TakesTx = ReturnsTx = true;
        AnswersStrays = false;
        foreach (ScriptedQueue? queue in queues)
        {
            if (queue is not null)
            {
                queue.Calls = queue.WantsKicks = true;
                queue.HoldsBack = false;
            }
        }

        ReturnHeldTx();
    }

    /// <summary>
    /// Tells the driver RST on every flow that was there before the device was last taken off its timeline, as far as the driver may still know it: a guest that waits for
    /// an answer to REQUEST or SHUTDOWN waits no more.
    /// </summary>
    public void ResetLeft()
    {
        foreach (FlowId id in left)
        {
            answers.Enqueue(new VsockHeader
            {
                SrcCid = id.HostCid,
                DstCid = id.GuestCid,
                SrcPort = id.HostPort,
                DstPort = id.GuestPort,
                Type = id.Type,
                Op = Op.Rst,
            });
        }

        left.Clear();
    }

    /// <summary>A flow of this guest with a host port; nothing is sent.</summary>
    public Flow NewFlow(uint hostPort, uint guestPort, SocketType type = SocketType.Stream) =>
        Register(new FlowId(GuestCid, guestPort, Cid.Host, hostPort, type));

    /// <summary>Takes part in any flow, also one whose addresses a device must not use.</summary>
    public Flow Register(FlowId id) => flows.Register(id);

    /// <summary>Later packets of the flow count as strays.</summary>
    public void Forget(Flow flow) => flows.Forget(flow);

    /// <summary>Waits for a REQUEST of the driver to a host port and takes part in the flow; nothing is answered yet.</summary>
    public Flow ExpectRequest(uint hostPort, SocketType type = SocketType.Stream) => flows.ExpectRequest(hostPort, type);

    /// <summary>The first stray packet that fits, removed from <see cref="Strays"/>; null when there is none.</summary>
    public Packet? TakeStray(Predicate<Packet> fits) => flows.TakeStray(fits);

    /// <summary>Waits for a stray packet that fits.</summary>
    /// <param name="code">Failure code when none comes.</param>
    public Packet ExpectStray(string code, string expected, Predicate<Packet> fits) => flows.ExpectStray(code, expected, fits);

    /// <summary>Writes a packet into the next rx chain and returns that with its true length.</summary>
    public Sent Send(VsockHeader header, ReadOnlySpan<byte> payload = default)
    {
        Span<byte> packet = new byte[VsockHeader.Size + payload.Length];
        header.Write(packet);
        payload.CopyTo(packet[VsockHeader.Size..]);
        Send(packet);
        return default;
    }

    /// <summary>Writes any bytes into the next rx chain, as many as fit.</summary>
    /// <param name="used">The length to tell; null: that of what was written.</param>
    public void Send(ReadOnlySpan<byte> bytes, uint? used = null)
    {
        _ = NextRx();
        ScriptedQueue rx = Rx;
        HeldChain chain = first.Count > 0 ? first.Dequeue() : rx.TryTake()!;
        uint written = rx.Write(chain, bytes);
        uint told = used ?? written;
        chain.TellPosted(observer!);
        observer!.Used(rx.Index, new UsedChain(chain.Id, told));
        observer.ReceivedPacket(chain.Id, bytes[..(int)Math.Min(told, written)]);
        rx.Return(chain, told);
    }

    /// <summary>The next packets go into these rx chains, which were taken before, in this order.</summary>
    public void FillFirst(params ReadOnlySpan<HeldChain> chains)
    {
        foreach (HeldChain chain in chains)
        {
            first.Enqueue(chain);
        }
    }

    /// <summary>Writes an event into the next event buffer.</summary>
    /// <param name="used">The length to tell; null: 4.</param>
    /// <exception cref="ExpectationException">The driver gives no buffer.</exception>
    public void SendEvent(uint id, uint? used = null)
    {
        HeldChain? chain = null;
        if (!Timeline.WaitUntil(() => (chain = Running(VsockQueue.Event).TryTake()) is not null))
        {
            throw new ExpectationException("no-event-buffer", "a buffer in the event queue", $"none within {Timeline.Patience.TotalSeconds:0.###} s");
        }

        ScriptedQueue queue = Running(VsockQueue.Event);
        uint written = queue.Write(chain!, BitConverter.GetBytes(id));
        queue.Return(chain!, used ?? written);
    }

    /// <summary>
    /// Returns when the driver has processed everything sent before and every answer has arrived: a REQUEST to a port at which nobody listens is answered with
    /// RST (virtio 1.4 section 5.10.6.5), behind whatever the driver had to answer before. Two rounds, because a driver may queue a second answer behind the first.
    /// </summary>
    /// <exception cref="ExpectationException">No answer: the driver is wedged.</exception>
    public void Fence()
    {
        for (int i = 0; i < 2; i++)
        {
            uint port = nextFencePort++;
            Flow flow = NewFlow(port, port);
            flow.Send(Op.Request);
            _ = flow.Expect("fence-no-answer", Op.Rst);
            Forget(flow);
        }

        observer!.Fenced();
    }

    /// <summary>Returns the tx chains that were held.</summary>
    public void ReturnHeldTx()
    {
        foreach (HeldChain chain in HeldTx)
        {
            chain.Queue.Complete(chain, 0);
        }

        if (HeldTx.Count > 0)
        {
            HeldTx[0].Queue.Publish();
            HeldTx.Clear();
        }
    }

    /// <summary>Closes the connection to the front end, as a device that dies.</summary>
    public void HangUp()
    {
        session?.Dispose();
        session = null;
        HasLost = true;
    }

    /// <summary>The queue, once the driver has it running.</summary>
    /// <exception cref="ExpectationException">It does not.</exception>
    public ScriptedQueue Running(int index) => queues[index] is { IsStopped: false } queue
        ? queue
        : throw new ExpectationException(
            "queue-not-running", $"the driver has the {VsockQueue.Name(index)} queue running", $"it has not; what it did: {Journal}");

    public void Pump()
    {
        if (session is null)
        {
            if (HasLost || listener.TryAccept() is not { } stream)
            {
                return;
            }

            Journal.Add(DriverAct.Connected);
            session = new VhostUserBackEnd(
                stream, handler, (memory, setup, start) => DeviceRings.Create(memory, setup, start), new ScriptedRules(handler.ConfigRead), handler.Refused);
        }

        session.ProcessMessages();
        if (session.IsClosed)
        {
            HangUp();
            return;
        }

        foreach (ScriptedQueue? queue in queues)
        {
            if (queue?.DrainKicks() is > 0)
            {
                observer?.Kicked(queue.Index);
            }
        }

        if (TakesTx)
        {
            TakePackets();
        }

        if (Setup.SendsEarly && !sentEarly && HasRoom)
        {
            SendEarly();
        }

        Answer();
    }

    public int PrepareToSleep(Span<PollEntry> entries)
    {
        if (session is null)
        {
            entries[0] = new PollEntry(listener.Fd, PollEvents.Readable);
            return HasLost ? 0 : 1;
        }

        int count = 0;
        entries[count++] = new PollEntry(session.WatchFd, PollEvents.Readable);
        foreach (ScriptedQueue? queue in queues)
        {
            if (queue is not { IsStopped: false })
            {
                continue;
            }

            bool awaited = queue.Index != VsockQueue.Tx || TakesTx;
            if (queue.WantsKicks && awaited && queue.EnableKicks() && queue.Index == VsockQueue.Tx)
            {
                return -1;
            }

            if (queue.KickFd >= 0)
            {
                entries[count++] = new PollEntry(queue.KickFd, PollEvents.Readable);
            }
        }

        return count;
    }

    public void Woken(ReadOnlySpan<PollEntry> entries)
    {
    }

    public void Dispose()
    {
        Detach();
        session?.Dispose();
        listener.Dispose();
    }

    /// <summary>A driver may find these before it is ready for them. They ask for ports at which nobody can listen yet.</summary>
    private void SendEarly()
    {
        const int Most = 8;
        sentEarly = true;
        while (early.Count < Most && HasRoom)
        {
            uint port = nextFencePort++;
            Flow flow = NewFlow(port, port);
            early.Add(flow);
            flow.Send(Op.Request);
        }
    }

    private void NoteLeft()
    {
        foreach (Flow flow in flows.Flows)
        {
            if (flow.Log is [.., { Op: not Op.Rst }] && left.Count < MostLeft)
            {
                _ = left.Add(flow.Id);
            }
        }

        foreach (Packet stray in flows.Strays)
        {
            if (stray.Op != Op.Rst && left.Count < MostLeft)
            {
                _ = left.Add(FlowId.OfGuestPacket(stray.Header));
            }
        }
    }

    private HeldChain NextRx()
    {
        HeldChain? chain = null;
        if (first.TryPeek(out chain))
        {
            return chain;
        }

        return Timeline.WaitUntil(() => (chain = Rx.Peek()) is not null)
            ? chain!
            : throw new ExpectationException(
                "rx-starved",
                "the driver posts buffers in the rx queue",
                Rx.Broken is { } broken ? $"its rx ring is broken: {broken}" : $"none within {Timeline.Patience.TotalSeconds:0.###} s, after {Rx.Taken} chains");
    }

    private void TakePackets()
    {
        if (queues[VsockQueue.Tx] is not { IsStopped: false } tx)
        {
            return;
        }

        bool completed = false;
        for (int i = 0; i < tx.Ring.Setup.Size && tx.TryTake() is { } chain; i++)
        {
            byte[] bytes = tx.Read(chain);
            chain.TellPosted(observer!);
            observer!.SentPacket(chain.Id, bytes);
            if (ReturnsTx)
            {
                tx.Complete(chain, 0);
                observer.Used(tx.Index, new UsedChain(chain.Id, 0));
                completed = true;
            }
            else
            {
                HeldTx.Add(chain);
            }

            Dispatch(bytes);
        }

        if (completed)
        {
            tx.Publish();
        }
    }

    private void Dispatch(byte[] bytes)
    {
        if (bytes.Length < VsockHeader.Size)
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(bytes);
        Packet packet = new(++received, header, bytes[VsockHeader.Size..], (uint)bytes.Length);
        if (!flows.Deliver(packet) && AnswersStrays && header.Op != Op.Rst)
        {
            answers.Enqueue(new VsockHeader
            {
                SrcCid = header.DstCid,
                DstCid = header.SrcCid,
                SrcPort = header.DstPort,
                DstPort = header.SrcPort,
                Type = header.Type,
                Op = Op.Rst,
            });
        }
    }

    /// <summary>What is owed, as far as the driver has buffers for it.</summary>
    private void Answer()
    {
        while (answers.Count > 0 && HasRoom)
        {
            Send(answers.Dequeue());
        }

        foreach (Flow flow in flows.Flows)
        {
            if (HasRoom)
            {
                flow.PayDebts();
            }
        }
    }

    private bool HasRoom => queues[VsockQueue.Rx] is { IsStopped: false } rx && rx.Peek() is { } chain && chain.WritableBytes >= VsockHeader.Size;

    /// <summary>What the transport tells.</summary>
    private sealed class Handler(ScriptedDevice device) : IBackEndHandler
    {
        public VirtioFeatures OfferedFeatures => device.Setup.Offered;

        int IBackEndHandler.QueueCount => QueueCount;

        public ReadOnlySpan<byte> Config => device.config;

        public void ConfigRead(VhostUserConfigAccess access) => device.Journal.Add(DriverAct.ConfigRead, detail: $"{access.Length} bytes at {access.Offset}");

        public void Refused(string reason) => device.Journal.Add(DriverAct.Refused, detail: reason);

        public void StatusSet(DeviceStatus status) => device.Journal.Add(DriverAct.StatusWritten, status: status);

        public void FeaturesAccepted(VirtioFeatures accepted)
        {
            device.Accepted = accepted;
            device.Journal.Add(DriverAct.FeaturesAccepted, detail: $"0x{(ulong)accepted:x}");
        }

        public void MemoryChanged(GuestMemory memory)
        {
        }

        public void QueueStarted(BackEndQueue queue)
        {
            if (device.observer is null || !Array.Exists(device.queues, q => q is { IsStopped: false }))
            {
                device.observer = device.driverObserver.SessionBegan(device.Accepted ?? VirtioFeatures.None, resumes: false);
            }

            device.Journal.Add(DriverAct.QueueStarted, queue.Index);
            device.queues[queue.Index] = new ScriptedQueue(queue, device.driverObserver);
        }

        public void QueueStopped(BackEndQueue queue)
        {
            device.Journal.Add(DriverAct.QueueStopped, queue.Index);
            device.queues[queue.Index]?.Stop();

            device.HeldTx.RemoveAll(chain => chain.Queue.IsStopped);
        }

        public void QueueChanged(BackEndQueue queue)
        {
        }

        public void QueueKickedEarly(int queue) => device.Journal.Add(DriverAct.KickedEarly, queue);

        public void QueueKicked(BackEndQueue queue) => device.queues[queue.Index]?.KickedInBand();

        public void Reset() => device.Journal.Add(DriverAct.Reset);
    }
}
