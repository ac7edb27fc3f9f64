using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>The guest's end of one flow of a session, with both ways' credit. What it sends and expects is the session's pattern, from a place of its own.</summary>
internal sealed class Lane
{
    /// <summary>Apart enough that a packet of another flow does not match.</summary>
    private const int PhaseStep = 4099;
    private readonly uint window;
    private uint peerBufAlloc;
    private uint peerFwdCnt;
    private uint txCnt;
    private uint toldFwdCnt;

    public Lane(int index, Flow flow, HostConnection connection, Pattern pattern, uint window, in VsockHeader response)
    {
        Flow = flow;
        Connection = connection;
        Pattern = pattern;
        Phase = index * PhaseStep;
        this.window = window;
        peerBufAlloc = response.BufAlloc;
        peerFwdCnt = response.FwdCnt;
    }

    public Flow Flow { get; }

    /// <summary>The host application's end.</summary>
    public HostConnection Connection { get; }

    public Pattern Pattern { get; }

    /// <summary>Position in the pattern at which both ways begin.</summary>
    public long Phase { get; }

    /// <summary>Payload bytes that came.</summary>
    public long Received { get; private set; }

    /// <summary>Payload bytes that were posted.</summary>
    public long Posted { get; private set; }

    /// <summary>Bytes of a message, where every message of a seqpacket flow has the same; 0: not judged.</summary>
    public int MessageSize { get; set; }

    /// <summary>Bytes that may be under way to the device.</summary>
    public uint Room => peerBufAlloc;

    /// <summary>Bytes that may be sent now.</summary>
    public uint Credit
    {
        get
        {
            uint underWay = txCnt - peerFwdCnt;
            return underWay >= Room ? 0 : Room - underWay;
        }
    }

    /// <summary>True when a quarter of the window was consumed since the device was told.</summary>
    public bool OwesCredit => Flow.FwdCnt - toldFwdCnt >= window / 4;

    /// <summary>Counts bytes that were posted.</summary>
    public void Sent(uint bytes)
    {
        txCnt += bytes;
        Posted += bytes;
    }

    /// <summary>A packet with the flow's present <c>fwd_cnt</c> was posted.</summary>
    public void Told() => toldFwdCnt = Flow.FwdCnt;

    /// <summary>Takes a packet of the device; null, or what is wrong with it.</summary>
    public string? Take(in VsockHeader header, ReadOnlySpan<byte> payload)
    {
        switch (header.Op)
        {
            case Op.Rw:
                Learn(header);
                return TakeData(header, payload);
            case Op.CreditUpdate:
                Learn(header);
                return null;
            case Op.CreditRequest:
                Learn(header);
                toldFwdCnt = Flow.FwdCnt - window;
                return null;
            default:
                return $"the device ended the flow: {header}";
        }
    }

    private void Learn(in VsockHeader header)
    {
        peerBufAlloc = header.BufAlloc;
        peerFwdCnt = header.FwdCnt;
    }

    private string? TakeData(in VsockHeader header, ReadOnlySpan<byte> payload)
    {
        if (!Pattern.Matches(Phase + Received, payload))
        {
            return $"wrong bytes from the device at position {Received}";
        }

        Received += payload.Length;
        Flow.FwdCnt += (uint)payload.Length;
        return MessageSize == 0 || (Received % MessageSize == 0) == ((SeqpacketFlags)header.Flags).HasFlag(SeqpacketFlags.EndOfMessage)
            ? null
            : $"the device ends a message at the wrong place, at position {Received}";
    }
}
