using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// A vsock driver that does what it is told: it owns memory and rings, sends any packet in any descriptor shape, and keeps every
/// packet that comes. It reacts by itself to nothing but CREDIT_REQUEST, and that can be switched off. One thread.
/// </summary>
public sealed class RawDriver : IPumped, IPacketSink, IFlowEnd, IDisposable
{
    /// <summary>Region of the rings: guest-physical 0 to 4 MiB.</summary>
    public const int RingRegion = 0;

    /// <summary>Region of the packets; starts where <see cref="RingRegion"/> ends, so a buffer can lie in both.</summary>
    public const int BufferRegion = 1;

    /// <summary>A region above a hole in the address space, mapped from an offset in its file.</summary>
    public const int HighRegion = 2;

    /// <summary>The guest-physical address where <see cref="RingRegion"/> ends and <see cref="BufferRegion"/> begins.</summary>
    public const ulong Seam = 4 << 20;

    /// <summary>Bytes on either side of <see cref="Seam"/> that are left to cases, for buffers that lie in both regions.</summary>
    public const uint SeamReach = 16 * 1024;

    private const ulong HighRegionStart = 0x1_0000_0000;
    private const ulong HighRegionSize = 4 << 20;
    private const ulong HighRegionOffset = 0x3000;

    private readonly SessionOptions options;
    private readonly IRingObserver observer;
    private readonly EventFd? kickRx;
    private readonly EventFd? kickTx;
    private readonly EventFd? callRx;
    private readonly EventFd? callTx;
    private readonly FlowBook flows;
    private int received;
    private int holdDepth;
    private uint nextGuestPort;

