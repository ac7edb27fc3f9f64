using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>How the chain of a packet looked.</summary>
/// <param name="Outline">Number in the book; 0: not known.</param>
/// <param name="Used">The bytes that the device said it wrote; null: it has not returned the chain.</param>
internal readonly record struct ChainNote(byte Queue, ushort Outline, uint Id, uint? Used);

/// <summary>
/// Remembers how the chains that are posted look, so that their packets can be described. Chains that look alike share one outline; nothing
/// is allocated for a packet. One thread.
/// </summary>
internal sealed class ChainBook
{
    private const int Queues = 3;
    private const int MaxOutlines = 512;
    private const uint MaxId = ushort.MaxValue;
    private readonly Slot[][] slots = [[], [], []];
    private ChainOutline[] outlines = new ChainOutline[8];
    private RingLayout layout;
    private int outlineCount = 1;
    private ushort lastOutline;
    private UsedChain lastReceived;

    /// <summary>New rings.</summary>
    public void Begin(RingLayout ringLayout)
    {
        layout = ringLayout;
        for (int queue = 0; queue < Queues; queue++)
        {
            Renew(queue);
        }
    }

    /// <summary>A new ring; its ids begin anew.</summary>
    public void Renew(int queue)
    {
        if (queue is >= 0 and < Queues)
        {
            slots[queue].AsSpan().Clear();
        }
    }

    /// <summary>Packets are counted anew; chains stay known.</summary>
    public void ForgetPackets()
    {
        foreach (ref Slot slot in slots[VsockQueue.Tx].AsSpan())
        {
            slot.Packet = 0;
        }
    }

    /// <param name="direct">Buffers before those of an indirect table; null: there is none.</param>
    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers, int? direct)
    {
        if (queue is < 0 or >= Queues || id > MaxId)
        {
            return;
        }

        if (slots[queue].Length <= id)
        {
            Array.Resize(ref slots[queue], Math.Max(slots[queue].Length * 2, (int)id + 64));
        }

        slots[queue][id] = new Slot { Outline = Find(new ChainOutline(layout, buffers, direct)) };
    }

    /// <summary>The packet that was sent in the chain, to be noted; null when none was, or it is not kept.</summary>
    public int? Used(int queue, UsedChain chain)
    {
        if (queue == VsockQueue.Rx)
        {
            lastReceived = chain;
            return null;
        }

        if (queue != VsockQueue.Tx || chain.Id >= slots[queue].Length)
        {
            return null;
        }

        ref Slot slot = ref slots[queue][chain.Id];
        int packet = slot.Packet;
        slot.Packet = 0;
        return packet == 0 ? null : packet;
    }

    /// <param name="packet">Number of the packet, from 1, under which <see cref="Used"/> tells of its return.</param>
    public ChainNote OfSent(uint id, int packet)
    {
        if (id >= slots[VsockQueue.Tx].Length)
        {
            return default;
        }

        ref Slot slot = ref slots[VsockQueue.Tx][id];
        slot.Packet = packet;
        return new ChainNote(VsockQueue.Tx, slot.Outline, id, null);
    }

    public ChainNote OfReceived(uint id) => id < slots[VsockQueue.Rx].Length
        ? new ChainNote(VsockQueue.Rx, slots[VsockQueue.Rx][id].Outline, id, lastReceived.Id == id ? lastReceived.Length : null)
        : default;

    /// <summary><c>chain: tx 5, split, 44r 4096r, used 0</c>; null when it is not known.</summary>
    public string? Describe(ChainNote note) => note.Outline == 0
        ? null
        : $"{ChainOutline.Prefix}{VsockQueue.Name(note.Queue)} {note.Id}, {outlines[note.Outline]}{(note.Used is { } used ? $", used {used}" : "")}";

    private ushort Find(in ChainOutline wanted)
    {
        if (outlines[lastOutline] == wanted)
        {
            return lastOutline;
        }

        int found = outlines.AsSpan(0, outlineCount).IndexOf(wanted);
        if (found < 0)
        {
            if (outlineCount == MaxOutlines)
            {
                return 0;
            }

            if (outlineCount == outlines.Length)
            {
                Array.Resize(ref outlines, outlines.Length * 2);
            }

            found = outlineCount++;
            outlines[found] = wanted;
        }

        return lastOutline = (ushort)found;
    }

    private struct Slot
    {
        public ushort Outline;
        public int Packet;
    }
}
