using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>What applications get in one piece: messages and records of seqpacket sockets (virtio 1.4 section 5.10.6.6), and what a receive gives.</summary>
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

    /// <summary>Whether a receive takes what it gives out of the buffer: with MSG_PEEK it only looks.</summary>
    internal virtual bool Takes(bool peek) => !peek;

    /// <summary>Bytes of a stream that must be there before a receive comes back: with MSG_WAITALL all that it asks for.</summary>
    internal virtual int Needed(bool waitsForAll, int wanted, int lowWater) => waitsForAll ? wanted : Math.Min(lowWater, wanted);

    /// <summary>Whether a message is longer than the host's whole buffer, and so could never be sent.</summary>
    internal virtual bool IsTooLong(uint length, SendWindow window) => length > window.PeerBufAlloc;
}