    /// <summary>Negotiates, sets up memory and rings and, unless told otherwise, starts them. The device is owned from here on, also when this throws.</summary>
    /// <param name="seed">Chooses ports.</param>
    public RawDriver(IVsockDevice device, Timeline timeline, SessionOptions options, IRingObserver observer, ulong guestCid, uint seed)
    {
        Device = device;
        Timeline = timeline;
        GuestCid = guestCid;
        this.options = options;
        flows = new FlowBook(this);
        this.observer = observer;
        nextGuestPort = 1024 + (seed % 0x2000_0000);
        try
        {
            device.AcceptFeatures(options.Features);
            Memory = CreateMemory(options);
            Arena = new GuestArena(Memory);
            _ = Arena.Allocate(SeamReach, 1, BufferRegion);
            device.ShareMemory(Memory);
            kickRx = options.KickFd ? new EventFd() : null;
            kickTx = options.KickFd ? new EventFd() : null;
            callRx = options.CallFd ? new EventFd() : null;
            callTx = options.CallFd ? new EventFd() : null;
            ErrRx = new EventFd();
            ErrTx = new EventFd();
            RingSetup rx = AllocateRing(options.QueueSize);
            RingSetup tx = AllocateRing(options.QueueSize);
            uint start = options.Base ?? RingBase.Initial(options.Layout);
            RxSetup = new QueueSetup(VsockQueue.Rx, rx, start, kickRx, callRx, ErrRx);
            TxSetup = new QueueSetup(VsockQueue.Tx, tx, start, kickTx, callTx, ErrTx);
            Rx = new RxQueue(DriverRings.Create(Memory, rx, start), Arena, options, kickRx, observer);
            Tx = new TxQueue(DriverRings.Create(Memory, tx, start), Arena, options, kickTx, observer);
            device.SetUpQueue(RxSetup);
            device.SetUpQueue(TxSetup);
            Sink = this;
            if (options.Start)
            {
                Start();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IVsockDevice Device { get; }

    public Timeline Timeline { get; }

    public ulong GuestCid { get; }

    public GuestMemory Memory { get; } = null!;

    /// <summary>Free guest memory for chains that a case builds itself.</summary>
    public GuestArena Arena { get; } = null!;

    public RxQueue Rx { get; private set; } = null!;

    public TxQueue Tx { get; private set; } = null!;

    /// <summary>The queues as handed to the device, for cases that stop and start them.</summary>
    public QueueSetup RxSetup { get; private set; } = null!;

    public QueueSetup TxSetup { get; private set; } = null!;

    /// <summary>Signalled by a device that reports ring errors.</summary>
    public EventFd ErrRx { get; } = null!;

    public EventFd ErrTx { get; } = null!;

    /// <summary>Where received packets go; the driver's own dispatch unless a workload takes them.</summary>
    public IPacketSink Sink { get; set; }

    /// <summary>Notifications that the device sent, per queue (see <see cref="VsockQueue"/>).</summary>
    public ulong RxCalls { get; private set; }

    public ulong TxCalls { get; private set; }

    /// <summary>Packets of flows that nobody opened here, in order; REQUESTs of the device among them.</summary>
    public IReadOnlyList<Packet> Strays => flows.Strays;

    /// <summary>Used rx chains too short for a header.</summary>
    public int ShortPackets { get; private set; }

    /// <summary>Throw <see cref="TransportException"/> as soon as the device closes the connection while something is waited for.</summary>
    public bool MindsClosing { get; set; } = true;

    /// <summary>True once the device has closed the connection.</summary>
    public bool DeviceGone { get; private set; }

    /// <summary>False: packets are not harvested, so used chains stay in the rings.</summary>
    public bool Harvests { get; set; } = true;

    bool IFlowEnd.IsHost => false;

    /// <summary>A packet takes as many descriptors as it needs.</summary>
    int IFlowEnd.MaxPayload => int.MaxValue;

    /// <summary>Posts rx buffers and lets the device run.</summary>
    public void Start()
    {
        Rx.Refill();
        Tx.Flush();
        Device.StartQueue(VsockQueue.Rx);
        Device.StartQueue(VsockQueue.Tx);
        Timeline.Add(this);
    }

    /// <summary>
    /// Gives a queue that the device has stopped a new ring in fresh memory, and lets the device process it. Chains of the old ring are
    /// forgotten.
    /// </summary>
    /// <param name="index">See <see cref="VsockQueue"/>: rx or tx.</param>
    /// <param name="size">Entries.</param>
    public void Renew(int index, ushort size)
    {
        RingSetup ring = AllocateRing(size);
        uint start = RingBase.Initial(options.Layout);
        QueueSetup setup = (index == VsockQueue.Rx ? RxSetup : TxSetup) with { Ring = ring, Base = start };
        if (index == VsockQueue.Rx)
        {
            RxSetup = setup;
            Rx = new RxQueue(DriverRings.Create(Memory, ring, start), Arena, options, kickRx, observer);
        }
        else
        {
            TxSetup = setup;
            Tx = new TxQueue(DriverRings.Create(Memory, ring, start), Arena, options, kickTx, observer);
        }

        Device.SetUpQueue(setup);
        Device.StartQueue(index);
        if (index == VsockQueue.Rx)
        {
            Rx.Refill();
        }
    }

    /// <summary>A guest port that this session has not used.</summary>
    public uint NewGuestPort() => nextGuestPort++;

    /// <summary>A flow from this guest to a host port; nothing is sent.</summary>
    public Flow NewFlow(uint hostPort, SocketType type = SocketType.Stream, uint? guestPort = null) =>
        Register(new FlowId(GuestCid, guestPort ?? NewGuestPort(), Cid.Host, hostPort, type));

    /// <summary>Takes part in any flow, also one whose addresses a driver must not use.</summary>
    public Flow Register(FlowId id) => flows.Register(id);

    /// <summary>Later packets of the flow count as strays.</summary>
    public void Forget(Flow flow) => flows.Forget(flow);

    /// <summary>Waits for a REQUEST of the device to a guest port and takes part in the flow; nothing is answered yet.</summary>
    public Flow ExpectRequest(uint guestPort, SocketType type = SocketType.Stream) => flows.ExpectRequest(guestPort, type);

    /// <summary>The first stray packet that fits, removed from <see cref="Strays"/>; null when there is none.</summary>
    public Packet? TakeStray(Predicate<Packet> fits) => flows.TakeStray(fits);

    /// <summary>Sends a packet; waits for room in the ring when it is full.</summary>
    public Sent Send(VsockHeader header, ReadOnlySpan<byte> payload = default)
    {
        if (!Tx.TrySend(header, payload, out Sent sent))
        {
            Tx.Flush();
            byte[] copy = payload.ToArray();
            Sent late = default;
            WaitForRoom(() => Tx.TrySend(header, copy, out late));
            sent = late;
        }

        FlushUnlessHeld();
        return sent;
    }

    /// <summary>Sends bytes that need not be a packet.</summary>
    public Sent SendBytes(ReadOnlySpan<byte> bytes)
    {
        byte[] copy = bytes.ToArray();
        Sent sent = default;
        WaitForRoom(() => Tx.TrySendBytes(copy, out sent));
        FlushUnlessHeld();
        return sent;
    }

    /// <summary>Posts a chain as it is, legal or not. The observer sees its bytes when all of it is readable memory of this session.</summary>
    public Sent PostChain(params ReadOnlySpan<RingBuffer> buffers)
    {
        RingBuffer[] copy = buffers.ToArray();
        Sent sent = default;
        WaitForRoom(() => Tx.TryPost(copy, out sent));
        FlushUnlessHeld();
        return sent;
    }

    /// <summary>While the result is not disposed, sent packets are posted but not made visible; then all at once, with one kick.</summary>
    public IDisposable OneKick()
    {
        holdDepth++;
        return new Release(this);
    }

    /// <summary>Waits until the device has returned the chain.</summary>
    public void ExpectReturned(Sent sent, string code = "tx-chain-not-returned")
    {
        if (!Timeline.WaitUntil(() => Tx.IsReturned(sent)))
        {
            throw new ExpectationException(
                code,
                "the tx chain is returned",
                $"it was not used within {Timeline.Patience.TotalSeconds:0.###} s; {Tx.Outstanding} chains are out");
        }
    }

    public void Pump()
    {
        if (!Harvests)
        {
            return;
        }

        _ = Tx.Harvest();
        if (Rx.Harvest(Sink) > 0)
        {
            Rx.Refill();
        }

        foreach (Flow flow in flows.Flows)
        {
            flow.PayDebts();
        }
    }

    public int PrepareToSleep(Span<PollEntry> entries)
    {
        if (DeviceGone && MindsClosing)
        {
            throw new TransportException(TransportFault.Closed, "the device closed the connection");
        }

        if (Harvests && (Rx.Ring.EnableCalls() | Tx.Ring.EnableCalls()))
        {
            return -1;
        }

        int count = 0;
        if (callRx is not null)
        {
            entries[count++] = new PollEntry(callRx.Fd, PollEvents.Readable);
            entries[count++] = new PollEntry(callTx!.Fd, PollEvents.Readable);
        }

        if (Device.WatchFd >= 0 && !DeviceGone)
        {
            entries[count++] = new PollEntry(Device.WatchFd, PollEvents.PeerClosed);
        }

        return count;
    }

    public void Woken(ReadOnlySpan<PollEntry> entries)
    {
        if (callRx is not null)
        {
            TakeRxCalls(entries[0].Ready != PollEvents.None);
            TakeTxCalls(entries[1].Ready != PollEvents.None);
        }

        if (Device.WatchFd >= 0 && !DeviceGone && (entries[^1].Ready & (PollEvents.HangUp | PollEvents.PeerClosed | PollEvents.Error)) != 0)
        {
            DeviceGone = true;
        }
    }

    /// <summary>Counts the notifications that have arrived.</summary>
    public void DrainCalls()
    {
        TakeRxCalls(callRx is not null);
        TakeTxCalls(callTx is not null);
    }

    void IPacketSink.Received(in VsockHeader header, ReadOnlySpan<byte> payload, uint usedLength)
    {
        Packet packet = new(++received, header, payload.ToArray(), usedLength);
        _ = flows.Deliver(packet);
    }

    void IPacketSink.ReceivedShort(ReadOnlySpan<byte> bytes) => ShortPackets++;

    public void Dispose()
    {
        Device.Dispose();
        DisposeButDevice();
    }

    /// <summary>Gives memory and rings back and leaves the connection open; the device must have been reset.</summary>
    public void DisposeButDevice()
    {
        Timeline.Remove(this);
        kickRx?.Dispose();
        kickTx?.Dispose();
        callRx?.Dispose();
        callTx?.Dispose();
        ErrRx?.Dispose();
        ErrTx?.Dispose();
        Memory?.Dispose();
    }

    private static GuestMemory CreateMemory(SessionOptions options)
    {
        bool indirect = options.Features.HasFlag(VirtioFeatures.IndirectDesc);
        ulong perSlot = options.TxSlotSize + options.RxBufferSize + 256UL + (indirect ? 2UL * TxQueue.MaxPieces * 16 : 0);
        const ulong Spare = 8 << 20;
        ulong buffers = ((options.QueueSize * perSlot) + Spare + options.ExtraMemory + 0xfff) & ~0xfffUL;
        return new GuestMemory(
        [
            MemoryRegion.Create(0, Seam),
            MemoryRegion.Create(Seam, buffers),
            MemoryRegion.Create(HighRegionStart, HighRegionSize, HighRegionOffset),
        ]);
    }

    private RingSetup AllocateRing(ushort size) => RingAllocation.Allocate(
        Arena,
        options.Layout,
        size,
        options.Features.HasFlag(VirtioFeatures.EventIdx),
        options.Features.HasFlag(VirtioFeatures.IndirectDesc),
        options.Features.HasFlag(VirtioFeatures.InOrder),
        RingRegion);

    private void TakeRxCalls(bool mayBe)
    {
        if (mayBe && callRx!.Drain() is > 0 and ulong count)
        {
            RxCalls += count;
            observer.Called(VsockQueue.Rx, count);
        }
    }

    private void TakeTxCalls(bool mayBe)
    {
        if (mayBe && callTx!.Drain() is > 0 and ulong count)
        {
            TxCalls += count;
            observer.Called(VsockQueue.Tx, count);
        }
    }

    private void FlushUnlessHeld()
    {
        if (holdDepth == 0)
        {
            Tx.Flush();
        }
    }

    private void WaitForRoom(Func<bool> post)
    {
        if (!post() && !Timeline.WaitUntil(post))
        {
            throw new ExpectationException(
                "tx-stalled",
                "the device returns tx chains",
                $"none became free within {Timeline.Patience.TotalSeconds:0.###} s; {Tx.Outstanding} chains are out");
        }
    }

    private sealed class Release(RawDriver driver) : IDisposable
    {
        public void Dispose()
        {
            driver.holdDepth--;
            driver.FlushUnlessHeld();
        }
    }
}
