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
    private string? refusal;

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

    /// <summary>Connects to a device and negotiates with it; <see cref="BringUp"/> tells when that came to nothing.</summary>
    /// <exception cref="TransportException">The device does not answer, or not as it must.</exception>
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

        if (!parts.Features.TakesConfig(frontEnd.ReadConfig))
        {
            throw new DriverException("the device has a configuration space that the driver does not know");
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

    /// <summary>Section 5.10.5: the CID, the event buffers, the rx buffers. Then the device may run.</summary>
    /// <exception cref="DriverException">The driver does not drive such a device.</exception>
    /// <exception cref="TransportException">The device does not answer, or refuses.</exception>
    public void BringUp(TransmitRing transmit, PostedBuffers receive, PostedBuffers? events)
    {
        if (refusal is not null)
        {
            throw new DriverException(refusal);
        }

        ReadCid();
        events?.Fill();
        receive.Fill();
        Start(events is null ? [receive, transmit] : [receive, transmit, events]);
    }

    /// <summary>Tells the device, where it can be told, that it will not be driven (section 2.1).</summary>
    public void GiveUp()
    {
        if (!frontEnd.Has(VhostUserProtocolFeatures.Status))
        {
            return;
        }

        try
        {
            frontEnd.SetStatus(frontEnd.GetStatus() | DeviceStatus.Failed);
            frontEnd.Flush();
        }
        catch (TransportException)
        {
            // It is given up in any case.
        }
    }

    public void Dispose()
    {
        frontEnd.Dispose();
        memory.Dispose();
    }

    /// <summary>Hands the queues over, has the device run and only then notifies it (ST-06).</summary>
    private void Start(IReadOnlyList<DriverQueue> queues)
    {
        frontEnd.ShareMemory(memory);
        foreach (DriverQueue queue in queues)
        {
            frontEnd.SetUpQueue(new QueueSetup(queue.Index, queue.Ring.Setup, RingBase.Initial(queue.Ring.Setup.Layout), queue.Kick, queue.Call));
        }

        foreach (DriverQueue queue in queues.Where(_ => parts.Queues.NotifiesBeforeStart))
        {
            frontEnd.SetVringKick((byte)queue.Index, queue.Kick);
            queue.Kick.Signal();
            frontEnd.Settle();
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
            refusal = $"the device offers features 0x{(ulong)offered:x}, which this driver does not drive";
            return;
        }

        Identity.Features = parts.Features.Accept(offered);
        try
        {
            parts.Features.Accept(frontEnd, Identity.Features);
        }
        catch (TransportException e) when (e.Fault == TransportFault.Refused)
        {
            refusal = e.Message;
        }
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
