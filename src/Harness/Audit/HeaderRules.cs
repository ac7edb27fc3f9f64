using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>What one header must look like, whoever sent it and whatever came before.</summary>
internal sealed class HeaderRules(FindingLog log)
{
    private const uint KnownSeqpacketFlags = (uint)(SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord);

    /// <summary>Judges op, type and length. False when the packet means nothing to a flow.</summary>
    /// <param name="room">Bytes behind the header.</param>
    /// <param name="who">Whose packet it is, where that is not clear: <c>the host's </c>.</param>
    /// <param name="peerUsesAnyType">The other side sent types that are none, so an RST may repeat them (VS-RXTX-DEV-2 leaves its type open).</param>
    public bool Judge(in VsockHeader header, ulong room, string who, bool peerUsesAnyType, int packet)
    {
        bool sound = true;
        if (header.Op is < Op.Request or > Op.CreditRequest)
        {
            log.Violation("VS-X-10", packet, $"{who}op is {(ushort)header.Op}; only 1 to 7 are defined");
            sound = false;
        }

        if (header.Type is not (SocketType.Stream or SocketType.Seqpacket))
        {
            if (!(header.Op == Op.Rst && peerUsesAnyType))
            {
                log.Violation("VS-X-16", packet, $"{who}{Names.Of(header.Op)} has type {(ushort)header.Type}; only 1 and 2 are defined");
            }

            sound = false;
        }

        if (header.Len > room)
        {
            log.Violation("VS-X-11", packet, $"{who}{Names.Of(header.Op)} says len {header.Len}, but {room} bytes follow its header");
            sound = false;
        }

        if (sound)
        {
            Remark(header, packet);
        }

        return sound;
    }

    /// <summary>Judges the upper halves of the addresses; <c>true</c> exempts one that the other side used first.</summary>
    public void JudgeUpperHalves(in VsockHeader header, string who, bool srcIsEcho, bool dstIsEcho, int packet)
    {
        if (header.SrcCid > uint.MaxValue && !srcIsEcho)
        {
            log.Violation("VS-X-09", packet, $"{who}{Names.Of(header.Op)} has src_cid 0x{header.SrcCid:x}; the upper 32 bits must be zero");
        }

        if (header.DstCid > uint.MaxValue && !dstIsEcho)
        {
            log.Violation("VS-X-09", packet, $"{who}{Names.Of(header.Op)} has dst_cid 0x{header.DstCid:x}; the upper 32 bits must be zero");
        }
    }

    private void Remark(in VsockHeader header, int packet)
    {
        if (header.Op != Op.Rw && header.Len != 0 && log.IsNews("control-payload"))
        {
            log.Note("B-39", packet, $"{Names.Of(header.Op)} carries {header.Len} payload bytes");
        }

        switch (header.Op)
        {
            case Op.Shutdown when (header.Flags & ~(uint)ShutdownFlags.Both) != 0 && log.IsNews("shutdown-flags"):
                log.Note("B-45", packet, $"SHUTDOWN has flags 0x{header.Flags:x}; only bits 0 and 1 are defined");
                break;
            case Op.Shutdown when header.Flags == 0 && log.IsNews("shutdown-empty"):
                log.Note("B-18", packet, "SHUTDOWN has no hint at all");
                break;
            case Op.Rw when header.Type == SocketType.Stream && header.Flags != 0 && log.IsNews("stream-flags"):
                log.Note("B-72", packet, $"a stream's RW has flags 0x{header.Flags:x}; none are defined");
                break;
            case Op.Rw when header.Type == SocketType.Stream && header.Len == 0 && log.IsNews("stream-empty"):
                log.Note("B-51", packet, "a stream's RW carries nothing");
                break;
            case Op.Rw when header.Type == SocketType.Seqpacket && (header.Flags & ~KnownSeqpacketFlags) != 0 && log.IsNews("seqpacket-flags"):
                log.Note("B-45", packet, $"a seqpacket RW has flags 0x{header.Flags:x}; only bits 0 and 1 are defined");
                break;
            case Op.Rw when header.Type == SocketType.Seqpacket && (header.Flags & KnownSeqpacketFlags) == (uint)SeqpacketFlags.EndOfRecord
                && log.IsNews("eor-only"):
                log.Note("B-72", packet, "a seqpacket RW ends a record but not a message");
                break;
            case Op.Request or Op.Response or Op.Rst or Op.CreditUpdate or Op.CreditRequest when header.Flags != 0 && log.IsNews("control-flags"):
                log.Note("B-45", packet, $"{Names.Of(header.Op)} has flags 0x{header.Flags:x}; none are defined");
                break;
        }
    }
}
