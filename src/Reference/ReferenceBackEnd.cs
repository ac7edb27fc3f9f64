using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>What the vhost-user session tells becomes the state of queues and flows here.</summary>
internal sealed class ReferenceBackEnd : IBackEndHandler, IDisposable
{
    private readonly byte[] config;
    private readonly DeviceParts parts;
    private readonly ReferenceOptions options;
    private readonly Flows flows;
    private readonly TransmitQueue transmit;
    private readonly ReceiveQueue receive;
    private readonly HostListener streams;
    private readonly HostListener? seqpackets;
    private readonly PollPace pace = new();

    /// <exception cref="ErrnoException">A path of the host side is taken or cannot be used.</exception>
    public ReferenceBackEnd(ReferenceOptions options, DeviceParts parts, EventLoop loop, Timers timers)
    {
        this.options = options;
        this.parts = parts;
        config = parts.Features.Config(options.GuestCid);
        flows = new Flows(options, parts, loop, timers);
        transmit = new TransmitQueue(loop, ReportBroken, flows, parts);
        receive = new ReceiveQueue(loop, ReportBroken, flows, parts);
        streams = new HostListener(options, SocketType.Stream, loop, timers, flows);
        if (OfferedFeatures.HasFlag(VirtioFeatures.Seqpacket))
        {
            try
            {
                seqpackets = new HostListener(options, SocketType.Seqpacket, loop, timers, flows);
            }
            catch
            {
                streams.Dispose();
                throw;
            }
        }
    }

    public VirtioFeatures OfferedFeatures => parts.Features.Offered(options.WithheldFeatures);

    public int QueueCount => 3;

    public ReadOnlySpan<byte> Config => config;

    /// <summary>The session in progress, to which a broken ring is reported.</summary>
    public VhostUserBackEnd? Session { get; set; }

    /// <summary>Most milliseconds until <see cref="Process"/> must be called again although nothing happens: -1 for no limit.</summary>
    public int PollTimeout => transmit.IsPolled || (receive.IsPolled && !flows.HasNothingToSend) ? pace.Next(transmit.Taken + receive.Taken, Environment.TickCount64) : -1;

    /// <summary>One bounded turn of both queues; true when there is more to do at once.</summary>
    public bool Process()
    {
        if (transmit.IsPolled)
        {
            transmit.Wake();
        }

        if (receive.IsPolled)
        {
            receive.Wake();
        }

        bool more = transmit.Process();
        if (receive.IsPolled)
        {
            flows.ExpectAnswer();
        }

        more |= receive.Process();
        if (flows.CanReceive)
        {
            more |= transmit.ResumeAfterReplies();
        }

        return more;
    }

    public void FeaturesAccepted(VirtioFeatures accepted) => flows.Accepted = parts.Features.Accept(accepted) & VirtioFeatures.DeviceType;

    public void MemoryChanged(GuestMemory memory)
    {
        // The rings come with their memory.
    }

    public void QueueStarted(BackEndQueue queue) => Of(queue)?.Start(queue);

    public void QueueStopped(BackEndQueue queue) => Of(queue)?.Stop();

    public void QueueChanged(BackEndQueue queue) => Of(queue)?.Changed();

    public void Reset()
    {
        if (parts.Connections.EndsWithReset)
        {
            flows.DropAll();
        }

        flows.Accepted = VirtioFeatures.None;
    }

    public void Dispose()
    {
        flows.DropAll();
        streams.Dispose();
        seqpackets?.Dispose();
    }

    private void ReportBroken(BackEndQueue queue) => Session?.ReportBrokenQueue(queue);

    // The event queue is accepted and never used: the CID of this device does not change.
    private KickedQueue? Of(BackEndQueue queue) => queue.Index switch
    {
        VsockQueue.Tx => transmit,
        VsockQueue.Rx => receive,
        _ => null,
    };
}
