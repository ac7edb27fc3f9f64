using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Mutation.Relay;

/// <summary>
/// Stands between a driver and a device, whichever transport carries it: the driver's packets go on through rings and memory of the relay's own, and
/// those of the device come back the same way, with what a <see cref="RelayRule"/> does to them. So a device that cannot be changed, a kernel's, gets
/// exactly one rule broken. Control calls on one thread, as for every device; packets move on a thread of the relay's.
/// </summary>
internal sealed class RelayDevice(IVsockDevice inner, RelayRule rule) : IVsockDevice
{
    private const ushort InnerQueueSize = 64;

    /// <summary>The longest chain that is passed on.</summary>
    private const uint SlotSize = 256 * 1024;

    private const int LookAgainMs = 20;

    /// <summary>Ring features stay on the driver's side: what they do between the relay and the device is not what is broken.</summary>
    private const VirtioFeatures RingFeatures =
        VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc | VirtioFeatures.RingPacked | VirtioFeatures.InOrder;

    private readonly Lock gate = new();
    private readonly EventFd wake = new();
    private readonly Dictionary<int, RelaySide> sides = [];
    private readonly Queue<byte[]> toGuest = [];
    private GuestMemory? driverMemory;
    private RelayQueue? tx;
    private RelayQueue? rx;
    private GuestMemory? memory;
    private Thread? mover;
    private Exception? fault;
    private bool ended;
    private long chains;

    public string Transport => inner.Transport;

    public VirtioFeatures OfferedFeatures => inner.OfferedFeatures;

    public bool HasConfigSpace => inner.HasConfigSpace;

    public bool HasEventQueue => inner.HasEventQueue;

    public bool StopsQueuesAlone => true;

    public int WatchFd => inner.WatchFd;

    public byte[]? ReadConfig(uint offset, uint length) => inner.ReadConfig(offset, length);

    public void AcceptFeatures(VirtioFeatures features) => inner.AcceptFeatures(features & ~RingFeatures);

    public void ShareMemory(GuestMemory memory)
    {
        driverMemory = memory;
        const ulong Size = (2UL * InnerQueueSize * SlotSize) + (1 << 20);
        this.memory = new GuestMemory([MemoryRegion.Create(0, Size)]);
        inner.ShareMemory(this.memory);
        GuestArena arena = new(this.memory);
        rx = new RelayQueue(VsockQueue.Rx, arena, InnerQueueSize, SlotSize);
        tx = new RelayQueue(VsockQueue.Tx, arena, InnerQueueSize, SlotSize);
    }

    public void SetUpQueue(QueueSetup queue)
    {
        lock (gate)
        {
            ThrowIfFaulty();
            sides[queue.Index] = new RelaySide(queue, DeviceRings.Create(driverMemory!, queue.Ring, queue.Base));
        }
    }

    public void StartQueue(int index)
    {
        lock (gate)
        {
            ThrowIfFaulty();
            sides[index].Runs = true;
        }

        if (mover is null && sides.Count == 2 && sides.Values.All(side => side.Runs))
        {
            foreach (RelayQueue queue in (RelayQueue[])[rx!, tx!])
            {
                inner.SetUpQueue(queue.Setup);
            }

            rx!.PostAll();
            inner.StartQueue(VsockQueue.Rx);
            inner.StartQueue(VsockQueue.Tx);
            mover = new Thread(Move) { IsBackground = true, Name = "relay" };
            mover.Start();
        }

        _ = wake.Signal();
    }

    public uint StopQueue(int index)
    {
        lock (gate)
        {
            sides[index].Runs = false;
            return sides[index].Ring.Base;
        }
    }

