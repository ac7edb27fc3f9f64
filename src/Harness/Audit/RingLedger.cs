using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>The book of one queue: which chains the device holds, and what it may write into them.</summary>
internal sealed class RingLedger(int queue, bool inOrder, FindingList findings)
{
    private Entry[] entries = new Entry[256];
    private long posted;
    private long lastUsed;

    /// <summary>Set when a case posted something illegal: what the device then does to this ring proves nothing.</summary>
    public bool Tainted { get; set; }

    /// <summary>Bytes that the device may write into the chain; 0 for a chain that is not out.</summary>
    public ulong WritableBytesOf(uint id) => id < (uint)entries.Length ? entries[id].Writable : 0;

    public void Posted(uint id, ReadOnlySpan<RingBuffer> buffers)
    {
        if (id >= (uint)entries.Length)
        {
            Array.Resize(ref entries, (int)Math.Max(id + 1, (uint)entries.Length * 2));
        }

        ulong writable = 0;
        foreach (RingBuffer buffer in buffers)
        {
            writable += buffer.DeviceWrites ? buffer.Length : 0;
        }

        entries[id] = new Entry(true, writable, ++posted);
    }

    public void Used(UsedChain chain, int packet)
    {
        if (Tainted)
        {
            return;
        }

        string name = VsockQueue.Name(queue);
        if (chain.Id >= (uint)entries.Length || !entries[chain.Id].IsOut)
        {
            findings.Add("VQ-18", packet, $"{name}: chain {chain.Id} was returned but the device does not hold it");
            return;
        }

        Entry entry = entries[chain.Id];
        entries[chain.Id] = entry with { IsOut = false };
        if (chain.Length > entry.Writable)
        {
            findings.Add("VQ-16", packet, $"{name}: chain {chain.Id} came back with length {chain.Length}, but {entry.Writable} bytes of it are device-writable");
        }

        if (inOrder && entry.Order < lastUsed)
        {
            findings.Add("FE-12", packet, $"{name}: chain {chain.Id}, made available as number {entry.Order}, was used after number {lastUsed} although IN_ORDER was accepted");
        }

        lastUsed = Math.Max(lastUsed, entry.Order);
    }

    /// <summary>To be called when everything is known to be processed.</summary>
    public void ExpectAllReturned()
    {
        if (Tainted)
        {
            return;
        }

        int missing = entries.Count(e => e.IsOut);
        if (missing > 0)
        {
            findings.Add("VQ-18", 0, $"{VsockQueue.Name(queue)}: {missing} chains were never returned");
        }
    }

    private readonly record struct Entry(bool IsOut, ulong Writable, long Order);
}
