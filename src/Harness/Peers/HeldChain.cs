using Vsockspec.Rings;

namespace Vsockspec.Peers;

/// <summary>A chain that a scripted device has taken and not returned.</summary>
public sealed class HeldChain
{
    private readonly RingBuffer[] buffers;

    internal HeldChain(ScriptedQueue queue, DeviceChain chain, int fingerprint)
    {
        Queue = queue;
        Id = chain.Id;
        RingEntries = chain.RingEntries;
        buffers = chain.Buffers.ToArray();
        DirectCount = chain.DirectCount;
        HasTable = chain.HasTable;
        ReadableCount = chain.ReadableCount;
        ReadableBytes = chain.ReadableBytes;
        WritableBytes = chain.WritableBytes;
        Fingerprint = fingerprint;
    }

    /// <summary>Head index or buffer id.</summary>
    public ushort Id { get; }

    public ushort RingEntries { get; }

    /// <summary>In chain order; those of an indirect table too.</summary>
    public IReadOnlyList<RingBuffer> Buffers => buffers;

    public bool HasTable { get; }

    /// <summary>Number of leading device-readable buffers.</summary>
    public int ReadableCount { get; }

    /// <summary>Bytes.</summary>
    public ulong ReadableBytes { get; }

    /// <summary>Bytes.</summary>
    public ulong WritableBytes { get; }

    internal ScriptedQueue Queue { get; }

    /// <summary>Number of leading buffers that descriptors of the ring itself describe.</summary>
    internal int DirectCount { get; }

    internal void TellPosted(IRingObserver observer)
    {
        if (HasTable)
        {
            observer.PostedWithTable(Queue.Index, Id, buffers, DirectCount);
        }
        else
        {
            observer.Posted(Queue.Index, Id, buffers);
        }
    }

    /// <summary>Of what the device may read of it, when it was taken.</summary>
    internal int Fingerprint { get; }
}
