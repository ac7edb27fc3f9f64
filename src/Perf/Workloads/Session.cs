using Vsockspec.Audit;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>One connection to the target with established flows, the raw driver's receive side given to the workload. Everything on the rings is audited.</summary>
internal sealed class Session : IPacketSink, IDisposable
{
    public const int LargestPacket = 64 * 1024;

    /// <summary>
    /// Bytes that host applications may have on the way, as much as the guest's usual window; of many all together, so that they stay in a cache. With the kernel's own 208 KiB a writer that slept is woken so late that its reader
    /// runs dry: it is woken when a quarter is left (net/unix/af_unix.c, unix_writable), which is read in less time than waking takes.
    /// </summary>
    public const int HostBuffer = (int)Setting.UsualWindow;
    private const uint HostPort = 0x5000_0000;

    /// <summary>Of 64 KiB each, for a ring of the usual size: so few that what the device wrote is still in a core's cache when the driver compares it.</summary>
    private const int UsualRxBuffers = 12;
    private readonly IHostPeer host;
    private readonly HostListener listener;
    private readonly Auditor auditor;
    private readonly Setting setting;
    private readonly Pattern pattern;
    private readonly List<Lane> lanes = [];

    /// <summary>Opens the device and connects as many flows as the setting says.</summary>
    /// <param name="packetMemory">Bytes of guest memory that the workload needs for packets that it posts in place.</param>
    public Session(Bench bench, Setting setting, Pattern pattern, uint packetMemory = 0)
    {
        this.setting = setting;
        this.pattern = pattern;
        Timeline timeline = new(bench.Patience);
        host = bench.Target.OpenHost(timeline);
        try
        {
            IVsockDevice device = bench.Target.OpenDevice(timeline.Patience);
            SessionOptions options = new()
            {
                Features = VirtioFeatures.Version1 | (setting.Wants & device.OfferedFeatures),
                QueueSize = setting.Queue,
                RxBufferSize = VsockHeader.Size + LargestPacket,
                RxBuffers = Math.Max(1, UsualRxBuffers * setting.Queue / Setting.UsualQueue),
                ExtraMemory = packetMemory,
                KickFd = !setting.Polling,
                CallFd = !setting.Polling,
            };
            auditor = new Auditor(bench.Target.GuestCid, options.Features, expectedChains: setting.Queue);
            Driver = new RawDriver(device, timeline, options, auditor, bench.Target.GuestCid, seed: 1);
            listener = host.Listen(HostPort, setting.Socket);
            for (int i = 0; i < setting.Flows; i++)
            {
                _ = Connect();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public RawDriver Driver { get; } = null!;

    /// <summary>The host application that the flows are connected to.</summary>
    public HostListener Listener => listener;

    /// <summary>The flows, in the order of their guest ports.</summary>
    public IReadOnlyList<Lane> Lanes => lanes;

    /// <summary>Null, or what broke a rule or did not match.</summary>
    public string? Defect { get; private set; }

    /// <summary>Payload bytes that came from the device, over all flows.</summary>
    public long Received { get; private set; }

    public long CreditUpdatesReceived { get; private set; }

    public long CreditUpdatesSent { get; private set; }

    /// <summary>Packets posted since the flows stand.</summary>
    public long PacketsPosted { get; set; }

    /// <summary>Connects one more flow. Meanwhile the driver takes what comes: nothing else may be on its way.</summary>
    public Lane Connect()
    {
        Driver.Sink = Driver;
        Flow flow = Driver.NewFlow(HostPort, setting.Socket);
        flow.BufAlloc = setting.Window;
        Packet response = flow.Connect();
        Lane lane = new(lanes.Count, flow, listener.Accept(), pattern, setting.Window, response.Header);
        lanes.Add(lane);
        lane.Connection.RequestSendBuffer(Math.Max(LargestPacket, HostBuffer / Math.Max(1, setting.Flows)));
        Driver.Sink = this;
        return lane;
    }

    void IPacketSink.Received(in VsockHeader header, ReadOnlySpan<byte> payload, uint usedLength)
    {
        // The driver gives guest ports out one by one.
        uint index = lanes.Count == 0 ? 0 : header.DstPort - lanes[0].Flow.Id.GuestPort;
        if (index >= lanes.Count)
        {
            Defect ??= $"a packet of no flow: {header}";
            return;
        }

        Defect ??= lanes[(int)index].Take(header, payload);
        CreditUpdatesReceived += header.Op == Op.CreditUpdate ? 1 : 0;
        Received += header.Op == Op.Rw ? payload.Length : 0;
    }

    void IPacketSink.ReceivedShort(ReadOnlySpan<byte> bytes) => Defect ??= "a packet shorter than a header";

    /// <summary>Tells the device of room, flow by flow, before it stalls.</summary>
    public void TellCredit()
    {
        foreach (Lane lane in lanes)
        {
            if (lane.OwesCredit && Driver.Tx.TrySend(lane.Flow.Header(Op.CreditUpdate), [], out _))
            {
                lane.Told();
                CreditUpdatesSent++;
                PacketsPosted++;
                Driver.Tx.Flush();
            }
        }
    }

    /// <summary>Throws when the session is of no use as a measurement.</summary>
    public void Check()
    {
        string? violation = auditor.Findings.FirstOrDefault(f => f.Severity == FindingSeverity.Violation) is { } f ? $"{f.Requirement}: {f.Detail}" : null;
        if ((Defect ?? violation) is { } defect)
        {
            throw new PerfException(defect);
        }
    }

    /// <summary>Throws what a packet had wrong; <see cref="Check"/> also asks the auditor.</summary>
    public void ThrowIfDefect()
    {
        if (Defect is { } defect)
        {
            throw new PerfException(defect);
        }
    }

    public void Dispose()
    {
        Driver?.Dispose();
        host.Dispose();
    }
}
