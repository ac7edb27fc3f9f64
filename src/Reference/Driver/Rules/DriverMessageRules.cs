using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Message and record boundaries of seqpacket sockets (virtio 1.4 section 5.10.6.6).</summary>
public class DriverMessageRules
{
    /// <summary>Flags of one piece of a message: end of message, and of record where the application said so, on the last one only.</summary>
    internal virtual SeqpacketFlags FlagsOf(bool isLast, bool endsRecord) => !isLast
        ? SeqpacketFlags.None
        : endsRecord ? SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord : SeqpacketFlags.EndOfMessage;

    /// <summary>Whether a piece from the host is the last of its message.</summary>
    internal virtual bool EndsMessage(SeqpacketFlags flags) => flags.HasFlag(SeqpacketFlags.EndOfMessage);

    /// <summary>Whether the application learns with MSG_EOR that the message is the last of a record.</summary>
    internal virtual bool EndsRecord(SeqpacketFlags flags) => flags.HasFlag(SeqpacketFlags.EndOfRecord);

    /// <summary>Whether a message is longer than the host's whole buffer, and so could never be sent.</summary>
    internal virtual bool IsTooLong(uint length, SendWindow window) => length > window.PeerBufAlloc;
}
