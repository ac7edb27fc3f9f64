using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <summary>
/// The front end of a vhost-user connection (QEMU docs/interop/vhost-user.rst): hands queues and memory to a back end. A fresh
/// one has only connected; <see cref="Negotiate"/> does the usual opening, cases may do it in their own order. One thread.
/// </summary>
public sealed partial class VhostUserFrontEnd : IVsockDevice
{
    /// <summary>So many small acknowledgements fit into any socket buffer, so neither side can block the other.</summary>
    private const int MaxOwed = 64;

    private readonly VhostUserConnection connection;
    private readonly VhostUserFrontEndOptions options;
    private readonly Queue<VhostUserRequest> owed = [];
    private readonly Dictionary<int, QueueSetup> queues = [];
    private VirtioFeatures? offered;
    private GuestMemory? memory;
    private bool unconfirmed;
    private bool driverOk;

    /// <summary>Takes over a connected socket.</summary>
    public VhostUserFrontEnd(UnixStream stream, VhostUserFrontEndOptions? options = null)
    {
        connection = new VhostUserConnection(stream);
        this.options = options ?? new VhostUserFrontEndOptions();
    }

    public string Transport => "vhost-user";

    /// <summary>Asks for them when nobody has yet.</summary>
    public VirtioFeatures OfferedFeatures => offered ?? GetFeatures();

    /// <summary>The features of the last SET_FEATURES.</summary>
    public VirtioFeatures AcceptedFeatures { get; private set; }

    /// <summary>The protocol features that the back end offered when <see cref="Negotiate"/> asked.</summary>
    public VhostUserProtocolFeatures OfferedProtocolFeatures { get; private set; }

    /// <summary>The protocol features of the last SET_PROTOCOL_FEATURES.</summary>
    public VhostUserProtocolFeatures ProtocolFeatures { get; private set; }

    /// <summary>Number of queues that the back end named to <see cref="Negotiate"/>; null without MQ.</summary>
    public ulong? QueueCount { get; private set; }

    public bool HasConfigSpace => Has(VhostUserProtocolFeatures.Config);

    /// <summary>
    /// QEMU keeps the event queue to itself, so back ends exist that serve two queues only. GET_QUEUE_NUM tells, where there is MQ;
    /// otherwise two are assumed.
    /// </summary>
    public bool HasEventQueue => QueueCount > VsockQueue.Event;

    public bool StopsQueuesAlone => true;

    public int WatchFd => connection.Stream.Fd;

    /// <summary>The channel of the back end's own requests, after <see cref="OpenBackEndChannel"/>.</summary>
    public BackEndChannel? BackEndChannel { get; private set; }

    /// <summary>Connects; sends nothing.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Unreachable"/>.</exception>
    public static VhostUserFrontEnd Connect(string path, VhostUserFrontEndOptions? options = null)
    {
        options ??= new VhostUserFrontEndOptions();
        try
        {
            return new VhostUserFrontEnd(UnixStream.Connect(path, options.Deadline), options);
        }
        catch (Exception e) when (e is ErrnoException or ArgumentException)
        {
            throw new TransportException(TransportFault.Unreachable, $"cannot connect to the vhost-user socket {path}: {e.Message}", e);
        }
    }

    /// <summary>True when the protocol feature was negotiated.</summary>
    public bool Has(VhostUserProtocolFeatures feature) => ProtocolFeatures.HasFlag(feature);

    /// <summary>
    /// The usual opening: SET_OWNER, GET_FEATURES and, where bit 30 is offered, the protocol features: those of
    /// <paramref name="wanted"/> (by default of the options) that are offered.
    /// </summary>
    public void Negotiate(VhostUserProtocolFeatures? wanted = null)
    {
        SetOwner();
        if (!GetFeatures().HasFlag(VirtioFeatures.VhostUserProtocolFeatures))
        {
            return;
        }

        OfferedProtocolFeatures = GetProtocolFeatures();
        SetProtocolFeatures(OfferedProtocolFeatures & (wanted ?? options.Wanted));
        if (Has(VhostUserProtocolFeatures.Mq))
        {
            QueueCount = GetQueueNum();
        }
    }

    public byte[]? ReadConfig(uint offset, uint length) => GetConfig(offset, length);

