using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

/// <summary>The auditor of a guest's driver, and what an auditor keeps when another part of its session begins.</summary>
public sealed class DriverAuditorTests
{
    private const ulong Guest = 3;
    private const uint Window = 1000;

    private DriverAuditor _auditor = null!;

    [SetUp]
    public void Begin() => _auditor = new DriverAuditor(Guest, VirtioFeatures.Version1 | VirtioFeatures.Stream);

    [Test]
    public void Driver_WithinTheDevicesCredit_IsNotAccused()
    {
        Connect();
        Sends(Op.Rw, Window);
        Receives(Op.CreditUpdate, fwdCnt: Window);
        Sends(Op.Rw, Window);
        Assert.That(_auditor.Findings, Is.Empty);
    }

    [Test]
    public void Driver_BeyondTheDevicesCredit_IsAccused()
    {
        Connect();
        Sends(Op.Rw, Window + 1);
        Assert.That(Requirements(), Is.EqualTo(new[] { "VS-CRED-DRV-1" }));
    }

    [Test]
    public void Driver_ThatClaimsMoreThanItGot_IsAccused()
    {
        Connect();
        Receives(Op.Rw, 10);
        Sends(Op.CreditUpdate, fwdCnt: 11);
        Assert.That(Requirements(), Is.EqualTo(new[] { "VS-CRED-DRV-2" }));
    }

    [Test]
    public void Driver_WithAnotherCid_IsAccused()
    {
        Sends(Op.Request, edit: h => h with { SrcCid = Guest + 1 });
        Assert.That(Requirements(), Is.EqualTo(new[] { "VS-RXTX-DRV-1" }));
    }

    [Test]
    public void Cid_Changes_LatePacketsOfTheFormerOneAreNotJudgedUntilAFence()
    {
        Connect();
        Receives(Op.Rw, 10);
        _auditor.GuestCidChanged(Guest + 1);
        Sends(Op.CreditUpdate, fwdCnt: 10);
        Assert.That(Requirements(), Is.Empty);
        _auditor.Fenced();
        Sends(Op.CreditUpdate, fwdCnt: 10);
        Assert.That(Requirements(), Is.EqualTo(new[] { "VS-RXTX-DRV-1" }));
    }

    [Test]
    public void Driver_SendingBeforeTheResponse_IsAccusedUnlessTheDeviceWasOdd()
    {
        Sends(Op.Request);
        Sends(Op.Rw, 1);
        Assert.That(Requirements(), Is.EqualTo(new[] { "VS-X-28" }));

        Begin();
        Sends(Op.Request);
        Receives(Op.Response, edit: h => h with { DstCid = h.DstCid | (1UL << 32) });
        Sends(Op.Rw, 1);
        Assert.That(Requirements(), Is.Empty);
    }

    [Test]
    public void Part_Begins_FindingsAndNumbersBeginAnewAndCreditStays()
    {
        Connect();
        Sends(Op.Rw, Window);
        _auditor.BeginPart();
        Sends(Op.Rw, 1);
        Assert.That(_auditor.Findings.Select(f => (f.Requirement, f.Packet)), Is.EqualTo(new[] { ("VS-CRED-DRV-1", 1) }));
        _auditor.BeginPart();
        Assert.That(_auditor.Findings, Is.Empty);
    }

    [Test]
    public void Part_OfADevice_KnowsTheChainsOfThePartBefore()
    {
        AuditScript script = new();
        script.Posts(VsockQueue.Rx, 5, RingBuffer.Writable(0, 100));
        script.Auditor.Published(VsockQueue.Rx);
        script.Auditor.BeginPart();
        _ = script.Uses(VsockQueue.Rx, 5, 101);
        Assert.That(script.Auditor.Findings.Select(f => f.Requirement), Is.EqualTo(new[] { "VQ-16" }));
    }

    [Test]
    public void Queue_ThatGotANewRing_MayUseItsIdsAgain()
    {
        AuditScript script = new();
        script.Posts(VsockQueue.Rx, 5, RingBuffer.Writable(0, 100));
        script.Auditor.Published(VsockQueue.Rx);
        script.Auditor.Renewed(VsockQueue.Rx);
        _ = script.Uses(VsockQueue.Rx, 5, 1);
        Assert.That(script.Auditor.Findings.Select(f => f.Requirement), Is.EqualTo(new[] { "VQ-18" }), "the chain went with the ring");
        script.Posts(VsockQueue.Rx, 5, RingBuffer.Writable(0, 100));
        script.Auditor.Published(VsockQueue.Rx);
        _ = script.Uses(VsockQueue.Rx, 5, 101);
        Assert.That(script.Auditor.Findings.Select(f => f.Requirement), Is.EqualTo(new[] { "VQ-18", "VQ-16" }), "the queue is judged on");
    }

    [Test]
    public void Chain_OvertakenAndKeptForLong_IsReported()
    {
        AuditScript script = new();
        byte[] packet = new byte[VsockHeader.Size];
        Header(fromGuest: true, Op.Request, 0, 0).Write(packet);
        for (uint id = 1; id <= 2; id++)
        {
            script.Posts(VsockQueue.Tx, id, RingBuffer.Readable(0, VsockHeader.Size));
            script.Auditor.SentPacket(id, packet);
            script.Auditor.Published(VsockQueue.Tx);
        }

        script.Auditor.EndOfPatience();
        Assert.That(script.Auditor.Findings, Is.Empty, "the device has not come to either");
        _ = script.Uses(VsockQueue.Tx, 2, 0);
        script.Auditor.EndOfPatience();
        Assert.That(script.Auditor.Findings.Select(f => f.Requirement), Is.EqualTo(new[] { "VQ-18" }));
    }

    private string[] Requirements() => [.. _auditor.Findings.Select(f => f.Requirement)];

    private void Connect()
    {
        Sends(Op.Request);
        Receives(Op.Response);
    }

    private void Sends(Op op, uint length = 0, uint fwdCnt = 0, Func<VsockHeader, VsockHeader>? edit = null) =>
        _auditor.SentPacket(0, Encode(fromGuest: true, op, length, fwdCnt, edit));

    private void Receives(Op op, uint length = 0, uint fwdCnt = 0, Func<VsockHeader, VsockHeader>? edit = null) =>
        _auditor.ReceivedPacket(0, Encode(fromGuest: false, op, length, fwdCnt, edit));

    private static byte[] Encode(bool fromGuest, Op op, uint length, uint fwdCnt, Func<VsockHeader, VsockHeader>? edit)
    {
        VsockHeader header = Header(fromGuest, op, length, fwdCnt);
        byte[] packet = new byte[VsockHeader.Size + length];
        (edit?.Invoke(header) ?? header).Write(packet);
        return packet;
    }

    private static VsockHeader Header(bool fromGuest, Op op, uint length, uint fwdCnt) => new()
    {
        SrcCid = fromGuest ? Guest : Cid.Host,
        DstCid = fromGuest ? Cid.Host : Guest,
        SrcPort = fromGuest ? 1024u : 1234u,
        DstPort = fromGuest ? 1234u : 1024u,
        Len = length,
        Type = SocketType.Stream,
        Op = op,
        BufAlloc = Window,
        FwdCnt = fwdCnt,
    };
}
