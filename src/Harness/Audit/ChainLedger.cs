using System.Numerics;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>The chains of one queue: each made available once, returned once, with a length that fits.</summary>
/// <param name="expected">Chains for which there is room from the beginning; it grows when more are out.</param>
internal sealed class ChainLedger(int queue, bool inOrder, FindingLog log, int expected)
{
    private const int MaxIds = 1 << 16;
    private Chain[] chains = new Chain[expected];
    private long posted;
    private long published;
    private long lastReturned;
    private long nextInOrder = 1;
    private bool orderIsLost = !inOrder;

    /// <summary>The driver did something illegal with this queue, so what comes back proves nothing.</summary>
    public bool IsTainted { get; private set; }

    /// <summary>Device-writable bytes of the chain that came back last; 0 when it was not known.</summary>
    public ulong LastWritable { get; private set; }

    public void Taint() => IsTainted = true;

    public void Post(uint id, ReadOnlySpan<RingBuffer> buffers, long epoch)
    {
        if (id >= MaxIds)
        {
            Taint();
            return;
        }

        if (id >= chains.Length)
        {
            Array.Resize(ref chains, (int)BitOperations.RoundUpToPowerOf2(id + 1));
        }

        ref Chain chain = ref chains[id];
        if (chain.IsOut)
        {
            // The driver set its ring up anew, or lies about it.
            Taint();
        }

        ulong writable = 0;
        foreach (RingBuffer buffer in buffers)
        {
            writable += buffer.DeviceWrites ? buffer.Length : 0;
        }

        chain.Sequence = ++posted;
        chain.Epoch = epoch;
        chain.Writable = writable;
        chain.IsOut = true;
        chain.MustReturn = false;
    }

    /// <summary>The queue has a new ring; what was out on the old one is nobody's any more.</summary>
    public void Renew()
    {
        Array.Clear(chains);
        posted = published = lastReturned = 0;
        nextInOrder = 1;
        orderIsLost = !inOrder;
        LastWritable = 0;
    }

    public void Publish() => published = posted;

    /// <summary>The chain carries a whole packet, so a device has no excuse for keeping it.</summary>
    public void Announce(uint id)
    {
        if (id < (uint)chains.Length && chains[id].IsOut)
        {
            chains[id].MustReturn = chains[id].Writable == 0;
        }
    }

    public void Use(UsedChain used, int packet)
    {
        LastWritable = 0;
        if (used.Id >= (uint)chains.Length || !chains[used.Id].IsOut)
        {
            if (!IsTainted)
            {
                string text = used.Id < (uint)chains.Length && chains[used.Id].Sequence != 0
                    ? "came back although it had been returned before" + (inOrder ? " or passed over" : "")
                    : "came back but was never made available";
                log.Violation(orderIsLost || !inOrder ? "VQ-18" : "FE-12", packet, $"{VsockQueue.Name(queue)} chain {used.Id} {text}");
            }

            orderIsLost = true;
            return;
        }

        ref Chain chain = ref chains[used.Id];
        chain.IsOut = false;
        LastWritable = chain.Writable;
        lastReturned = Math.Max(lastReturned, chain.Sequence);
        if (IsTainted)
        {
            return;
        }

        if (chain.Sequence > published)
        {
            log.Violation("VQ-18", packet, $"{VsockQueue.Name(queue)} chain {used.Id} came back before it was made available");
        }

        if (used.Length > chain.Writable)
        {
            log.Violation(
                "VQ-16",
                packet,
                $"{VsockQueue.Name(queue)} chain {used.Id} came back with used.len {used.Length}, but only {chain.Writable} of its bytes can be written");
        }

        JudgeOrder(used.Id, chain.Sequence, packet);
    }

    /// <summary>After a fence: chains that were made available before it and whose packets must have been processed.</summary>
    public void EndOfSession(long epoch, int packet) => JudgeKept(epoch, before: 0, packet);

    /// <summary>After a long wait without a fence: chains that later ones have overtaken.</summary>
    public void EndOfPatience(int packet) => JudgeKept(epoch: long.MinValue, before: lastReturned, packet);

    private void JudgeKept(long epoch, long before, int packet)
    {
        if (IsTainted)
        {
            return;
        }

        int kept = 0;
        uint first = 0;
        for (uint id = 0; id < (uint)chains.Length; id++)
        {
            ref readonly Chain chain = ref chains[id];
            if (chain.IsOut && chain.MustReturn && chain.Sequence <= published && (chain.Epoch < epoch || chain.Sequence < before))
            {
                first = kept++ == 0 ? id : first;
            }
        }

        if (kept > 0)
        {
            log.Violation("VQ-18", packet, $"{kept} {VsockQueue.Name(queue)} chain(s), the first one {first}, never came back although later ones were processed");
        }
    }

    private void JudgeOrder(uint id, long sequence, int packet)
    {
        if (orderIsLost)
        {
            return;
        }

        if (sequence != nextInOrder)
        {
            orderIsLost = true;
            log.Violation(
                "FE-12",
                packet,
                $"{VsockQueue.Name(queue)} chain {id}, the {sequence}th made available, came back where the {nextInOrder}th was due");
            return;
        }

        nextInOrder++;
    }

    private struct Chain
    {
        public long Sequence;
        public long Epoch;
        public ulong Writable;
        public bool IsOut;
        public bool MustReturn;
    }
}
