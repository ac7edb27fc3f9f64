namespace Vsockspec.Rings;

/// <summary>
/// The driver's side of a virtqueue. Post chains, publish them, kick if <see cref="KickNeeded"/>, take used chains. One
/// thread at a time. Legal use is checked (room, size); illegal rings are written through the layout types
/// (<c>SplitRingMemory</c>, <c>PackedRingMemory</c>) which allow everything.
/// </summary>
public abstract class DriverRing
{
    protected DriverRing(RingSetup setup) => Setup = setup;

    public RingSetup Setup { get; }

    /// <summary>Descriptors not in use by posted chains.</summary>
    public abstract int FreeDescriptors { get; }

    /// <summary>Chains posted and not yet taken back.</summary>
    public abstract int Outstanding { get; }

    /// <summary>
    /// Writes a chain of direct descriptors. It is not visible before <see cref="Publish"/>.
    /// </summary>
    /// <param name="buffers">Readable buffers before writable ones where the chain is to be legal; not checked here.</param>
    /// <param name="id">Head index or buffer id, by which the device returns the chain.</param>
    /// <returns>False when there are not enough free descriptors; nothing was written.</returns>
    /// <exception cref="ArgumentException">No buffers.</exception>
    public abstract bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id);

    /// <summary>
    /// Writes <paramref name="buffers"/> into the indirect table at <paramref name="tableAddress"/> (16 bytes each, the caller's
    /// memory until the chain comes back), preceded by <paramref name="direct"/> direct descriptors in the ring.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The table is empty, or there are direct descriptors on a packed ring, where a list must not hold an indirect one
    /// (virtio 1.4 section 2.8.19).
    /// </exception>
    /// <exception cref="Memory.GuestMemoryException">The table is not in guest memory.</exception>
    public abstract bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id);

    /// <summary>Makes all posted chains visible to the device (virtio 1.4 section 2.7.13.3: barrier, then idx).</summary>
    public abstract void Publish();

    /// <summary>
    /// True when the device asked to be notified of what was published since the last call (sections 2.7.10 and 2.8.21). Has the
    /// required full barrier inside. With event indices the first answer is yes whatever the index says, because a device that
    /// starts in the middle of the range had no chance yet to set it.
    /// </summary>
    public abstract bool KickNeeded();

    /// <summary>
    /// Takes the next used chain, if any. An id that was not outstanding is returned as it is: the observer judges it, and
    /// bookkeeping ignores it. With VIRTIO_F_IN_ORDER one used entry may stand for a batch; the chains it skips are returned
    /// before it with all their writable bytes, as used completely (virtio 1.4 sections 2.7.9 and 2.8.8).
    /// </summary>
    public abstract bool TryTakeUsed(out UsedChain used);

    /// <summary>
    /// False when the chain that <see cref="TryTakeUsed"/> returned last was not outstanding: an id that was never posted, or
    /// that came back before.
    /// </summary>
    public abstract bool LastUsedWasKnown { get; }

    /// <summary>True when <see cref="TryTakeUsed"/> would succeed.</summary>
    public abstract bool HasUsed { get; }

    /// <summary>
    /// Asks for a notification when the next chain is used (or the one <paramref name="after"/> chains later), and returns
    /// <see cref="HasUsed"/> after the barrier, so that a caller that goes to sleep cannot miss one.
    /// </summary>
    /// <param name="after">
    /// Counts with VIRTIO_F_EVENT_IDX only, otherwise every chain is notified. A packed ring counts ring entries, not chains.
    /// </param>
    public abstract bool EnableCalls(ushort after = 0);

    /// <summary>Asks for no notifications (flags, or an event index that is not reached).</summary>
    public abstract void DisableCalls();

    private protected static void ThrowIfEmpty(ReadOnlySpan<RingBuffer> buffers)
    {
        if (buffers.IsEmpty)
        {
            throw new ArgumentException("a chain or table needs at least one buffer", nameof(buffers));
        }
    }

    private protected static ulong WritableBytes(ReadOnlySpan<RingBuffer> buffers)
    {
        ulong bytes = 0;
        foreach (RingBuffer buffer in buffers)
        {
            bytes += buffer.DeviceWrites ? buffer.Length : 0;
        }

        return bytes;
    }
}
