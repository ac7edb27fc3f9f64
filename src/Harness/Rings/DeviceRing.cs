using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>What <see cref="DeviceRing.TryTake"/> found.</summary>
public enum TakeResult
{
    /// <summary>No chain is available.</summary>
    Empty,

    /// <summary>A well-formed chain.</summary>
    Chain,

    /// <summary>
    /// A chain that breaks a driver rule but whose extent is known (bad address, wrong order, bad indirect table): return it
    /// with length 0. Its buffers may be incomplete and must not be used.
    /// </summary>
    BadChain,

    /// <summary>The ring itself cannot be followed (index out of range, loop): the queue must stop until it is set up anew.</summary>
    BrokenRing,
}

/// <summary>
/// A chain taken from a ring; one object is reused for every chain, no allocation. Buffers are in chain order.
/// </summary>
public sealed class DeviceChain
{
    /// <summary>Longest chain followed: the largest legal queue size.</summary>
    public const int MaxBuffers = 32768;

    private RingBuffer[] buffers = new RingBuffer[64];
    private int tableStart = -1;

    /// <summary>Head index or buffer id, to return.</summary>
    public ushort Id { get; internal set; }

    /// <summary>Ring entries that the chain occupies (packed rings skip by it).</summary>
    public ushort RingEntries { get; internal set; }

    public int Count { get; private set; }

    /// <summary>Number of leading device-readable buffers.</summary>
    public int ReadableCount { get; private set; }

    /// <summary>Number of leading buffers that descriptors of the ring itself describe; the others are in an indirect table.</summary>
    public int DirectCount => tableStart < 0 ? Count : tableStart;

    /// <summary>The chain ends in an indirect table.</summary>
    public bool HasTable => tableStart >= 0;

    /// <summary>Bytes in readable and writable buffers.</summary>
    public ulong ReadableBytes { get; private set; }

    public ulong WritableBytes { get; private set; }

    /// <summary>Why, when <see cref="TakeResult.BadChain"/> or <see cref="TakeResult.BrokenRing"/>.</summary>
    public string? Defect { get; internal set; }

    public ReadOnlySpan<RingBuffer> Buffers => buffers.AsSpan(0, Count);

    public ReadOnlySpan<RingBuffer> Readable => buffers.AsSpan(0, ReadableCount);

    public ReadOnlySpan<RingBuffer> Writable => buffers.AsSpan(ReadableCount, Count - ReadableCount);

    internal void Clear()
    {
        Count = ReadableCount = RingEntries = 0;
        ReadableBytes = WritableBytes = 0;
        tableStart = -1;
        Defect = null;
    }

    /// <summary>Buffers that are added from here on are in an indirect table.</summary>
    internal void BeginTable() => tableStart = Count;

    /// <summary>Adds a buffer; one that does not lie in guest memory makes the chain bad.</summary>
    internal void AddChecked(GuestMemory memory, in RingBuffer buffer)
    {
        Add(buffer);
        if (!memory.Contains(buffer.Address, buffer.Length))
        {
            Defect ??= $"buffer at 0x{buffer.Address:x} length {buffer.Length} is not in guest memory";
        }
    }

    /// <summary>What the chain is, once all of it was added (virtio 1.4 section 2.7.5.2 limits the total to 2^32 bytes).</summary>
    internal TakeResult Judge()
    {
        if (ReadableBytes + WritableBytes > 1UL << 32)
        {
            Defect ??= $"chain of {ReadableBytes + WritableBytes} bytes";
        }

        return Defect is null ? TakeResult.Chain : TakeResult.BadChain;
    }

    internal void Add(in RingBuffer buffer)
    {
        if (Count == buffers.Length)
        {
            Array.Resize(ref buffers, buffers.Length * 2);
        }

        buffers[Count++] = buffer;
        if (buffer.DeviceWrites)
        {
            WritableBytes += buffer.Length;
            return;
        }

        ReadableBytes += buffer.Length;
        if (WritableBytes == 0 && ReadableCount == Count - 1)
        {
            ReadableCount = Count;
        }
        else
        {
            Defect ??= "device-readable buffer after a device-writable one";
        }
    }
}

/// <summary>
/// The device's side of a virtqueue. Everything in the ring is untrusted. One thread at a time. Chains may be completed in
/// any order.
/// </summary>
public abstract class DeviceRing
{
    protected DeviceRing(GuestMemory memory, RingSetup setup)
    {
        Memory = memory;
        Setup = setup;
    }

    public GuestMemory Memory { get; }

    public RingSetup Setup { get; }

    /// <summary>Takes the next available chain, following direct and indirect descriptors.</summary>
    public abstract TakeResult TryTake(DeviceChain chain);

    /// <summary>Gives the last taken chain back to the ring unprocessed, so that the next <see cref="TryTake"/> finds it again.</summary>
    public abstract void Untake(DeviceChain chain);

    /// <summary>
    /// Follows a chain once more that was taken and not completed, as the driver's memory shows it now; false where a device cannot, because it
    /// has itself written over the descriptors of chains that are still out (packed rings, virtio 1.4 section 2.8.6).
    /// </summary>
    public virtual bool TryReread(ushort id, DeviceChain chain) => false;

    /// <summary>Marks a chain used with <paramref name="written"/> bytes; visible with <see cref="PublishUsed"/>.</summary>
    public abstract void Complete(ushort id, ushort ringEntries, uint written);

    /// <summary>Makes completed chains visible (virtio 1.4 section 2.7.8.2: length before idx).</summary>
    public abstract void PublishUsed();

    /// <summary>True when the driver asked to be notified of what was published since the last call. Has the required full barrier inside.</summary>
    public abstract bool CallNeeded();

    /// <summary>Asks the driver for kicks and returns true when chains are available after the barrier (so look again before sleeping).</summary>
    public abstract bool EnableKicks();

    /// <summary>Tells the driver that kicks are not needed for now.</summary>
    public abstract void DisableKicks();

    /// <summary>The vhost-user ring base at this point: next available index (split), or the packed form of wire.md section 3.</summary>
    public abstract uint Base { get; }
}
