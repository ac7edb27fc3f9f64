namespace Vsockspec.Audit;

/// <summary>What is wrong with a <c>fwd_cnt</c>.</summary>
internal enum ClaimFault
{
    None,

    /// <summary>Smaller than an earlier one.</summary>
    Backwards,

    /// <summary>More than was ever sent.</summary>
    Ahead,
}

/// <summary>One direction of a flow as far as the receiver's <c>fwd_cnt</c> goes (VS-CRED-DEV-2, VS-X-21), unrolled to 64 bits.</summary>
internal struct ClaimLedger
{
    /// <summary>Payload bytes that went to the receiver, at most.</summary>
    public ulong Sent { get; private set; }

    /// <summary>The highest truthful claim.</summary>
    public ulong Forwarded { get; private set; }

    public void Send(ulong bytes) => Sent += bytes;

    public ClaimFault Claim(uint fwdCnt)
    {
        uint step = fwdCnt - (uint)Forwarded;
        if (step > int.MaxValue)
        {
            return ClaimFault.Backwards;
        }

        if (Forwarded + step > Sent)
        {
            return ClaimFault.Ahead;
        }

        Forwarded += step;
        return ClaimFault.None;
    }
}
