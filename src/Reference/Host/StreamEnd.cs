using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>The host end of a stream flow: a SOCK_STREAM socket; bytes in order, no boundaries.</summary>
internal sealed class StreamEnd : HostEnd
{
    private readonly Gather gather;
    private readonly IoVectors pieces;

    public StreamEnd(ScatterSocket socket, RingStorage storage, Gather gather, IoVectors pieces)
        : base(socket, storage)
    {
        this.gather = gather;
        this.pieces = pieces;

        // Room for all that a guest may send at once: what the kernel takes need not be copied and kept here.
        socket.RequestSendBuffer(storage.Bytes);
    }

    public override bool IsDrained => Kept.Count == 0;

    public override WriteState Write(Connection flow, in ChainBytes packet, uint length, SeqpacketFlags flags)
    {
        if (length > Kept.Room - gather.BytesOf(flow))
        {
            return WriteState.Overflow;
        }

        uint done = 0;
        while (done < length && Kept.Count == 0)
        {
            done += gather.Add(flow, packet, VsockHeader.Size + done, length - done);
            if (done < length)
            {
                gather.Flush();
                if (flow.Host is null || flow.HostRefused)
                {
                    return WriteState.Refused;
                }
            }
        }

        if (done < length)
        {
            packet.CopyTo(Kept, VsockHeader.Size + done, length - done);
        }

        return IsDrained ? WriteState.Drained : WriteState.Waiting;
    }

    /// <summary>Sends collected pieces and keeps what the socket does not take. The window guarantees that there is room for it.</summary>
    public WriteState WriteGathered(IoVectors collected)
    {
        ScatterResult sent = Socket.Send(collected);
        if (sent.Errno != 0 && !sent.WouldBlock)
        {
            return WriteState.Refused;
        }

        Forwarded += (uint)sent.Count;
        int skip = sent.Count;
        for (int i = 0; i < collected.Count; i++)
        {
            Span<byte> piece = collected[i];
            if (skip >= piece.Length)
            {
                skip -= piece.Length;
                continue;
            }

            Kept.Append(piece[skip..]);
            skip = 0;
        }

        return IsDrained ? WriteState.Drained : WriteState.Waiting;
    }

    public override WriteState Flush()
    {
        while (Kept.Count > 0)
        {
            pieces.Clear();
            Kept.Gather(pieces, Kept.Count);
            ScatterResult sent = Socket.Send(pieces);
            if (sent.Errno != 0)
            {
                if (sent.WouldBlock)
                {
                    return WriteState.Waiting;
                }

                Kept.Release();
                return WriteState.Refused;
            }

            Forwarded += (uint)sent.Count;
            Kept.Discard(sent.Count);
        }

        Kept.Release();
        return WriteState.Drained;
    }

    public override ReadResult Read(in ChainBytes chain, uint limit)
    {
        pieces.Clear();
        chain.AddTo(pieces, VsockHeader.Size, limit);
        ScatterResult received = Socket.Receive(pieces);
        return received switch
        {
            { WouldBlock: true } => new ReadResult(ReadState.Nothing),
            { Errno: not 0 } => new ReadResult(ReadState.Broken),
            { Count: 0 } => new ReadResult(ReadState.Ended),
            _ => new ReadResult(ReadState.Data, (uint)received.Count),
        };
    }
}
