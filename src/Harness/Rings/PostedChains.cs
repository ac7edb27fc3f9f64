using System.Numerics;

namespace Vsockspec.Rings;

/// <summary>
/// The chains that a driver posted and has not taken back, by id. Kept outside guest memory, where the device cannot change
/// it. With VIRTIO_F_IN_ORDER it also knows their order, because a device may then return a whole batch with one used
/// entry (virtio 1.4 sections 2.7.9 and 2.8.8).
/// </summary>
internal sealed class PostedChains
{
    private readonly Posted[] chains;

    // Ids by sequence number. A chain that waits while a ring's worth of later ones is posted, which only a device that breaks
    // the order can bring about, loses its slot but not its record.
    private readonly ushort[] order;
    private readonly uint orderMask;
    private uint oldest;
    private uint next;
    private UsedChain batchEnd;

    public PostedChains(ushort size)
    {
        chains = new Posted[size];
        order = new ushort[BitOperations.RoundUpToPowerOf2(size)];
        orderMask = (uint)order.Length - 1;
    }

    /// <summary>Chains posted and not taken back.</summary>
    public int Count { get; private set; }

    /// <summary>Chains that the used entry read last stands for and that were not taken yet.</summary>
    public int BatchLeft { get; private set; }

    public void Add(ushort id, int ringEntries, ulong writableBytes)
    {
        chains[id] = new Posted((ushort)ringEntries, next, (uint)Math.Min(writableBytes, uint.MaxValue));
        order[next & orderMask] = id;
        next++;
        Count++;
    }

    /// <summary>How many outstanding chains were posted before this one; 0 for an id that is not outstanding.</summary>
    public int OlderThan(uint id)
    {
        if (!IsKnown(id))
        {
            return 0;
        }

        while (oldest != next && !IsOutstanding(oldest))
        {
            oldest++;
        }

        int older = 0;
        for (uint sequence = oldest; (int)(chains[id].Sequence - sequence) > 0; sequence++)
        {
            older += IsOutstanding(sequence) ? 1 : 0;
        }

        return older;
    }

    /// <summary>A used entry was read that stands for <paramref name="older"/> chains posted before and for its own.</summary>
    public void BeginBatch(UsedChain end, int older)
    {
        batchEnd = end;
        BatchLeft = older + 1;
    }

    /// <summary>Takes the next chain of the batch and forgets it.</summary>
    /// <param name="used">The chain; one that the entry skipped counts as used completely.</param>
    /// <param name="ringEntries">The ring entries it occupied.</param>
    /// <returns>False when the chain was not outstanding.</returns>
    public bool TakeNext(out UsedChain used, out ushort ringEntries)
    {
        BatchLeft--;
        used = BatchLeft == 0 ? batchEnd : Oldest();
        if (!IsKnown(used.Id))
        {
            ringEntries = 0;
            return false;
        }

        ringEntries = chains[used.Id].RingEntries;
        chains[used.Id] = default;
        Count--;
        return true;
    }

    private UsedChain Oldest()
    {
        while (!IsOutstanding(oldest))
        {
            oldest++;
        }

        ushort id = order[oldest & orderMask];
        return new UsedChain(id, chains[id].WritableBytes);
    }

    private bool IsKnown(uint id) => id < (uint)chains.Length && chains[id].RingEntries != 0;

    private bool IsOutstanding(uint sequence)
    {
        ref readonly Posted chain = ref chains[order[sequence & orderMask]];
        return chain.RingEntries != 0 && chain.Sequence == sequence;
    }

    private readonly record struct Posted(ushort RingEntries, uint Sequence, uint WritableBytes);
}
