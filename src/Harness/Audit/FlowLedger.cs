using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// What the auditor knows of one flow. Written from the specification alone (section 5.10.6.3 and 5.10.6.5), on counters unrolled to
/// 64 bits; the reference device keeps its own account, so a shared mistake cannot hide.
/// </summary>
internal sealed class FlowLedger
{
    private int requests;
    private int responses;
    private bool established;
    private bool hostRequested;
    private bool resetByDevice;
    private bool deviceSendsNoMore;
    private long guestResetEpoch = -1;
    private long guestReceivesNoMoreEpoch = -1;

    // Packets of an earlier connection of the same ends may still be on their way until the new one is answered.
    private bool mayBeStale;

    private bool creditSuspended;
    private long epoch;
    private ulong deviceSent;
    private ulong guestForwarded;
    private uint lastGuestFwdCnt;
    private ulong lastLimit;
    private ulong highestLimit;

    private bool claimsSuspended;
    private ulong guestSent;
    private ulong deviceForwarded;
    private uint lastDeviceFwdCnt;

    /// <summary>The guest's packet. <paramref name="payload"/> is what follows the header in the chain.</summary>
    public void Sent(in VsockHeader header, int payload, long now)
    {
        if (header.Op == Op.Request)
        {
            mayBeStale = established || guestResetEpoch == now;
            Restart();
            requests++;
        }
        else if (header.Op == Op.Response && hostRequested)
        {
            established = true;
        }
        else if (header.Op == Op.Rst)
        {
            guestResetEpoch = now;
        }
        else if (header.Op == Op.Shutdown && ((ShutdownFlags)header.Flags).HasFlag(ShutdownFlags.Receive) && guestReceivesNoMoreEpoch < 0)
        {
            guestReceivesNoMoreEpoch = now;
        }

        Advertise(header, now);
        if (header.Op == Op.Rw)
        {
            guestSent += header.Len;
            claimsSuspended |= header.Len > (uint)payload;
        }
    }

    /// <summary>The device's packet; <paramref name="payload"/> bytes of data were delivered.</summary>
    public void Received(in VsockHeader header, int payload, int packet, long now, FindingList findings)
    {
        switch (header.Op)
        {
            case Op.Request:
                mayBeStale = false;
                Restart();
                hostRequested = true;
                break;
            case Op.Response:
                JudgeResponse(header, packet, findings);
                break;
            case Op.Rst:
                resetByDevice = true;
                established = false;
                return;
            case Op.Shutdown:
                deviceSendsNoMore |= ((ShutdownFlags)header.Flags).HasFlag(ShutdownFlags.Send) && !mayBeStale;
                break;
            case Op.Rw:
                JudgeData(header, payload, packet, now, findings);
                break;
            default:
                break;
        }

        JudgeClaims(header, packet, findings);
    }

    /// <summary>Suspends everything: somebody did what leaves the flow's state open.</summary>
    public void Suspend()
    {
        claimsSuspended = creditSuspended = true;
        resetByDevice = false;
        mayBeStale = true;
    }

    private void Restart()
    {
        established = resetByDevice = deviceSendsNoMore = hostRequested = false;
        guestResetEpoch = guestReceivesNoMoreEpoch = -1;
        RestartCounters();
    }

    private void RestartCounters()
    {
        creditSuspended = claimsSuspended = false;
        deviceSent = guestForwarded = guestSent = deviceForwarded = lastLimit = highestLimit = 0;
        lastGuestFwdCnt = lastDeviceFwdCnt = 0;
    }

    /// <summary>
    /// A device may still act on any advertisement since the last fence: it can have built a packet before it processed a smaller one.
    /// </summary>
    private void Advertise(in VsockHeader header, long now)
    {
        int step = (int)(header.FwdCnt - lastGuestFwdCnt);
        lastGuestFwdCnt = header.FwdCnt;
        guestForwarded += (ulong)step;
        creditSuspended |= step < 0 || guestForwarded > deviceSent;
        Settle(now);
        lastLimit = guestForwarded + header.BufAlloc;
        highestLimit = Math.Max(highestLimit, lastLimit);
    }

    private void Settle(long now)
    {
        if (epoch != now)
        {
            epoch = now;
            highestLimit = lastLimit;
        }
    }

    private void JudgeResponse(in VsockHeader header, int packet, FindingList findings)
    {
        if (++responses > requests)
        {
            findings.Add("VS-X-28", packet, $"RESPONSE without a REQUEST: {header}");
            return;
        }

        if (mayBeStale)
        {
            // What came before belonged to the earlier connection.
            mayBeStale = false;
            (uint fwdCnt, ulong limit) = (lastGuestFwdCnt, lastLimit);
            ulong sent = guestSent;
            RestartCounters();
            (lastGuestFwdCnt, lastLimit, highestLimit, guestSent) = (fwdCnt, limit, limit, sent);
        }

        established = true;
    }

    private void JudgeData(in VsockHeader header, int payload, int packet, long now, FindingList findings)
    {
        Settle(now);
        deviceSent += (ulong)payload;
        if (mayBeStale)
        {
            return;
        }

        if (resetByDevice)
        {
            findings.Add("VS-X-33", packet, $"data after the device's own RST: {header}");
        }
        else if (!established && guestResetEpoch < 0)
        {
            findings.Add("VS-X-28", packet, $"data on a flow that is not established: {header}");
        }

        if (deviceSendsNoMore)
        {
            findings.Add("VS-X-31", packet, $"data after the device said that it sends no more: {header}");
        }

        if (guestResetEpoch >= 0 && guestResetEpoch < now)
        {
            findings.Add("VS-X-33", packet, $"data although the guest's RST has been processed: {header}");
        }

        if (guestReceivesNoMoreEpoch >= 0 && guestReceivesNoMoreEpoch < now && payload > 0)
        {
            findings.Add("VS-X-31", packet, $"data although the guest's SHUTDOWN(RECEIVE) has been processed: {header}");
        }

        if (!creditSuspended && deviceSent > highestLimit && findings.Wants("VS-CRED-DEV-1"))
        {
            findings.Add(
                "VS-CRED-DEV-1",
                packet,
                $"{payload} bytes bring the device's total to {deviceSent}, but the guest has allowed {highestLimit} (buf_alloc + fwd_cnt): {header}");
        }
    }

    private void JudgeClaims(in VsockHeader header, int packet, FindingList findings)
    {
        if (claimsSuspended || mayBeStale || resetByDevice)
        {
            return;
        }

        int step = (int)(header.FwdCnt - lastDeviceFwdCnt);
        lastDeviceFwdCnt = header.FwdCnt;
        if (step < 0)
        {
            claimsSuspended = true;
            findings.Add("VS-CRED-DEV-2", packet, $"fwd_cnt went back by {-(long)step}: {header}");
            return;
        }

        deviceForwarded += (uint)step;
        if (deviceForwarded > guestSent)
        {
            claimsSuspended = true;
            findings.Add("VS-CRED-DEV-2", packet, $"fwd_cnt counts {deviceForwarded} bytes, but the guest has sent {guestSent}: {header}");
        }
        else if (header.BufAlloc == 0)
        {
            findings.Add("VS-CRED-DEV-2", packet, $"buf_alloc is 0: {header}", FindingSeverity.Note);
        }
    }
}
