using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>A chain that was posted; <see cref="TxQueue.IsReturned"/> tells whether the device gave it back.</summary>
public readonly record struct Sent(uint Id, long Ticket);

/// <summary>
/// The transmit side of the raw driver. Sends any bytes in any descriptor shape. No allocation per packet; one thread.
/// </summary>
public sealed class TxQueue
{
    /// <summary>Most descriptors that one packet is cut into here; a chain posted by hand may have more.</summary>
    public const int MaxPieces = 1024;

    private readonly GuestMemory memory;
    private readonly IRingObserver observer;
    private readonly EventFd? kick;
    private readonly ulong slotBase;
    private readonly uint slotSize;
    private readonly Stack<int> freeSlots;
    private readonly ulong tableBase;
    private readonly int[] slotOf;
    private readonly long[] ticketOf;
    private readonly uint[] usedLengthOf;
    private readonly RingBuffer[] pieces = new RingBuffer[MaxPieces];
    private long lastTicket;
    private bool unpublished;

    internal TxQueue(DriverRing ring, GuestArena arena, SessionOptions options, EventFd? kick, IRingObserver observer)
    {
        Ring = ring;
        memory = arena.Memory;
        this.observer = observer;
        this.kick = kick;
        slotSize = (options.TxSlotSize + 63) & ~63u;
        int slots = ring.Setup.Size;
        slotBase = arena.Allocate((uint)slots * slotSize, 64, RawDriver.BufferRegion);
        tableBase = options.Features.HasFlag(VirtioFeatures.IndirectDesc) ? arena.Allocate((uint)slots * MaxPieces * 16, 16, RawDriver.BufferRegion) : 0;
        freeSlots = new Stack<int>(Enumerable.Range(0, slots).Reverse());
        slotOf = new int[ring.Setup.Size];
        ticketOf = new long[ring.Setup.Size];
        usedLengthOf = new uint[ring.Setup.Size];
        Shape = options.TxShape;
        Indirect = options.IndirectChains;
    }

    public DriverRing Ring { get; }

    /// <summary>How the next packets are cut.</summary>
    public ChainShape Shape { get; set; }

    /// <summary>Post the next packets through indirect tables.</summary>
    public bool Indirect { get; set; }

    /// <summary>Notifications sent to the device.</summary>
    public long Kicks { get; private set; }

    /// <summary>Chains posted and not yet returned.</summary>
    public int Outstanding => Ring.Outstanding;

    /// <summary>
    /// Copies a packet into a slot and posts it. The payload may be longer or shorter than the header's <c>len</c>. False when the
    /// ring is full; nothing was posted.
    /// </summary>
    /// <exception cref="ArgumentException">The packet is larger than a slot.</exception>
    public bool TrySend(in VsockHeader header, ReadOnlySpan<byte> payload, out Sent sent)
    {
        Span<byte> slot = TakeSlot(VsockHeader.Size + payload.Length, out int index);
        if (index < 0)
        {
            sent = default;
            return false;
        }

        header.Write(slot);
        payload.CopyTo(slot[VsockHeader.Size..]);
        return PostSlot(index, slot, out sent);
    }

    /// <summary>As <see cref="TrySend"/>, for bytes that need not be a packet at all.</summary>
    public bool TrySendBytes(ReadOnlySpan<byte> bytes, out Sent sent)
    {
        Span<byte> slot = TakeSlot(bytes.Length, out int index);
        if (index < 0)
        {
            sent = default;
            return false;
        }

        bytes.CopyTo(slot);
        return PostSlot(index, slot, out sent);
    }

    /// <summary>Posts a packet that is already in guest memory, without copying it. The memory stays untouched until the chain is returned.</summary>
    public bool TrySendInPlace(ulong address, uint length, out Sent sent)
    {
        int count = Shape.Cut(address, length, deviceWrites: false, pieces);
        return Post(pieces.AsSpan(0, count), slot: -1, out sent) && Announce(sent, address, length);
    }

    /// <summary>Posts any chain, legal or not. The observer sees its bytes when all of it is readable memory of this session.</summary>
    public bool TryPost(ReadOnlySpan<RingBuffer> buffers, out Sent sent)
    {
        if (!Post(buffers, slot: -1, out sent))
        {
            return false;
        }

        if (TryGather(buffers, out byte[]? packet))
        {
            observer.SentPacket(sent.Id, packet);
        }

        return true;
    }

