using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// One direction of a flow as far as credit goes (VS-CRED-DEV-1): what the sender sent, and the most that the receiver's
/// advertisements allowed it to. Counters are unrolled to 64 bits. An advertisement may still be on its way to the sender, so every one
/// since the last fence counts, and the one that was in force at that fence.
/// </summary>
internal struct CreditLedger
{
    private ulong forwarded;
    private ulong latestLimit;
    private ulong highestLimit;
    private long epoch;

    /// <summary>Payload bytes of the sender.</summary>
    public ulong Sent { get; private set; }

    /// <summary>The receiver claimed something untrue or unclear; its credit proves nothing any more.</summary>
    public bool IsUnclear { get; private set; }

    /// <summary>The total number of bytes that may have been sent by now.</summary>
    public readonly ulong Limit => highestLimit;

    public void GiveUp() => IsUnclear = true;

    /// <summary>Any packet of the receiver.</summary>
    public void Advertise(in VsockHeader header, long now)
    {
        uint step = header.FwdCnt - (uint)forwarded;
        if (step > int.MaxValue || forwarded + step > Sent)
        {
            IsUnclear = true;
            return;
        }

        forwarded += step;
        RollTo(now);
        latestLimit = forwarded + header.BufAlloc;
        highestLimit = Math.Max(highestLimit, latestLimit);
    }

    /// <summary>A data packet of the sender; false when no advertisement covers it.</summary>
    public bool Send(uint bytes, long now)
    {
        RollTo(now);
        Sent += bytes;
        return IsUnclear || bytes == 0 || Sent <= highestLimit;
    }

    private void RollTo(long now)
    {
        if (epoch != now)
        {
            epoch = now;
            highestLimit = latestLimit;
        }
    }
}
