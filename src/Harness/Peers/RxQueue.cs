using System.Runtime.InteropServices;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>Takes what the device delivers. Called on the timeline's thread; the payload is guest memory and valid only during the call.</summary>
public interface IPacketSink
{
    void Received(in VsockHeader header, ReadOnlySpan<byte> payload, uint usedLength);

    /// <summary>A used rx chain that cannot hold a packet.</summary>
    void ReceivedShort(ReadOnlySpan<byte> bytes);
}

/// <summary>The receive side of the raw driver: posts buffers, hands out packets, posts the buffers again. No allocation per packet; one thread.</summary>
public sealed class RxQueue
{
    private const int GuardBytes = 16;
    private const byte GuardPattern = 0xA5;
    private static readonly UInt128 Guard = new(0xA5A5_A5A5_A5A5_A5A5, 0xA5A5_A5A5_A5A5_A5A5);
    private readonly GuestMemory memory;
    private readonly IRingObserver observer;
    private readonly EventFd? kick;
    private readonly ulong slotBase;
    private readonly uint slotSize;
    private readonly uint stride;
    private readonly Stack<int> freeSlots;
    private readonly ulong tableBase;
    private readonly int[] slotOf;
    private readonly bool[] isGuarded;
    private readonly Dictionary<uint, RingBuffer[]> byHand = [];
    private readonly RingBuffer[] pieces = new RingBuffer[TxQueue.MaxPieces];
    private readonly bool indirect;
    private bool unpublished;
    private int posted;

    internal RxQueue(DriverRing ring, GuestArena arena, SessionOptions options, EventFd? kick, IRingObserver observer)
    {
        Ring = ring;
        memory = arena.Memory;
        this.observer = observer;
        this.kick = kick;
        slotSize = options.RxBufferSize;
        stride = (slotSize + GuardBytes + 63) & ~63u;
        int slots = ring.Setup.Size;
        slotBase = arena.Allocate((uint)slots * stride, 64, RawDriver.BufferRegion);
        indirect = options.IndirectChains;
        tableBase = indirect ? arena.Allocate((uint)slots * TxQueue.MaxPieces * 16, 16, RawDriver.BufferRegion) : 0;
        isGuarded = new bool[slots];
        freeSlots = new Stack<int>(Enumerable.Range(0, slots).Reverse());
        slotOf = new int[slots];
        Array.Fill(slotOf, -1);
        Shape = options.RxShape;
        Target = options.RxBuffers;
    }

    public DriverRing Ring { get; }

    /// <summary>How the next buffers are cut into descriptors.</summary>
    public ChainShape Shape { get; set; }

    /// <summary>Buffers to keep posted. Zero stops posting; buffers that the device holds stay with it.</summary>
    public int Target { get; set; }

    /// <summary>Buffers that the device holds.</summary>
    public int Posted => posted;

    /// <summary>Used chains taken so far.</summary>
    public long Taken { get; private set; }

    public long Kicks { get; private set; }

    /// <summary>Posts buffers up to <see cref="Target"/> and tells the device.</summary>
    public void Refill()
    {
        while (posted < Target && freeSlots.TryPeek(out int slot) && PostSlot(slot))
        {
            _ = freeSlots.Pop();
            posted++;
        }

        Flush();
    }

    /// <summary>
    /// Posts a chain as it is, legal or not; visible with the next <see cref="Flush"/>. What the device puts into it is delivered like any
    /// other packet; it is not posted again. False when the ring is full.
    /// </summary>
    public bool TryPost(params ReadOnlySpan<RingBuffer> buffers)
    {
        if (!Ring.TryPost(buffers, out ushort id))
        {
            return false;
        }

        byHand[id] = buffers.ToArray();
        unpublished = true;
        observer.Posted(VsockQueue.Rx, id, buffers);
        return true;
    }

