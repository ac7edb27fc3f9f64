using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;
public enum FindingSeverity { Violation, Note }
public sealed record Finding(string Requirement, int Packet, string Detail, FindingSeverity Severity);
public class Nop : IRingObserver
{
    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers) { }
    public void Published(int queue) { }
    public void Kicked(int queue) { }
    public void Called(int queue, ulong count) { }
    public void Used(int queue, UsedChain chain) { }
    public void SentPacket(uint id, ReadOnlySpan<byte> packet) { }
    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet) { }
    public void Fenced() { }
    public void Violated(string requirement, int queue, string detail) { }
}
public sealed class Auditor(ulong guestCid, VirtioFeatures f, int firstPacket = 1) : Nop { private int calls; public IReadOnlyList<Finding> Findings { get; } = []; public void EndOfSession() => calls++; public void Taint(int q) => calls += q; public ulong X => guestCid + (ulong)f + (ulong)firstPacket; }
public sealed class TraceRecorder : Nop { public int PacketCount { get; private set; } public void Save(string p, IReadOnlyList<Finding> f) => PacketCount = 0; }
public sealed class ObserverList(params IRingObserver[] x) : Nop { public int X => x.Length; }
