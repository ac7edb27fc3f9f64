using Tmds.Linux;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>
/// The host end of a seqpacket flow: a SOCK_SEQPACKET socket; one message there is one message here. Unix sockets do not carry
/// record ends (MSG_EOR): towards the host the flag is set and the kernel drops it, and a message from the host never ends a record.
/// </summary>
internal sealed class SeqpacketEnd : HostEnd
{
    /// <summary>Empty messages use no credit, so only so many are kept for a host application that does not read.</summary>
    public const int MaxEmptyMessages = 1024;

    private readonly RingStorage storage;
    private readonly IoVectors pieces;
    private readonly Queue<Message> complete = new();
    private int incomplete;
    private int emptyMessages;

    // The part of a message from the host that did not fit into the last packet.
    private byte[]? unsent;
    private int unsentStart;
    private int unsentEnd;

    public SeqpacketEnd(ScatterSocket socket, RingStorage storage, IoVectors pieces)
        : base(socket, storage)
    {
        this.storage = storage;
        this.pieces = pieces;
        socket.RequestSendBuffer(storage.Bytes);
        socket.MarkMessages();
    }

    public override bool IsDrained => complete.Count == 0;

    public override bool HasPartialMessage => incomplete > 0;

    public override bool HasUnsent => unsent is not null;

    public override WriteState Write(Connection flow, in ChainBytes packet, uint length, SeqpacketFlags flags)
    {
        bool ends = (flags & SeqpacketFlags.EndOfMessage) != 0;
        bool endsRecord = ends && (flags & SeqpacketFlags.EndOfRecord) != 0;
        if (ends && incomplete == 0 && complete.Count == 0 && TrySendWhole(packet, length, endsRecord, out WriteState state))
        {
            return state;
        }

        if (length > Kept.Room)
        {
            return WriteState.Overflow;
        }

        packet.CopyTo(Kept, VsockHeader.Size, length);
        incomplete += (int)length;
        if (!ends)
        {
            return IsDrained ? WriteState.Drained : WriteState.Waiting;
        }

        complete.Enqueue(new Message(incomplete, endsRecord));
        if (incomplete == 0 && ++emptyMessages > MaxEmptyMessages)
        {
            return WriteState.Overflow;
        }

        incomplete = 0;
        return complete.Count == 1 ? Flush() : WriteState.Waiting;
    }

    public override WriteState Flush()
    {
        while (complete.TryPeek(out Message message))
        {
            pieces.Clear();
            Kept.Gather(pieces, message.Length);
            ScatterResult sent = Socket.Send(pieces, message.EndsRecord);
            if (sent.Errno != 0)
            {
                return StateOf(sent);
            }

            Forwarded += (uint)message.Length;
            Kept.Discard(message.Length);
            complete.Dequeue();
            if (message.Length == 0)
            {
                emptyMessages--;
            }
        }

        if (Kept.Count == 0)
        {
            Kept.Release();
        }

        return WriteState.Drained;
    }

    public override ReadResult Read(in ChainBytes chain, uint limit)
    {
        if (unsent is not null)
        {
            return ReadUnsent(chain, limit);
        }

        byte[] rest = storage.Rent();
        pieces.Clear();
        uint direct = chain.AddTo(pieces, VsockHeader.Size, limit);
        if (!pieces.TryAdd(rest))
        {
            // So many descriptors that no list holds them and the rest: all of the message goes the slow way.
            pieces.Clear();
            pieces.TryAdd(rest);
            direct = 0;
        }

        ScatterResult received = Socket.Receive(pieces);
        if (received.Errno == 0 && received.IsMessage && !received.Truncated && (received.Count > direct || direct == 0))
        {
            unsent = rest;
            unsentStart = 0;
            unsentEnd = received.Count - (int)direct;
            return direct == 0 ? ReadUnsent(chain, limit) : new ReadResult(ReadState.Data, direct);
        }

        storage.Return(rest);
        return received switch
        {
            { WouldBlock: true } => new ReadResult(ReadState.Nothing),
            { Errno: not 0 } or { Truncated: true } => new ReadResult(ReadState.Broken),
            { IsMessage: false } => new ReadResult(ReadState.Ended),
            _ => new ReadResult(ReadState.Data, (uint)received.Count, SeqpacketFlags.EndOfMessage),
        };
    }

    public override void Dispose()
    {
        DropUnsent();
        base.Dispose();
    }

    private bool TrySendWhole(in ChainBytes packet, uint length, bool endsRecord, out WriteState state)
    {
        pieces.Clear();
        if (packet.AddTo(pieces, VsockHeader.Size, length) < length)
        {
            state = WriteState.Waiting;
            return false;
        }

        ScatterResult sent = Socket.Send(pieces, endsRecord);
        if (sent.WouldBlock)
        {
            state = WriteState.Waiting;
            return false;
        }

        state = StateOf(sent);
        if (sent.Errno == 0)
        {
            Forwarded += length;
        }

        return true;
    }

    private ReadResult ReadUnsent(in ChainBytes chain, uint limit)
    {
        int count = (int)Math.Min(limit, (uint)(unsentEnd - unsentStart));
        chain.CopyFrom(unsent.AsSpan(unsentStart, count), VsockHeader.Size);
        unsentStart += count;
        if (unsentStart < unsentEnd)
        {
            return new ReadResult(ReadState.Data, (uint)count);
        }

        DropUnsent();
        return new ReadResult(ReadState.Data, (uint)count, SeqpacketFlags.EndOfMessage);
    }

    private void DropUnsent()
    {
        if (unsent is not null)
        {
            storage.Return(unsent);
            unsent = null;
        }
    }

    // A message that is too long for the socket's buffer can never be sent.
    private static WriteState StateOf(in ScatterResult sent) =>
        sent.Errno == 0 ? WriteState.Drained
        : sent.WouldBlock ? WriteState.Waiting
        : sent.Errno == LibC.EMSGSIZE ? WriteState.Overflow
        : WriteState.Refused;

    private readonly record struct Message(int Length, bool EndsRecord);
}
