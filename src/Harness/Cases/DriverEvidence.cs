using Vsockspec.Audit;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// What is known and kept of a driver that serves many cases, one after the other. The auditor lives as long as the device's session, because a case begins with
/// flows that may have been there before; the trace and the findings are those of one case. One thread.
/// </summary>
internal sealed class DriverEvidence(ulong guestCid) : IDriverObserver, IRingObserver
{
    private readonly List<Finding> earlier = [];
    private readonly List<Finding> earlierNotes = [];
    private TraceRecorder recorder = new();
    private DriverAuditor? auditor;
    private ulong guestCid = guestCid;

    /// <summary>Hands over what came since the call before, and begins a new part with a trace of its own.</summary>
    public GuestCaseEvidence Take()
    {
        Collect();
        GuestCaseEvidence taken = new(recorder, [.. earlier], [], [.. earlierNotes]);
        earlier.Clear();
        earlierNotes.Clear();
        recorder = recorder.Next();
        auditor?.BeginPart();
        return taken;
    }

    /// <summary>See <see cref="DriverAuditor.GuestCidChanged"/>.</summary>
    public void GuestCidChanged(ulong cid)
    {
        guestCid = cid;
        auditor?.GuestCidChanged(cid);
    }

    public IRingObserver SessionBegan(VirtioFeatures features, bool resumes)
    {
        Collect();
        recorder.BeginSession(features);
        auditor = new DriverAuditor(guestCid, features);
        auditor.BeginPart(recorder.PacketCount + 1);
        return this;
    }

    public void DriverErred(string requirement, int queue, string detail) => auditor?.DriverErred(requirement, queue, detail);

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        recorder.SentPacket(id, packet);
        auditor?.SentPacket(id, packet);
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        recorder.ReceivedPacket(id, packet);
        auditor?.ReceivedPacket(id, packet);
    }

    public void Fenced() => auditor?.Fenced();

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers) => recorder.Posted(queue, id, buffers);

    public void PostedWithTable(int queue, uint id, ReadOnlySpan<RingBuffer> buffers, int direct) => recorder.PostedWithTable(queue, id, buffers, direct);

    public void Published(int queue)
    {
    }

    public void Kicked(int queue)
    {
    }

    public void Called(int queue, ulong count)
    {
    }

    public void Used(int queue, UsedChain chain) => recorder.Used(queue, chain);

    public void Violated(string requirement, int queue, string detail)
    {
    }

    private void Collect()
    {
        if (auditor is not null)
        {
            earlier.AddRange(auditor.Findings);
            earlierNotes.AddRange(auditor.Notes);
            auditor.BeginPart();
        }
    }
}
