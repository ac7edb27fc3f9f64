using Vsockspec.Rings;

namespace Vsockspec.Peers;

/// <summary>A chain of the guest's that the device behind a tap has.</summary>
internal sealed class TapChain
{
    private RingBuffer[] buffers = new RingBuffer[4];
    private int count;

    /// <summary>The id under which the guest's driver posted it.</summary>
    public ushort GuestId { get; private set; }

    /// <summary>Entries that it occupies, of the guest's ring as of the tap's.</summary>
    public ushort RingEntries { get; private set; }

    /// <summary>Place of its indirect table; -1: it has none.</summary>
    public int Table { get; private set; }

    public bool IsOut { get; set; }

    /// <summary>The buffers that the device may write.</summary>
    public ReadOnlySpan<RingBuffer> Writable => buffers.AsSpan(0, count);

    public void Begin(DeviceChain chain, int table)
    {
        GuestId = chain.Id;
        RingEntries = chain.RingEntries;
        Table = table;
        IsOut = true;
        count = chain.Writable.Length;
        if (buffers.Length < count)
        {
            Array.Resize(ref buffers, Math.Max(count, buffers.Length * 2));
        }

        chain.Writable.CopyTo(buffers);
    }
}

/// <summary>The chains that the device has, by the id under which the tap posted them, and the order in which it did.</summary>
internal sealed class TapChains
{
    private readonly TapChain[] chains;

    // One entry for each chain that was posted since the queue was set up, the last ones kept.
    private readonly ushort[] order;
    private long posted;

    public TapChains(ushort size)
    {
        chains = new TapChain[size];
        order = new ushort[size];
        for (int i = 0; i < size; i++)
        {
            chains[i] = new TapChain();
        }
    }

    /// <summary>The id must be one of the ring's.</summary>
    public TapChain this[uint id] => chains[id];

    public void Add(ushort id, DeviceChain chain, int table)
    {
        chains[id].Begin(chain, table);
        order[posted++ % order.Length] = id;
    }

    /// <summary>The chain that was posted last, when the device still has it; it counts as not posted from here on.</summary>
    public bool TryTakeLast([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TapChain? chain)
    {
        chain = posted > 0 ? chains[order[(posted - 1) % order.Length]] : null;
        if (chain is not { IsOut: true })
        {
            chain = null;
            return false;
        }

        posted--;
        chain.IsOut = false;
        return true;
    }
}