    /// <summary>
    /// Accepts features. Bit 30 is added where it is offered and protocol features were negotiated, as QEMU does; with STATUS the status
    /// goes through ACKNOWLEDGE, DRIVER and FEATURES_OK (virtio 1.4 section 3.1.1).
    /// </summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Refused"/>: the device cleared FEATURES_OK.</exception>
    public void AcceptFeatures(VirtioFeatures features)
    {
        if (ProtocolFeatures != VhostUserProtocolFeatures.None)
        {
            features |= OfferedFeatures & VirtioFeatures.VhostUserProtocolFeatures;
        }

        driverOk = false;
        if (!Has(VhostUserProtocolFeatures.Status))
        {
            SetFeatures(features);
            return;
        }

        const DeviceStatus Known = DeviceStatus.Acknowledge | DeviceStatus.Driver;
        SetStatus(Known);
        SetFeatures(features);
        SetStatus(Known | DeviceStatus.FeaturesOk);
        DeviceStatus status = GetStatus();
        if (!status.HasFlag(DeviceStatus.FeaturesOk))
        {
            throw new TransportException(
                TransportFault.Refused, $"the device cleared FEATURES_OK: status {status} after features 0x{(ulong)features:x}");
        }
    }

    /// <summary>
    /// Shares memory as one table; more than eight regions one by one, for which CONFIGURE_MEM_SLOTS is needed. Where memory was shared before, a
    /// table of the first eight takes its place.
    /// </summary>
    public void ShareMemory(GuestMemory memory)
    {
        bool replaces = this.memory is not null;
        this.memory = memory;
        if (memory.Regions.Count <= VhostUserRegion.MaxInTable)
        {
            SetMemTable(memory);
            return;
        }

        int inTable = 0;
        if (replaces)
        {
            inTable = VhostUserRegion.MaxInTable;
            SetMemTable(memory.Regions.Take(inTable));
        }

        foreach (MemoryRegion region in memory.Regions.Skip(inTable))
        {
            AddMemRegion(region);
        }
    }

    /// <summary>Sends size, base, addresses and the call and error descriptors. The kick descriptor follows with <see cref="StartQueue"/>.</summary>
    public void SetUpQueue(QueueSetup queue)
    {
        if (memory is null)
        {
            throw new InvalidOperationException("share memory before setting up queues");
        }

        uint index = (uint)queue.Index;
        SetVringNum(index, queue.Ring.Size);
        SetVringBase(index, queue.Base);
        SetVringAddr(AddressOf(index, queue.Ring, memory));
        if (!InBand || queue.Call is not null)
        {
            SetVringCall((byte)index, queue.Call);
        }

        if (queue.Error is not null)
        {
            SetVringErr((byte)index, queue.Error);
        }

        queues[queue.Index] = queue;
    }

    /// <summary>
    /// Hands over the kick descriptor and, with bit 30, enables the ring; returns when the back end has acknowledged everything sent so
    /// far. The first start sets DRIVER_OK where there is STATUS.
    /// </summary>
    public void StartQueue(int index)
    {
        if (!queues.TryGetValue(index, out QueueSetup? queue))
        {
            throw new InvalidOperationException($"{VsockQueue.Name(index)} was not set up");
        }

        if (!InBand || queue.Kick is not null)
        {
            SetVringKick((byte)index, queue.Kick);
        }

        if (AcceptedFeatures.HasFlag(VirtioFeatures.VhostUserProtocolFeatures))
        {
            SetVringEnable((uint)index, true);
        }

        if (Has(VhostUserProtocolFeatures.Status) && !driverOk)
        {
            SetStatus(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk | DeviceStatus.DriverOk);
            driverOk = true;
        }

        if (options.KickOnStart)
        {
            if (queue.Kick is not null)
            {
                queue.Kick.Signal();
            }
            else if (InBand)
            {
                VringKick((uint)index);
            }
        }

        Flush();
    }

    public uint StopQueue(int index) => GetVringBase((uint)index);

    /// <summary>
    /// Asks on the control connection. A back end may look at its rings only after it has answered, and may be held up between the answer and that look just
    /// long enough to find the next question waiting: so there are several, each sent when the one before is answered.
    /// </summary>
    public void Settle()
    {
        const int Questions = 4;
        Flush();
        for (int i = 0; i < Questions; i++)
        {
            _ = GetFeatures();
        }
    }

    public void Dispose()
    {
        connection.Dispose();
        BackEndChannel?.Dispose();
    }

    /// <summary>The addresses of a ring as the back end wants them: the front end's own.</summary>
    public static VringAddress AddressOf(uint index, RingSetup ring, GuestMemory memory) => new(
        index,
        Flags: 0,
        memory.ToUserAddress(ring.DescriptorArea),
        memory.ToUserAddress(ring.DeviceArea),
        memory.ToUserAddress(ring.DriverArea),
        Log: 0);

    private bool InBand => Has(VhostUserProtocolFeatures.InbandNotifications);
}
