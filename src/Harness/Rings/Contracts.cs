namespace Vsockspec.Rings;

/// <summary>One buffer of a chain: a guest-physical range and who may write it.</summary>
/// <param name="Address">Guest-physical address of the first byte.</param>
/// <param name="Length">Bytes; zero is legal.</param>
/// <param name="DeviceWrites">True for a device-writable buffer.</param>
public readonly record struct RingBuffer(ulong Address, uint Length, bool DeviceWrites)
{
    public static RingBuffer Readable(ulong address, uint length) => new(address, length, false);

    public static RingBuffer Writable(ulong address, uint length) => new(address, length, true);
}

/// <summary>A chain that came back from the device.</summary>
/// <param name="Id">The head index (split) or buffer id (packed) under which it was posted.</param>
/// <param name="Length">The bytes the device says it wrote.</param>
public readonly record struct UsedChain(uint Id, uint Length);

/// <summary>How a ring is laid out in guest memory.</summary>
public enum RingLayout
{
    Split,
    Packed,
}

/// <summary>
/// What both sides of a ring agree on. Addresses are guest-physical; for packed rings the descriptor ring, driver and device
/// event suppression areas.
/// </summary>
/// <param name="Layout">Split or packed.</param>
/// <param name="Size">Entries; a power of two for split rings, at most 32768.</param>
/// <param name="DescriptorArea">Descriptor table or ring, aligned to 16.</param>
/// <param name="DriverArea">Available ring (aligned to 2) or driver event suppression (aligned to 4).</param>
/// <param name="DeviceArea">Used ring or device event suppression, aligned to 4.</param>
/// <param name="EventIdx">VIRTIO_F_EVENT_IDX was accepted.</param>
/// <param name="Indirect">VIRTIO_F_INDIRECT_DESC was accepted.</param>
/// <param name="InOrder">VIRTIO_F_IN_ORDER was accepted.</param>
public readonly record struct RingSetup(
    RingLayout Layout,
    ushort Size,
    ulong DescriptorArea,
    ulong DriverArea,
    ulong DeviceArea,
    bool EventIdx = false,
    bool Indirect = false,
    bool InOrder = false);

/// <summary>
/// Hears everything that happens between a driver and a device, in the order in which the driver's side sees it. Called on
/// the thread that drives the rings; must not block or allocate per packet.
/// </summary>
public interface IRingObserver
{
    /// <summary>A chain was written to the ring; it becomes visible with the next <see cref="Published"/> of that queue.</summary>
    void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers);

    /// <summary>As <see cref="Posted"/>; buffers from number <paramref name="direct"/> on are described by an indirect table.</summary>
    void PostedWithTable(int queue, uint id, ReadOnlySpan<RingBuffer> buffers, int direct) => Posted(queue, id, buffers);

    /// <summary>All chains posted so far are visible to the device.</summary>
    void Published(int queue);

    /// <summary>The driver notified the device.</summary>
    void Kicked(int queue);

    /// <summary>The device notified the driver <paramref name="count"/> times since the last look.</summary>
    void Called(int queue, ulong count);

    /// <summary>The device returned a chain.</summary>
    void Used(int queue, UsedChain chain);

    /// <summary>
    /// A packet went to the device: first byte of the header to last byte of the payload, as posted. May be shorter than a
    /// header or longer than its <c>len</c> says.
    /// </summary>
    void SentPacket(uint id, ReadOnlySpan<byte> packet);

    /// <summary>A packet came from the device: the first <c>used.len</c> bytes of the chain's writable buffers.</summary>
    void ReceivedPacket(uint id, ReadOnlySpan<byte> packet);

    /// <summary>Everything sent before has been processed and every answer to it has been received.</summary>
    void Fenced();

    /// <summary>Something about memory or the rings that only the driver side can see, by requirement id.</summary>
    void Violated(string requirement, int queue, string detail);

    /// <summary>The queue got a new ring: chains of the old one are forgotten on both sides, ids and order begin anew.</summary>
    void Renewed(int queue)
    {
    }
}
