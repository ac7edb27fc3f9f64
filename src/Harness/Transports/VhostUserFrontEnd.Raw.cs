using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vsockspec.Interop;

namespace Vsockspec.Transports;

/// <content>Raw control: any bytes, any descriptors, any flags; and the strict exchange that the typed requests are made of.</content>
public sealed partial class VhostUserFrontEnd
{
    /// <summary>Sends bytes as they are, in as few pieces as the socket allows; the descriptors go with the first byte.</summary>
    /// <exception cref="TransportException">The back end closed the connection or does not read.</exception>
    public void SendRaw(ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> descriptors = default) =>
        connection.Send(bytes, descriptors, Deadline.In(options.Deadline));

    /// <summary>Sends a message with any header, whose size need not be that of the payload.</summary>
    /// <exception cref="TransportException">The back end closed the connection or does not read.</exception>
    public void SendRaw(VhostUserHeader header, ReadOnlySpan<byte> payload = default, ReadOnlySpan<SafeFileHandle> descriptors = default) =>
        connection.Send(header, payload, descriptors, Deadline.In(options.Deadline));

    /// <summary>
    /// Takes the next message from the back end, whatever it is: nothing is checked and no acknowledgement that is still owed is accounted for. The
    /// caller disposes it.
    /// </summary>
    public ReceivedMessage TryReceive(TimeSpan timeout) => connection.Receive(Deadline.In(timeout));

    /// <summary>
    /// True when the back end has sent bytes that nobody asked for. Consumes nothing; an outstanding acknowledgement is not unsolicited.
    /// </summary>
    public bool HasUnsolicitedBytes() => owed.Count == 0 && connection.Stream.HasBytes();

    /// <summary>True when the back end closed the connection. Consumes nothing.</summary>
    public bool IsClosed()
    {
        Span<PollEntry> entry = [new PollEntry(WatchFd, PollEvents.PeerClosed)];
        return Poll.Wait(entry, 0) > 0;
    }

    /// <summary>
    /// Waits until the back end has closed the connection; false when it has not before the deadline. Bytes it sent are left unread.
    /// </summary>
    public bool WaitClosed(TimeSpan timeout)
    {
        Deadline deadline = Deadline.In(timeout);
        Span<PollEntry> entry = [new PollEntry(WatchFd, PollEvents.PeerClosed)];
        while (true)
        {
            int wait = deadline.PollTimeout;
            if (Poll.Wait(entry, wait) > 0)
            {
                return true;
            }

            if (wait == 0)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Waits until everything sent so far was processed: collects the acknowledgements, or, where there are none, asks for the features,
    /// which a back end answers in turn.
    /// </summary>
    /// <exception cref="TransportException">A request was refused, or the back end broke the protocol, closed or did not answer.</exception>
    public void Flush()
    {
        if (owed.Count > 0)
        {
            CollectAcknowledgements();
        }
        else if (unconfirmed)
        {
            GetFeatures();
        }
    }

    /// <summary>Sends a request that has no answer of its own; with REPLY_ACK its acknowledgement is collected now or later.</summary>
    private void Send(VhostUserRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<SafeFileHandle> descriptors = default)
    {
        bool acknowledge = options.AskForAcknowledgement && Has(VhostUserProtocolFeatures.ReplyAck);
        uint flags = VhostUserHeader.Version | (acknowledge ? VhostUserHeader.NeedReply : 0);
        SendRaw(new VhostUserHeader((uint)request, flags, (uint)payload.Length), payload, descriptors);
        if (!acknowledge)
        {
            unconfirmed = true;
            return;
        }

        owed.Enqueue(request);
        if (!options.Pipelined || owed.Count == MaxOwed)
        {
            CollectAcknowledgements();
        }
    }

    /// <summary>
    /// Sends a request and takes its answer. Requests with an answer of their own never carry need_reply: it changes nothing for them.
    /// </summary>
    private ReceivedMessage Ask(VhostUserRequest request, ReadOnlySpan<byte> payload = default)
    {
        CollectAcknowledgements();
        SendRaw(new VhostUserHeader((uint)request, VhostUserHeader.Version, (uint)payload.Length), payload);
        ReceivedMessage reply = TakeReply(request);
        unconfirmed = false;
        return reply;
    }

    private ulong AskNumber(VhostUserRequest request)
    {
        using ReceivedMessage reply = Ask(request);
        CheckReply(request, reply, sizeof(ulong));
        return MemoryMarshal.Read<ulong>(reply.Payload);
    }

    private void CollectAcknowledgements()
    {
        VhostUserRequest? refused = null;
        ulong reason = 0;
        while (owed.TryDequeue(out VhostUserRequest request))
        {
            using ReceivedMessage reply = TakeReply(request);
            CheckReply(request, reply, sizeof(ulong));
            ulong status = MemoryMarshal.Read<ulong>(reply.Payload);
            if (status != 0 && refused is null)
            {
                refused = request;
                reason = status;
            }
        }

        unconfirmed = false;
        if (refused is { } name)
        {
            throw new TransportException(TransportFault.Refused, $"the back end refused {VhostUserRequests.Name(name)} with status {reason}");
        }
    }

    private ReceivedMessage TakeReply(VhostUserRequest request)
    {
        ReceivedMessage reply = connection.Receive(Deadline.In(options.Deadline));
        if (reply.Outcome == ReceiveOutcome.Message)
        {
            return reply;
        }

        reply.Dispose();
        owed.Clear();
        string name = VhostUserRequests.Name(request);
        string seen = reply.Bytes.Length == 0 ? string.Empty : $" after {reply.Bytes.Length} bytes of it: {reply.Hex}";
        throw reply.Outcome switch
        {
            ReceiveOutcome.Closed => new TransportException(
                TransportFault.Closed, $"the back end closed the connection instead of answering {name}{seen}"),
            ReceiveOutcome.Timeout => new TransportException(
                TransportFault.Timeout, $"no answer to {name} within {options.Deadline.TotalMilliseconds:0} ms{seen}"),
            _ => Broken(request, reply, $"size {reply.Header.Size}, more than {VhostUserHeader.MaxPayload}"),
        };
    }

    /// <summary>Holds a reply against the rules for its header; <paramref name="size"/> is the legal payload size.</summary>
    private void CheckReply(VhostUserRequest request, ReceivedMessage reply, uint size, uint? otherSize = null, int descriptors = 0)
    {
        VhostUserHeader header = reply.Header;
        string? defect = null;
        if (header.Request != (uint)request)
        {
            defect = $"request {header.Request}, expected {(uint)request}";
        }
        else if (header.Flags != (VhostUserHeader.Version | VhostUserHeader.Reply))
        {
            defect = $"flags 0x{header.Flags:x}, expected 0x5";
        }
        else if (header.Size != size && header.Size != otherSize)
        {
            defect = $"size {header.Size}, expected {size}";
        }
        else if (reply.Descriptors.Count != descriptors)
        {
            defect = $"{reply.Descriptors.Count} descriptors, expected {descriptors}";
        }

        if (defect is not null)
        {
            reply.Dispose();
            owed.Clear();
            throw Broken(request, reply, defect);
        }
    }

    private static TransportException Broken(VhostUserRequest request, ReceivedMessage reply, string defect) =>
        new(TransportFault.Protocol, $"reply to {VhostUserRequests.Name(request)}: {defect}; received {reply.Hex}");
}
