using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>What the guest said of its receive buffer for one flow, and what we have sent into it (virtio 1.4 section 5.10.6.3).</summary>
internal struct PeerCredit
{
    public uint BufAlloc;
    public uint FwdCnt;

    /// <summary>Payload bytes sent, modulo 2^32: <c>tx_cnt</c>.</summary>
    public uint Sent;

    /// <summary>
    /// Bytes that may be sent now. The formula of the specification goes negative when the guest made its buffer smaller than what
    /// is in flight: there is no room then.
    /// </summary>
    public readonly uint Free
    {
        get
        {
            uint inFlight = Sent - FwdCnt;
            return inFlight >= BufAlloc ? 0 : BufAlloc - inFlight;
        }
    }

    /// <summary>Takes over what a packet of the flow says; true when it said something new.</summary>
    public bool Learn(in VsockHeader header)
    {
        bool news = header.BufAlloc != BufAlloc || header.FwdCnt != FwdCnt;
        BufAlloc = header.BufAlloc;
        FwdCnt = header.FwdCnt;
        return news;
    }
}
