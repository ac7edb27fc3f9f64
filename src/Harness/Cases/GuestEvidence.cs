using Vsockspec.Audit;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// What is known and kept of a guest that serves many cases, one after the other, through a tap. The auditors live as long as the guest's device does,
/// because a case begins with chains and flows that are there already; the trace and the findings are those of one case. What comes between
/// two cases belongs to the one that follows.
/// </summary>
/// <remarks>The tap tells on its thread; cases begin and end on another.</remarks>
internal sealed class GuestEvidence(ulong guestCid) : IDriverObserver, IRingObserver
{
    private readonly Lock gate = new();
    private readonly List<Finding> earlier = [];
    private readonly List<Finding> earlierOfDriver = [];
    private readonly List<Finding> earlierNotes = [];
    private TraceRecorder recorder = new();
    private Auditor? auditor;
    private DriverAuditor? driver;

    /// <summary>Hands over what came since the call before, and begins a new part with a trace of its own.</summary>
    /// <param name="patienceIsOver">
    /// The target did not return every tx chain although it had all the time that a target is given: chains that later ones have overtaken are held against it.
    /// </param>
    public GuestCaseEvidence Take(bool patienceIsOver = false)
    {
        lock (gate)
        {
            if (patienceIsOver)
            {
                auditor?.EndOfPatience();
            }

            Collect();
            GuestCaseEvidence taken = new(recorder, [.. earlier], [.. earlierOfDriver], [.. earlierNotes]);
            earlier.Clear();
            earlierOfDriver.Clear();
            earlierNotes.Clear();
            recorder = recorder.Next();
            auditor?.BeginPart();
            driver?.BeginPart();
            return taken;
        }
    }

    IRingObserver IDriverObserver.SessionBegan(VirtioFeatures features, bool resumes)
    {
        lock (gate)
        {
            Collect();
            recorder.BeginSession(features);
            auditor = new Auditor(guestCid, features, recorder.PacketCount + 1);
            driver = new DriverAuditor(guestCid, features);
            driver.BeginPart(recorder.PacketCount + 1);
            if (resumes)
            {
                // The device may go on with flows of which these auditors know nothing.
                auditor.Taint(VsockQueue.Tx);
            }
        }

        return this;
    }

    void IDriverObserver.DriverErred(string requirement, int queue, string detail)
    {
        lock (gate)
        {
            driver?.DriverErred(requirement, queue, detail);
        }
    }

    void IRingObserver.Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
        lock (gate)
        {
            recorder.Posted(queue, id, buffers);
            auditor?.Posted(queue, id, buffers);
        }
    }

    void IRingObserver.PostedWithTable(int queue, uint id, ReadOnlySpan<RingBuffer> buffers, int direct)
    {
        lock (gate)
        {
            recorder.PostedWithTable(queue, id, buffers, direct);
            auditor?.Posted(queue, id, buffers);
        }
    }

    void IRingObserver.Published(int queue)
    {
        lock (gate)
        {
            auditor?.Published(queue);
        }
    }

    void IRingObserver.Kicked(int queue)
    {
        lock (gate)
        {
            auditor?.Kicked(queue);
        }
    }

    void IRingObserver.Called(int queue, ulong count)
    {
        lock (gate)
        {
            auditor?.Called(queue, count);
        }
    }

    void IRingObserver.Used(int queue, UsedChain chain)
    {
        lock (gate)
        {
            recorder.Used(queue, chain);
            auditor?.Used(queue, chain);
        }
    }

    void IRingObserver.SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        lock (gate)
        {
            recorder.SentPacket(id, packet);
            auditor?.SentPacket(id, packet);
            driver?.SentPacket(id, packet);
        }
    }

    void IRingObserver.ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        lock (gate)
        {
            recorder.ReceivedPacket(id, packet);
            auditor?.ReceivedPacket(id, packet);
            driver?.ReceivedPacket(id, packet);
        }
    }

    void IRingObserver.Fenced()
    {
        lock (gate)
        {
            auditor?.Fenced();
        }
    }

    void IRingObserver.Violated(string requirement, int queue, string detail)
    {
        lock (gate)
        {
            auditor?.Violated(requirement, queue, detail);
        }
    }

    void IRingObserver.Renewed(int queue)
    {
        lock (gate)
        {
            recorder.Renewed(queue);
            auditor?.Renewed(queue);
        }
    }

    private void Collect()
    {
        if (auditor is not null && driver is not null)
        {
            earlier.AddRange(auditor.Findings);
            earlierNotes.AddRange(auditor.Notes);
            earlierOfDriver.AddRange(driver.Findings);
            earlierNotes.AddRange(driver.Notes);
        }
    }
}

/// <summary>What is kept of one case that a guest's sockets played.</summary>
/// <param name="recorder">Its packets.</param>
/// <param name="findings">Violations of the device.</param>
/// <param name="driverFindings">Violations of the guest's driver: nothing of the device's.</param>
/// <param name="notes">What was unusual, of both.</param>
internal sealed class GuestCaseEvidence(
    TraceRecorder recorder, IReadOnlyList<Finding> findings, IReadOnlyList<Finding> driverFindings, IReadOnlyList<Finding> notes)
{
    /// <summary>Violations of the device.</summary>
    public IReadOnlyList<Finding> Findings => findings;

    /// <summary>Violations of the guest's driver.</summary>
    public IReadOnlyList<Finding> DriverFindings => driverFindings;

    /// <summary>What was unusual, of both.</summary>
    public IReadOnlyList<Finding> Notes => notes;

    public int PacketCount => recorder.PacketCount;

    /// <summary>Writes the trace; what the auditors found or noted are comments of the packets.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path, TraceLabel label) => recorder.Save(path, [.. findings, .. driverFindings, .. notes], label);
}
