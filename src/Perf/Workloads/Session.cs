using Vsockspec.Audit;
using Vsockspec.Peers;
using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>One connection to the target with one established flow, the raw driver's receive side given to the workload.</summary>
internal sealed class Session : IPacketSink, IDisposable
{
    public const uint Window = 1 << 20;
    private const uint HostPort = 0x5000_0000;
    private readonly IHostPeer host;
    private readonly Auditor auditor;
    private uint peerBufAlloc;
    private uint peerFwdCnt;
    private uint txCnt;
    private uint toldFwdCnt;

    public Session(ITargetInstance target, VirtioFeatures extra)
    {
        Timeline timeline = new(TimeSpan.FromSeconds(10));
        host = target.OpenHost(timeline);
        IVsockDevice device = target.OpenDevice(timeline.Patience);
        SessionOptions options = new()
        {
            Features = VirtioFeatures.Version1 | ((VirtioFeatures.Stream | extra) & device.OfferedFeatures),
            QueueSize = 256,
            RxBufferSize = VsockHeader.Size + (64 * 1024),
            RxBuffers = 24,
        };
        auditor = new Auditor(target.GuestCid, options.Features);
        Driver = new RawDriver(device, timeline, options, auditor, target.GuestCid, seed: 1);
        HostListener listener = host.Listen(HostPort);
        Flow = Driver.NewFlow(HostPort);
        Flow.BufAlloc = Window;
        Packet response = Flow.Connect();
        Connection = listener.Accept();
        peerBufAlloc = response.Header.BufAlloc;
        Driver.Sink = this;
    }

    public RawDriver Driver { get; }

    public Flow Flow { get; }

    public HostConnection Connection { get; }

    /// <summary>Payload bytes that came from the device.</summary>
    public long Received { get; private set; }

    /// <summary>Null, or what broke a rule or did not match.</summary>
    public string? Defect { get; private set; }

    public long CreditUpdatesReceived { get; private set; }

    public long CreditUpdatesSent { get; private set; }

    /// <summary>Bytes that the device allows now.</summary>
    public uint Credit
    {
        get
        {
            uint inFlight = txCnt - peerFwdCnt;
            return inFlight >= peerBufAlloc ? 0 : peerBufAlloc - inFlight;
        }
    }

    /// <summary>Counts bytes that were posted.</summary>
    public void Sent(uint bytes) => txCnt += bytes;

    void IPacketSink.Received(in VsockHeader header, ReadOnlySpan<byte> payload, uint usedLength)
    {
        peerBufAlloc = header.BufAlloc;
        peerFwdCnt = header.FwdCnt;
        switch (header.Op)
        {
            case Op.Rw:
                TakeData(payload);
                break;
            case Op.CreditUpdate:
                CreditUpdatesReceived++;
                break;
            case Op.CreditRequest:
                toldFwdCnt = Flow.FwdCnt - Window;
                break;
            default:
                Defect ??= $"the device ended the flow: {header}";
                break;
        }
    }

    void IPacketSink.ReceivedShort(ReadOnlySpan<byte> bytes) => Defect ??= "a packet shorter than a header";

    private void TakeData(ReadOnlySpan<byte> payload)
    {
        if (!Pattern.Matches(Received, payload))
        {
            Defect ??= $"wrong bytes at position {Received}";
        }

        Received += payload.Length;
        Flow.FwdCnt += (uint)payload.Length;
    }

    /// <summary>Tells the device of room before it stalls.</summary>
    public void TellCredit()
    {
        if (Flow.FwdCnt - toldFwdCnt >= Window / 4 && Driver.Tx.TrySend(Flow.Header(Op.CreditUpdate), [], out _))
        {
            toldFwdCnt = Flow.FwdCnt;
            CreditUpdatesSent++;
            Driver.Tx.Flush();
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

    public void Dispose()
    {
        Driver.Dispose();
        host.Dispose();
    }
}
