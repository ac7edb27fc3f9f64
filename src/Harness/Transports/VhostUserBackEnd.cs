using System.Runtime.InteropServices;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <summary>
/// The back end's side of one vhost-user connection (QEMU docs/interop/vhost-user.rst): decodes and checks what the front end says, owns
/// its memory, rings and descriptors, and tells an <see cref="IBackEndHandler"/> which queues to process. Everything the
/// front end sends is untrusted.
/// </summary>
/// <remarks>
/// A request that cannot be served is refused: acknowledged with a failure where the front end asked for an acknowledgement, otherwise the
/// connection is closed, because the front end has no other way to learn of it and may be waiting for an answer. That holds for unknown
/// requests too. RESET_OWNER is ignored, as the document recommends. One thread; nothing blocks.
/// </remarks>
public sealed partial class VhostUserBackEnd : IDisposable
{
    private const ulong SocketTag = ulong.MaxValue;
    private const ulong NoticesTag = ulong.MaxValue - 1;
    private const ulong NoRingTag = ulong.MaxValue - 2;

    /// <summary>So many messages in one call, so that a front end that never stops talking cannot keep the event loop.</summary>
    private const int MessagesPerCall = 256;

    private readonly VhostUserConnection connection;
    private readonly IBackEndHandler handler;
    private readonly Func<GuestMemory, RingSetup, uint, DeviceRing> createRing;
    private readonly BackEndRules rules;
    private readonly Action<string>? log;
    private readonly Epoll watch = new();
    private readonly BackEndRing[] rings;
    private readonly BackEndNotices notices;
    private VirtioFeatures accepted;
    private bool featuresSet;
    private DeviceStatus status;

    /// <summary>Takes over an accepted connection.</summary>
    /// <param name="createRing">Makes the device's side of a ring on given memory, at a given base.</param>
    /// <param name="rules">What may be decided otherwise; default: as the protocol says.</param>
    /// <param name="log">Hears, one line each, why requests were refused or the connection was closed.</param>
    public VhostUserBackEnd(
        UnixStream stream,
        IBackEndHandler handler,
        Func<GuestMemory, RingSetup, uint, DeviceRing> createRing,
        BackEndRules? rules = null,
        Action<string>? log = null)
    {
        connection = new VhostUserConnection(stream);
        this.handler = handler;
        this.createRing = createRing;
        this.rules = rules ?? new BackEndRules();
        this.log = log;
        rings = [.. Enumerable.Range(0, handler.QueueCount).Select(index => new BackEndRing(index) { Enabled = !this.rules.StartsDisabled })];
        notices = new BackEndNotices(watch, NoticesTag);
        watch.Add(stream.Fd, EpollEvents.Readable, SocketTag);
    }

    /// <summary>
    /// Readable when <see cref="ProcessMessages"/> has something to do: a message, the front end's end, or the first kick of a ring. An epoll
    /// descriptor; it can be put into another epoll set.
    /// </summary>
    public int WatchFd => watch.Fd;

    /// <summary>The front end went away or was sent away; all its descriptors and memory are released.</summary>
    public bool IsClosed { get; private set; }

    public VhostUserProtocolFeatures ProtocolFeatures { get; private set; }

    /// <summary>The device status, where the front end negotiated STATUS.</summary>
    public DeviceStatus Status => status;

    /// <summary>
    /// Serves what the front end has sent so far; returns at once when there is nothing. A message may arrive in pieces over several calls.
    /// </summary>
    public void ProcessMessages()
    {
        for (int i = 0; i < MessagesPerCall && !IsClosed; i++)
        {
            using ReceivedMessage message = connection.Receive(Deadline.In(TimeSpan.Zero));
            if (message.Outcome == ReceiveOutcome.Timeout)
            {
                TellEarlyKicks();
                break;
            }

            Process(message);
        }

        if (!IsClosed)
        {
            StartKickedRings();
            SendNoticesUnlessSuspended();
        }
    }

    /// <summary>
    /// Tells the front end that configuration space changed, where it gave us a channel. While all rings are stopped nothing may be sent; the
    /// notice follows when one starts.
    /// </summary>
    public void NotifyConfigChanged()
    {
        if (Has(VhostUserProtocolFeatures.Config))
        {
            notices.ConfigChanged();
            SendNoticesUnlessSuspended();
        }
    }

