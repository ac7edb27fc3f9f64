using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

/// <summary>Tells an auditor a story of one flow, packet by packet. Chains go round legally unless a test says otherwise.</summary>
internal sealed class AuditScript(
    VirtioFeatures features = VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.Seqpacket, int firstPacket = 1)
{
    public const ulong Guest = 3;
    public const uint GuestPort = 1024;
    public const uint HostPort = 1234;
    private readonly byte[] bytes = new byte[VsockHeader.Size + (64 * 1024)];
    private readonly RingBuffer[] buffer = new RingBuffer[1];

    public Auditor Auditor { get; } = new(Guest, features, firstPacket);

    public SocketType Type { get; set; } = SocketType.Stream;

    public uint BufAlloc { get; set; } = 65536;

    public uint FwdCnt { get; set; }

    public AuditScript Sends(Op op, uint length = 0, uint flags = 0, Func<VsockHeader, VsockHeader>? edit = null)
    {
        VsockHeader header = new()
        {
            SrcCid = Guest,
            DstCid = Cid.Host,
            SrcPort = GuestPort,
            DstPort = HostPort,
            Len = length,
            Type = Type,
            Op = op,
            Flags = flags,
            BufAlloc = BufAlloc,
            FwdCnt = FwdCnt,
        };
        return SendsBytes(Encode(edit?.Invoke(header) ?? header, length));
    }

    public AuditScript SendsBytes(ReadOnlySpan<byte> packet)
    {
        Posts(VsockQueue.Tx, 0, RingBuffer.Readable(0, (uint)packet.Length));
        Auditor.SentPacket(0, packet);
        Auditor.Published(VsockQueue.Tx);
        return Uses(VsockQueue.Tx, 0, 0);
    }

    public AuditScript Receives(Op op, uint length = 0, uint flags = 0, uint fwdCnt = 0, Func<VsockHeader, VsockHeader>? edit = null)
    {
        VsockHeader header = new()
        {
            SrcCid = Cid.Host,
            DstCid = Guest,
            SrcPort = HostPort,
            DstPort = GuestPort,
            Len = length,
            Type = Type,
            Op = op,
            Flags = flags,
            BufAlloc = 65536,
            FwdCnt = fwdCnt,
        };
        return ReceivesBytes(Encode(edit?.Invoke(header) ?? header, length));
    }

    public AuditScript ReceivesBytes(ReadOnlySpan<byte> packet)
    {
        Posts(VsockQueue.Rx, 0, RingBuffer.Writable(0, (uint)bytes.Length));
        Auditor.Published(VsockQueue.Rx);
        Uses(VsockQueue.Rx, 0, (uint)packet.Length);
        Auditor.ReceivedPacket(0, packet);
        return this;
    }

    public AuditScript Posts(int queue, uint id, RingBuffer piece)
    {
        buffer[0] = piece;
        Auditor.Posted(queue, id, buffer);
        return this;
    }

    public AuditScript Uses(int queue, uint id, uint length)
    {
        Auditor.Used(queue, new UsedChain(id, length));
        return this;
    }

    public AuditScript Fences()
    {
        Auditor.Fenced();
        return this;
    }

    /// <summary>The guest connects.</summary>
    public AuditScript Connects() => Sends(Op.Request).Receives(Op.Response);

    public void IsLegal() => Assert.That(Auditor.Findings.Select(f => f.ToString()), Is.Empty);

    /// <summary>Exactly one violation, of this requirement, at the packet seen last.</summary>
    public void Violates(string requirement) => Assert.That(Auditor.Findings.Select(f => f.Requirement), Is.EqualTo((string[])[requirement]));

    public void Notes(string id)
    {
        IsLegal();
        Assert.That(Auditor.Notes.Select(f => f.Requirement), Has.Member(id));
    }

    private ReadOnlySpan<byte> Encode(VsockHeader header, uint length)
    {
        header.Write(bytes);
        return bytes.AsSpan(0, VsockHeader.Size + (int)length);
    }
}
