using Vsockspec.Rings;

namespace Vsockspec.Peers;

/// <summary>A chain that a scripted device has taken and not returned.</summary>
public sealed class HeldChain
{
    internal HeldChain(ScriptedQueue queue, DeviceChain chain, int fingerprint)
    {
        Queue = queue;
        Id = chain.Id;
        RingEntries = chain.RingEntries;
        Buffers = chain.Buffers.ToArray();
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
    public IReadOnlyList<RingBuffer> Buffers { get; }

    public bool HasTable { get; }

    /// <summary>Number of leading device-readable buffers.</summary>
    public int ReadableCount { get; }

    /// <summary>Bytes.</summary>
    public ulong ReadableBytes { get; }

    /// <summary>Bytes.</summary>
    public ulong WritableBytes { get; }

    internal ScriptedQueue Queue { get; }

    /// <summary>Of what the device may read of it, when it was taken.</summary>
    internal int Fingerprint { get; }
}
