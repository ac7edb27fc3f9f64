using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>How the raw driver sets a device up. Values, so a case changes one with <c>with</c>.</summary>
public sealed record SessionOptions
{
    /// <summary>Features to accept, exactly; bits that the transport needs for itself are added by the transport.</summary>
    public VirtioFeatures Features { get; init; } = VirtioFeatures.Version1;

    /// <summary>Entries of the rx and tx rings.</summary>
    public ushort QueueSize { get; init; } = 128;

    /// <summary>First ring index, in the transport's form; null: the ring's initial state.</summary>
    public uint? Base { get; init; }

    /// <summary>Bytes of one rx buffer, header included. Linux guests use about 4 KiB.</summary>
    public uint RxBufferSize { get; init; } = 4096;

    /// <summary>Rx chains to keep posted; fewer when the ring has no room. Zero: none are posted until asked for.</summary>
    public int RxBuffers { get; init; } = int.MaxValue;

    /// <summary>Largest packet that <see cref="TxQueue"/> copies, header included.</summary>
    public uint TxSlotSize { get; init; } = VsockHeader.Size + (64 * 1024);

    /// <summary>Bytes of <see cref="RawDriver.BufferRegion"/> beyond what the queues and a case's own chains need, for many packets that are posted in place.</summary>
    public uint ExtraMemory { get; init; }

    /// <summary>How tx packets are cut into descriptors.</summary>
    public ChainShape TxShape { get; init; } = ChainShape.OneBuffer;

    /// <summary>How rx buffers are cut into descriptors.</summary>
    public ChainShape RxShape { get; init; } = ChainShape.OneBuffer;

    /// <summary>Post every chain through an indirect table (needs INDIRECT_DESC).</summary>
    public bool IndirectChains { get; init; }

    /// <summary>False: hand the device no kick eventfd, so that it must poll.</summary>
    public bool KickFd { get; init; } = true;

    /// <summary>False: hand the device no call eventfd, so that we poll.</summary>
    public bool CallFd { get; init; } = true;

    /// <summary>False: stop before the queues are started; the case starts them.</summary>
    public bool Start { get; init; } = true;

    public RingLayout Layout => Features.HasFlag(VirtioFeatures.RingPacked) ? RingLayout.Packed : RingLayout.Split;
}
