using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>The tx queue: packets go out of slots in guest memory, one slot for each packet that the device has.</summary>
internal sealed class TransmitRing : DriverQueue
{
    /// <summary>The most buffers that a slot has a table for.</summary>
    private const int MostBuffers = 4;

    private const uint TableBytes = MostBuffers * SplitDescriptor.Size;
    private const uint SlotBytes = TableBytes + VsockHeader.Size + DriverEgressRules.MaxPayload;

    private readonly GuestMemory memory;
    private readonly DriverEgressRules egress;
    private readonly Stack<ulong> free = new();
    private readonly ulong[] byId;
    private readonly int entriesOfPacket;

    public TransmitRing(DriverRing ring, GuestArena arena, DriverQueueRules rules, DriverEgressRules egress, Action<string> reportBroken)
        : base(VsockQueue.Tx, ring, rules, reportBroken)
    {
        memory = arena.Memory;
        this.egress = egress;
        byId = new ulong[ring.Setup.Size];
        entriesOfPacket = rules.UsesIndirect(ring.Setup.Indirect) ? 1 : rules.TransmitBuffers;
        for (int i = 0; i < ring.Setup.Size; i++)
        {
            free.Push(arena.Allocate(SlotBytes));
        }
    }

    /// <summary>Any packet can be written.</summary>
    public bool HasRoom => !IsBroken && free.Count > 0 && Ring.FreeDescriptors >= entriesOfPacket;

    /// <summary>Takes back what the device has sent. True when there is room that was not there before.</summary>
    public bool Reclaim()
    {
        bool had = HasRoom;
        while (TryTake(out UsedChain used))
        {
            free.Push(byId[used.Id]);
        }

        return !had && HasRoom;
    }

    /// <summary>Writes a packet; there must be room. The device sees it with the next <see cref="DriverQueue.Publish"/>.</summary>
    public void Write(in VsockHeader header, ReadOnlySpan<byte> payload)
    {
        ulong slot = free.Pop();
        ulong packet = slot + TableBytes;
        Span<byte> bytes = memory.Slice(packet, VsockHeader.Size + (uint)payload.Length);
        egress.Encode(header, bytes);
        payload.CopyTo(bytes[VsockHeader.Size..]);

        Span<RingBuffer> buffers = stackalloc RingBuffer[MostBuffers];
        int count = Rules.CutTransmit(packet, (uint)payload.Length, buffers);
        bool isIndirect = count > 1 && Rules.UsesIndirect(Ring.Setup.Indirect);
        bool isPosted = isIndirect
            ? Ring.TryPostIndirect([], buffers[..count], slot, out ushort id)
            : Ring.TryPost(buffers[..count], out id);
        if (!isPosted)
        {
            throw new InvalidOperationException("a packet was written to a tx ring without room");
        }

        byId[id] = slot;
        Note();
    }
}
