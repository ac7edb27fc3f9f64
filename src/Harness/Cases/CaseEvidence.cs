using Vsockspec.Audit;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>What is kept of a case: the trace of all its sessions and the auditor's findings.</summary>
internal sealed class CaseEvidence
{
    private readonly TraceRecorder recorder = new();
    private readonly List<Finding> findings = [];
    private readonly List<Finding> notes = [];
    private Auditor? auditor;

    /// <summary>Violations of every session so far.</summary>
    public IReadOnlyList<Finding> Findings => [.. findings, .. auditor?.Findings ?? []];

    public int PacketCount => recorder.PacketCount;

    public ObserverList BeginSession(ulong guestCid, VirtioFeatures features)
    {
        Collect();
        recorder.BeginSession(features);
        auditor = new Auditor(guestCid, features, firstPacket: recorder.PacketCount + 1);
        return new ObserverList(recorder, auditor);
    }

    public void EndSession() => auditor?.EndOfSession();

    public void Taint(int queue) => auditor?.Taint(queue);

    /// <summary>Writes the trace; what the auditor found or noted are comments of the packets.</summary>
    public void Save(string path, TraceLabel label) => recorder.Save(path, [.. Findings, .. notes, .. auditor?.Notes ?? []], label);

    private void Collect()
    {
        if (auditor is not null)
        {
            findings.AddRange(auditor.Findings);
            notes.AddRange(auditor.Notes);
            auditor = null;
        }
    }
}