    /// <summary>
    /// Posts a chain whose last buffers are in an indirect table, the first ones, if any, in descriptors of the ring (split rings only).
    /// </summary>
    /// <param name="tableAddress">Guest memory of 16 bytes for each of <paramref name="buffers"/>, the device's until the chain is returned.</param>
    public bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out Sent sent)
    {
        if (!Ring.TryPostIndirect(direct, buffers, tableAddress, out ushort id))
        {
            sent = default;
            return false;
        }

        sent = Book(id, slot: -1, [.. direct, .. buffers], direct.Length);
        if (TryGather([.. direct, .. buffers], out byte[]? packet))
        {
            observer.SentPacket(id, packet);
        }

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
        observer.Published(VsockQueue.Tx);
        if (Ring.KickNeeded())
        {
            Kick();
        }
    }

    /// <summary>Notifies the device whether it asked or not.</summary>
    public void Kick()
    {
        if (kick is not null)
        {
            Kicks++;
            _ = kick.Signal();
            observer.Kicked(VsockQueue.Tx);
        }
    }

    /// <summary>Takes returned chains; the number taken.</summary>
    public int Harvest()
    {
        int count = 0;
        while (count < Ring.Setup.Size && Ring.TryTakeUsed(out UsedChain used))
        {
            count++;
            observer.Used(VsockQueue.Tx, used);
            if (used.Id < (uint)ticketOf.Length && ticketOf[used.Id] != 0)
            {
                ticketOf[used.Id] = 0;
                usedLengthOf[used.Id] = used.Length;
                if (slotOf[used.Id] >= 0)
                {
                    freeSlots.Push(slotOf[used.Id]);
                }
            }
        }

        return count;
    }

    public bool IsReturned(Sent sent) => ticketOf[sent.Id] != sent.Ticket;

    /// <summary>The <c>used.len</c> with which the last chain of that id came back.</summary>
    public uint UsedLengthOf(Sent sent) => usedLengthOf[sent.Id];

    private bool TryGather(ReadOnlySpan<RingBuffer> buffers, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out byte[]? packet)
    {
        const ulong Limit = 4 << 20;
        packet = null;
        ulong length = 0;
        foreach (RingBuffer buffer in buffers)
        {
            length += buffer.Length;
            if (buffer.DeviceWrites || length > Limit || !memory.Contains(buffer.Address, buffer.Length))
            {
                return false;
            }
        }

        packet = new byte[length];
        int at = 0;
        foreach (RingBuffer buffer in buffers)
        {
            memory.Read(buffer.Address, packet.AsSpan(at, (int)buffer.Length));
            at += (int)buffer.Length;
        }

        return true;
    }

    private Span<byte> TakeSlot(int length, out int index)
    {
        if (length > slotSize)
        {
            throw new ArgumentException($"a packet of {length} bytes does not fit a slot of {slotSize} bytes", nameof(length));
        }

        if (!freeSlots.TryPop(out index))
        {
            index = -1;
            return default;
        }

        return memory.Slice(SlotAddress(index), slotSize)[..length];
    }

    private ulong SlotAddress(int index) => slotBase + ((ulong)index * slotSize);

    private bool PostSlot(int index, Span<byte> packet, out Sent sent)
    {
        int count = Shape.Cut(SlotAddress(index), (uint)packet.Length, deviceWrites: false, pieces);
        if (!Post(pieces.AsSpan(0, count), index, out sent))
        {
            freeSlots.Push(index);
            return false;
        }

        observer.SentPacket(sent.Id, packet);
        return true;
    }

    private bool Post(ReadOnlySpan<RingBuffer> buffers, int slot, out Sent sent)
    {
        ushort id;
        bool inTable = Indirect && slot >= 0;
        bool posted = inTable
            ? Ring.TryPostIndirect([], buffers, tableBase + ((ulong)slot * MaxPieces * 16), out id)
            : Ring.TryPost(buffers, out id);
        if (!posted)
        {
            sent = default;
            return false;
        }

        sent = Book(id, slot, buffers, inTable ? 0 : null);
        return true;
    }

    /// <param name="direct">Buffers before those of an indirect table; null: there is no table.</param>
    private Sent Book(ushort id, int slot, ReadOnlySpan<RingBuffer> buffers, int? direct)
    {
        slotOf[id] = slot;
        ticketOf[id] = ++lastTicket;
        unpublished = true;
        if (direct is { } before)
        {
            observer.PostedWithTable(VsockQueue.Tx, id, buffers, before);
        }
        else
        {
            observer.Posted(VsockQueue.Tx, id, buffers);
        }

        return new Sent(id, lastTicket);
    }

    private bool Announce(Sent sent, ulong address, uint length)
    {
        if (memory.TrySlice(address, length, out Span<byte> packet))
        {
            observer.SentPacket(sent.Id, packet);
            return true;
        }

        byte[] copy = new byte[length];
        memory.Read(address, copy);
        observer.SentPacket(sent.Id, copy);
        return true;
    }
}