    public void Settle()
    {
        inner.Settle();
        lock (gate)
        {
            while (MoveAll())
            {
                inner.Settle();
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            ended = true;
        }

        _ = wake.Signal();
        mover?.Join();
        inner.Dispose();
        tx?.Dispose();
        rx?.Dispose();
        wake.Dispose();
        memory?.Dispose();
    }

    private void ThrowIfFaulty()
    {
        if (fault is not null)
        {
            throw new InvalidOperationException($"the relay failed: {fault.Message}", fault);
        }
    }

    private void Move()
    {
        PollEntry[] entries = new PollEntry[5];
        try
        {
            while (true)
            {
                int count = 0;
                lock (gate)
                {
                    if (ended)
                    {
                        return;
                    }

                    if (MoveAll() | sides.Values.Any(side => side.Runs && side.Ring.EnableKicks()) | tx!.Ring.EnableCalls() | rx!.Ring.EnableCalls())
                    {
                        continue;
                    }

                    entries[count++] = new PollEntry(wake.Fd, PollEvents.Readable);
                    entries[count++] = new PollEntry(tx.Call.Fd, PollEvents.Readable);
                    entries[count++] = new PollEntry(rx.Call.Fd, PollEvents.Readable);
                    foreach (RelaySide side in sides.Values)
                    {
                        if (side.Setup.Kick is { } kick)
                        {
                            entries[count++] = new PollEntry(kick.Fd, PollEvents.Readable);
                        }
                    }
                }

                _ = Poll.Wait(entries.AsSpan(0, count), LookAgainMs);
                _ = wake.Drain();
                _ = tx.Call.Drain();
                _ = rx.Call.Drain();
            }
        }
        catch (Exception e) when (e is GuestMemoryException or RingSetupException or ErrnoException or InvalidOperationException)
        {
            lock (gate)
            {
                fault = e;
            }
        }
    }

    private bool MoveAll() => tx is not null && rx is not null && (MoveToDevice() | Collect() | MoveToGuest());

    private bool MoveToDevice()
    {
        tx!.Reclaim();
        if (!sides.TryGetValue(VsockQueue.Tx, out RelaySide? side) || !side.Runs)
        {
            return false;
        }

        _ = side.Setup.Kick?.Drain();
        bool moved = false;
        while (tx.HasRoom && side.TryTake())
        {
            moved = true;
            DeviceChain chain = side.Chain;
            if (chain.ReadableBytes is > 0 and <= SlotSize)
            {
                tx.Send(side.Bytes());
            }

            if (rule.ReturnsTx(++chains))
            {
                side.Ring.Complete(chain.Id, chain.RingEntries, rule.TxUsedLength);
            }
        }

        side.EndBatch(rule.Notifies);
        return moved;
    }

    private bool Collect()
    {
        bool moved = false;
        while (rx!.TryReceive(out byte[]? packet))
        {
            moved = true;
            VsockHeader header = VsockHeader.Read(packet);
            int deliveries = rule.Deliveries(header);
            rule.Header(header).Write(packet);
            rule.Payload(packet.AsSpan(VsockHeader.Size));
            for (int i = 0; i < deliveries; i++)
            {
                toGuest.Enqueue(packet);
            }
        }

        return moved;
    }

    private bool MoveToGuest()
    {
        if (!sides.TryGetValue(VsockQueue.Rx, out RelaySide? side) || !side.Runs)
        {
            return false;
        }

        _ = side.Setup.Kick?.Drain();
        bool moved = false;
        while (toGuest.TryPeek(out byte[]? packet) && side.TryTake())
        {
            moved = true;
            _ = toGuest.Dequeue();
            if (side.Chain.WritableBytes < VsockHeader.Size)
            {
                side.Ring.Complete(side.Chain.Id, side.Chain.RingEntries, 0);
                continue;
            }

            Deliver(side, packet);
        }

        side.EndBatch(rule.Notifies);
        return moved;
    }

    /// <summary>A buffer of the guest may be shorter than what the device wrote for the relay: the rest is a packet of its own.</summary>
    private void Deliver(RelaySide side, byte[] packet)
    {
        int room = (int)Math.Min(side.Chain.WritableBytes, int.MaxValue);
        if (packet.Length > room)
        {
            VsockHeader header = VsockHeader.Read(packet);
            byte[] rest = [.. packet.AsSpan(0, VsockHeader.Size), .. packet.AsSpan(room)];
            (header with { Len = (uint)(rest.Length - VsockHeader.Size) }).Write(rest);
            packet = packet[..room];
            (header with { Len = (uint)(room - VsockHeader.Size), Flags = 0 }).Write(packet);
            byte[][] behind = [.. toGuest];
            toGuest.Clear();
            foreach (byte[] next in (byte[][])[rest, .. behind])
            {
                toGuest.Enqueue(next);
            }
        }

        side.Write(packet);
        side.Ring.Complete(side.Chain.Id, side.Chain.RingEntries, rule.RxUsedLength((uint)packet.Length));
    }
}
