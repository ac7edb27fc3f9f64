using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Why the driver does not drive its device.</summary>
internal sealed class DriverException(string message) : Exception(message);

/// <summary>
/// The device of this guest over vhost-user: its features, its CID, its memory and its queues (virtio 1.4 sections 3.1 and 5.10.5). A back end
/// of a VMM that keeps the event queue to itself has two queues, and then nobody tells of resets.
/// </summary>
internal sealed class DriverDevice : IDisposable
{
    private const ulong MemoryBase = 0x10_0000;
    private const int EventBuffers = 8;

    private readonly VhostUserFrontEnd frontEnd;
    private readonly DriverParts parts;
    private readonly DriverOptions options;
    private readonly GuestMemory memory;
    private readonly GuestArena arena;

    private DriverDevice(VhostUserFrontEnd frontEnd, DriverParts parts, DriverOptions options)
    {
        this.frontEnd = frontEnd;
        this.parts = parts;
        this.options = options;
        memory = new GuestMemory([MemoryRegion.Create(MemoryBase, SizeOfMemory(options))]);
        arena = new GuestArena(memory);
    }

    /// <summary>Who the guest is, from the device.</summary>
    public DriverIdentity Identity { get; } = new();

    /// <summary>Readable, with a peer closed, when the device goes away.</summary>
    public int WatchFd => frontEnd.WatchFd;

    public bool IsGone => frontEnd.IsClosed();

    public bool HasEventQueue => frontEnd.HasEventQueue;

    /// <summary>Connects to a device and negotiates with it.</summary>
    /// <exception cref="TransportException">The device does not answer, or not as it must.</exception>
    /// <exception cref="DriverException">The driver does not drive such a device.</exception>
    public static DriverDevice Open(string socket, DriverParts parts, DriverOptions options)
    {
        VhostUserFrontEnd frontEnd = VhostUserFrontEnd.Connect(socket, new VhostUserFrontEndOptions { Deadline = options.DeviceDeadline, KickOnStart = false });
        DriverDevice? device = null;
        try
        {
            device = new DriverDevice(frontEnd, parts, options);
            device.Negotiate();
            return device;
        }
        catch
        {
            device?.memory.Dispose();
            frontEnd.Dispose();
            throw;
        }
    }

    /// <summary>Reads guest_cid; 8 bytes, whatever else the configuration space may hold.</summary>
    /// <exception cref="DriverException">There is none, or none that a guest can have.</exception>
    public void ReadCid()
    {
        if (!frontEnd.HasConfigSpace || frontEnd.ReadConfig(0, VsockConfig.Size) is not { } config)
        {
            throw new DriverException("the device gives no guest_cid: it refuses to have its configuration space read");
        }

        ulong cid = VsockConfig.Read(config).GuestCid;
        if (!parts.Features.IsUsable(cid))
        {
            throw new DriverException($"guest_cid {cid} is reserved");
        }

        Identity.GuestCid = cid;
    }

    public TransmitRing MakeTransmitRing(Action<string> reportBroken) =>
        new(MakeRing(VsockQueue.Tx), arena, parts.Queues, parts.Egress, reportBroken);

    public PostedBuffers MakeReceiveQueue(Action<string> reportBroken, TakeBuffer take) =>
        new(VsockQueue.Rx, MakeRing(VsockQueue.Rx), arena, options.QueueSize, parts.Queues.ReceiveBytes(options.ReceiveBufferBytes), parts.Queues, reportBroken, take);

    public PostedBuffers MakeEventQueue(Action<string> reportBroken, TakeBuffer take) =>
        new(VsockQueue.Event, MakeRing(VsockQueue.Event), arena, EventBuffers, VsockEvent.Size, parts.Queues, reportBroken, take);

    /// <summary>Hands the queues over, has the device run and only then notifies it (ST-06).</summary>
    public void Start(IReadOnlyList<DriverQueue> queues)
    {
        frontEnd.ShareMemory(memory);
        foreach (DriverQueue queue in queues)
        {
            frontEnd.SetUpQueue(new QueueSetup(queue.Index, queue.Ring.Setup, RingBase.Initial(queue.Ring.Setup.Layout), queue.Kick, queue.Call));
        }

        foreach (DriverQueue queue in queues)
        {
            frontEnd.StartQueue(queue.Index);
        }

        Identity.IsUp = true;
        foreach (DriverQueue queue in queues)
        {
            queue.Begin();
        }
    }

    public void Dispose()
    {
        frontEnd.Dispose();
        memory.Dispose();
    }

    private static ulong SizeOfMemory(DriverOptions options)
    {
        const ulong Page = 4096;
        const ulong RingBytes = 64;
        ulong each = RingBytes + options.ReceiveBufferBytes + DriverEgressRules.MaxPayload + Page;
        return (options.QueueSize * each) + (16 * Page);
    }

    private void Negotiate()
    {
        frontEnd.Negotiate();
        VirtioFeatures offered = frontEnd.OfferedFeatures;
        if (!parts.Features.Drives(offered))
        {
            throw new DriverException($"the device offers features 0x{(ulong)offered:x}, which this driver does not drive");
        }

        Identity.Features = parts.Features.Accept(offered);
        frontEnd.AcceptFeatures(Identity.Features);
    }

    private DriverRing MakeRing(int index)
    {
        bool isPacked = Identity.Features.HasFlag(VirtioFeatures.RingPacked);
        RingSetup setup = RingAllocation.Allocate(
            arena,
            isPacked ? RingLayout.Packed : RingLayout.Split,
            options.QueueSize,
            eventIdx: Identity.Features.HasFlag(VirtioFeatures.EventIdx),
            indirect: Identity.Features.HasFlag(VirtioFeatures.IndirectDesc));
        setup = parts.Layout(arena, setup);
        return parts.Ring(index, memory, DriverRings.Create(memory, setup));
    }
}