    /// <summary>Makes posted chains visible and kicks if the device asked for it.</summary>
    public void Flush()
    {
        if (!unpublished)
        {
            return;
        }

        unpublished = false;
        Ring.Publish();
        observer.Published(VsockQueue.Rx);
        if (Ring.KickNeeded())
        {
            Kick();
        }
    }

    public void Kick()
    {
        if (kick is not null)
        {
            Kicks++;
            _ = kick.Signal();
            observer.Kicked(VsockQueue.Rx);
        }
    }

    /// <summary>Hands every used chain to <paramref name="sink"/>; the number taken.</summary>
    public int Harvest(IPacketSink sink)
    {
        int count = 0;
        while (count < Ring.Setup.Size && Ring.TryTakeUsed(out UsedChain used))
        {
            count++;
            Taken++;
            observer.Used(VsockQueue.Rx, used);
            int slot = used.Id < (uint)slotOf.Length ? slotOf[used.Id] : -1;
            if (slot < 0)
            {
                DeliverByHand(sink, used);
                continue;
            }

            Span<byte> buffer = memory.Slice(slotBase + ((ulong)slot * stride), slotSize + GuardBytes);
            Span<byte> guard = buffer[(int)slotSize..];
            if (MemoryMarshal.Read<UInt128>(guard) != Guard)
            {
                isGuarded[slot] = false;
                observer.Violated("VQ-05", VsockQueue.Rx, $"bytes after the end of rx buffer {used.Id} were written");
            }

            // The length is the device's word; the observer judges it, we only never read past our own buffer.
            Span<byte> bytes = buffer[..(int)Math.Min(used.Length, slotSize)];
            observer.ReceivedPacket(used.Id, bytes);
            Deliver(sink, bytes, used.Length);
            slotOf[used.Id] = -1;
            freeSlots.Push(slot);
            posted--;
        }

        return count;
    }

    private void DeliverByHand(IPacketSink sink, UsedChain used)
    {
        if (!byHand.Remove(used.Id, out RingBuffer[]? buffers))
        {
            return;
        }

        List<byte> bytes = [];
        foreach (RingBuffer buffer in buffers)
        {
            uint length = (uint)Math.Min(buffer.Length, used.Length - (ulong)bytes.Count);
            if (buffer.DeviceWrites && memory.Contains(buffer.Address, length))
            {
                byte[] piece = new byte[length];
                memory.Read(buffer.Address, piece);
                bytes.AddRange(piece);
            }
        }

        byte[] packet = [.. bytes];
        observer.ReceivedPacket(used.Id, packet);
        Deliver(sink, packet, used.Length);
    }

    private static void Deliver(IPacketSink sink, Span<byte> bytes, uint usedLength)
    {
        if (bytes.Length < VsockHeader.Size)
        {
            sink.ReceivedShort(bytes);
            return;
        }

        VsockHeader header = VsockHeader.Read(bytes);
        ReadOnlySpan<byte> rest = bytes[VsockHeader.Size..];
        sink.Received(header, rest[..(int)Math.Min(header.Len, (uint)rest.Length)], usedLength);
    }

    private bool PostSlot(int slot)
    {
        ulong address = slotBase + ((ulong)slot * stride);
        int count = Shape.Cut(address, slotSize, deviceWrites: true, pieces);
        ReadOnlySpan<RingBuffer> buffers = pieces.AsSpan(0, count);
        ushort id;
        bool ok = indirect
            ? Ring.TryPostIndirect([], buffers, tableBase + ((ulong)slot * TxQueue.MaxPieces * 16), out id)
            : Ring.TryPost(buffers, out id);
        if (!ok)
        {
            return false;
        }

        if (!isGuarded[slot])
        {
            isGuarded[slot] = true;
            memory.Slice(address + slotSize, GuardBytes).Fill(GuardPattern);
        }

        slotOf[id] = slot;
        unpublished = true;
        if (indirect)
        {
            observer.PostedWithTable(VsockQueue.Rx, id, buffers, direct: 0);
        }
        else
        {
            observer.Posted(VsockQueue.Rx, id, buffers);
        }

        return true;
    }
}
