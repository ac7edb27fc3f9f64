using System.Runtime.InteropServices;
using Vsockspec.Interop;

namespace Vsockspec.Transports;

/// <summary>A request of the back end.</summary>
/// <param name="Ring">The ring of VRING_CALL and VRING_ERR; null for others.</param>
/// <param name="NeedsReply">It waits for an answer: <see cref="BackEndChannel.Reply"/>.</param>
public readonly record struct BackEndNotice(VhostUserBackEndRequest Request, uint? Ring, bool NeedsReply);

/// <summary>The front end's end of the channel on which the back end sends requests of its own. One thread.</summary>
public sealed class BackEndChannel : IDisposable
{
    private readonly VhostUserConnection connection;

    internal BackEndChannel(UnixStream stream) => connection = new VhostUserConnection(stream);

    /// <summary>Readable when a request waits or the back end closed the channel.</summary>
    public int Fd => connection.Stream.Fd;

    /// <summary>Takes the next request as it came, unchecked. The caller disposes it.</summary>
    public ReceivedMessage TryReceiveRaw(TimeSpan timeout) => connection.Receive(Deadline.In(timeout));

    /// <summary>Takes the next request; null when none came before the deadline or the back end closed the channel.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Protocol"/>: the message is none that a back end may send.</exception>
    public BackEndNotice? TryReceive(TimeSpan timeout)
    {
        using ReceivedMessage message = TryReceiveRaw(timeout);
        if (message.Outcome is ReceiveOutcome.Timeout or ReceiveOutcome.Closed && message.Bytes.Length == 0)
        {
            return null;
        }

        VhostUserHeader header = message.Header;
        VhostUserBackEndRequest request = (VhostUserBackEndRequest)header.Request;
        bool aboutRing = request is VhostUserBackEndRequest.VringCall or VhostUserBackEndRequest.VringErr;
        uint expected = aboutRing ? VringState.Size : 0u;
        if (message.Outcome != ReceiveOutcome.Message ||
            (header.Flags & ~VhostUserHeader.NeedReply) != VhostUserHeader.Version ||
            (!aboutRing && request != VhostUserBackEndRequest.ConfigChangeMsg) ||
            header.Size != expected ||
            message.Descriptors.Count != 0)
        {
            throw new TransportException(
                TransportFault.Protocol,
                $"request of the back end: {message.Outcome}, request {header.Request}, flags 0x{header.Flags:x}, size {header.Size}, " +
                $"{message.Descriptors.Count} descriptors; received {message.Hex}");
        }

        return new BackEndNotice(request, aboutRing ? VringState.Read(message.Payload).Index : null, (header.Flags & VhostUserHeader.NeedReply) != 0);
    }

    /// <summary>Answers a request; 0 is success.</summary>
    /// <exception cref="TransportException">The back end closed the channel.</exception>
    public void Reply(VhostUserBackEndRequest request, ulong status = 0)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(payload, status);
        VhostUserHeader header = new((uint)request, VhostUserHeader.Version | VhostUserHeader.Reply, sizeof(ulong));
        connection.Send(header, payload, default, Deadline.In(TimeSpan.FromSeconds(1)));
    }

    public void Dispose() => connection.Dispose();
}