    /// <summary>The queue cannot be followed any more: signals its error descriptor and, with STATUS, sets DEVICE_NEEDS_RESET.</summary>
    public void ReportBrokenQueue(BackEndQueue queue)
    {
        if (status.HasFlag(DeviceStatus.DriverOk) && rules.AsksForReset)
        {
            status |= DeviceStatus.NeedsReset;
        }

        if (rules.SignalsErrors)
        {
            queue.SignalError();
        }
    }

    public void Dispose() => Close(null);

    internal void SignalUsed(int index)
    {
        if (Has(VhostUserProtocolFeatures.InbandNotifications))
        {
            notices.RingUsed(index);
            notices.Send();
        }
    }

    internal void SignalError(int index)
    {
        if (Has(VhostUserProtocolFeatures.InbandNotifications))
        {
            notices.RingBroken(index);
            notices.Send();
        }
    }

    private bool Has(VhostUserProtocolFeatures feature) => ProtocolFeatures.HasFlag(feature);

    private void Process(ReceivedMessage message)
    {
        VhostUserHeader header = message.Header;
        switch (message.Outcome)
        {
            case ReceiveOutcome.Closed:
                Close(message.Bytes.Length == 0 ? null : $"the front end closed the connection inside a message: {message.Hex}");
                return;
            case ReceiveOutcome.TooLong:
                Close($"{header.Name}: size {header.Size} is more than {VhostUserHeader.MaxPayload}");
                return;
        }

        if ((header.Flags & (VhostUserHeader.VersionMask | VhostUserHeader.Reply)) != VhostUserHeader.Version)
        {
            Close($"{header.Name}: flags 0x{header.Flags:x} are not those of a request of version 1");
            return;
        }

        if (!rules.Serves((VhostUserRequest)header.Request))
        {
            return;
        }

        bool acknowledgeable = Has(VhostUserProtocolFeatures.ReplyAck);
        Answer answer = Serve(message);
        acknowledgeable |= Has(VhostUserProtocolFeatures.ReplyAck);
        if (answer.Refusal is not null)
        {
            log?.Invoke($"{header.Name}: {answer.Refusal}");
        }

        if (answer.Fatal)
        {
            Close(null);
        }
        else if (answer.Payload is not null)
        {
            Reply(header, answer.Payload);
        }
        else if (rules.Acknowledges(header, acknowledgeable))
        {
            byte[] payload = new byte[sizeof(ulong)];
            MemoryMarshal.Write(payload, rules.Status((VhostUserRequest)header.Request, answer.Refusal is null));
            Reply(header, payload);
        }
        else if (answer.Refusal is not null)
        {
            Close(null);
        }
    }

    private void Reply(VhostUserHeader request, byte[] payload)
    {
        try
        {
            connection.Send(rules.ReplyHeader(request, (uint)payload.Length), payload, default, Deadline.In(TimeSpan.Zero));
        }
        catch (TransportException e)
        {
            Close(e.Fault == TransportFault.Timeout ? "the front end does not read its replies" : null);
        }
    }

    private void Close(string? reason)
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        if (reason is not null)
        {
            log?.Invoke(reason);
        }

        StopAllQueues();
        handler.Reset();
        foreach (BackEndRing ring in rings)
        {
            ring.Reset(enabled: false);
        }

        foreach (MemoryRegion region in regions)
        {
            region.Dispose();
        }

        regions.Clear();
        ForgetLog();
        notices.Dispose();
        watch.Dispose();
        connection.Dispose();
    }

    /// <summary>What serving a request came to.</summary>
    /// <param name="Payload">The answer of a request that has one of its own.</param>
    /// <param name="Refusal">Why the request failed.</param>
    /// <param name="Fatal">The connection cannot go on, whatever the flags ask for.</param>
    private readonly record struct Answer(byte[]? Payload, string? Refusal, bool Fatal = false)
    {
        public static Answer Done => default;

        public static Answer Of(ulong value)
        {
            byte[] payload = new byte[sizeof(ulong)];
            MemoryMarshal.Write(payload, value);
            return new Answer(payload, null);
        }

        public static Answer Refuse(string reason) => new(null, reason);

        /// <summary>For requests whose answer has no way to say no, and for errors that the protocol answers with an end.</summary>
        public static Answer Abort(string reason) => new(null, reason, Fatal: true);

        public static Answer DoneUnless(string? defect) => new(null, defect);
    }
}
