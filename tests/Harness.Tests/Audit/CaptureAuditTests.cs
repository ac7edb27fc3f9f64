using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

[TestFixture]
public class CaptureAuditTests
{
    private static readonly VsockHeader[] Handshake = [Guest(Op.Request), Host(Op.Response)];

    [Test]
    public void WholeConnection_IsLegal()
    {
        CaptureReport report = Judge(
        [
            .. Handshake, Guest(Op.Rw, 10), Host(Op.CreditUpdate, fwdCnt: 10), Host(Op.Rw, 7, fwdCnt: 10), Guest(Op.CreditUpdate, fwdCnt: 7),
            Host(Op.Shutdown, flags: 3, fwdCnt: 10), Guest(Op.Rst, fwdCnt: 7),
            .. Handshake, Host(Op.Rw, 7),
        ]);
        Assert.That(report.Findings, Is.Empty);
        Assert.That((report.Packets, report.Flows), Is.EqualTo((11, 1)));
        Assert.That(report.Guests, Is.EqualTo((ulong[])[3]));
        Assert.That(report.NotJudged, Has.Some.Contains("used lengths"));
    }

    [Test]
    public void Header_OfEitherSide_IsJudged()
    {
        Violates("VS-X-10", Guest((Op)9));
        Violates("VS-X-16", Host(Op.Request) with { Type = (SocketType)9 });
        Violates("VS-X-09", Guest(Op.Request) with { SrcCid = 3 | (1UL << 40) });
        Violates("VS-X-11", Guest(Op.Rw, (1 << 16) + 1));
    }

    [Test]
    public void Credit_OfEitherSide_IsJudged()
    {
        Violates("VS-CRED-DEV-1", [.. Handshake, Host(Op.Rw, 65536), Host(Op.Rw, 1)]);
        Violates("VS-CRED-DRV-1", [.. Handshake, Guest(Op.Rw, 65536), Guest(Op.Rw, 1)]);
        Violates("VS-CRED-DRV-1", [Host(Op.Request), Guest(Op.Response), Guest(Op.Rw, 65536), Guest(Op.Rw, 1)]);
    }

    [Test]
    public void Credit_ThatFollowsAtOnce_ExplainsData()
    {
        VsockHeader[] late = [.. Handshake, Host(Op.Rw, 65536), Host(Op.Rw, 1), Guest(Op.CreditUpdate, fwdCnt: 65536)];
        Assert.That(Judge(late).Findings, Is.Empty);
        Assert.That(CaptureFile.Judge(CaptureFile.Pcapng(late, "vsockspec")).Findings, Has.Count.EqualTo(1), "our own traces show the true order");
        Assert.That(CaptureFile.Judge(CaptureFile.Pcapng(late, stepNanoseconds: 20_000_000)).Findings, Has.Count.EqualTo(1));
    }

    [Test]
    public void FwdCnt_OfEitherSide_IsJudged()
    {
        Violates("VS-CRED-DEV-2", [.. Handshake, Guest(Op.Rw, 5), Host(Op.CreditUpdate, fwdCnt: 6)]);
        Violates("VS-CRED-DRV-2", [.. Handshake, Guest(Op.CreditUpdate, fwdCnt: 1)]);
        Violates("VS-CRED-DRV-2", Guest(Op.CreditUpdate, fwdCnt: 10), Guest(Op.CreditUpdate, fwdCnt: 9));
    }

    [Test]
    public void State_OfEitherSide_IsJudged()
    {
        Violates("VS-X-28", Guest(Op.Request), Guest(Op.Rw, 1));
        Violates("VS-X-28", Guest(Op.Request), Guest(Op.Response));
        Violates("VS-X-28", [.. Handshake, Host(Op.Response)]);
        Violates("VS-X-31", [.. Handshake, Host(Op.Shutdown, flags: 2), Host(Op.Rw, 1)]);
        Violates("VS-X-33", [.. Handshake, Guest(Op.Rst), Guest(Op.Rw, 1)]);
        Violates("VS-X-16", [.. Handshake, Guest(Op.Rw, 1) with { Type = SocketType.Seqpacket }]);
    }

    [Test]
    public void CrossedPackets_AreLegal() =>
        Assert.That(Judge([.. Handshake, Guest(Op.Rst), Host(Op.Rw, 1), Guest(Op.Request), Host(Op.Rw, 1), Host(Op.Rst), Host(Op.Response)]).Findings, Is.Empty);

    [Test]
    public void FlowsFromBeforeTheCapture_AreNotJudged()
    {
        CaptureReport report = Judge(Host(Op.Rw, 100_0, fwdCnt: 77), Guest(Op.CreditUpdate, fwdCnt: 123_456), Host(Op.Rw, 60_000, fwdCnt: 78));
        Assert.That(report.Findings, Is.Empty);
        Assert.That(report.NotJudged, Has.Some.Contains("1 flow(s) that began before"));
    }

    [Test]
    public void Packets_CutShort_AreJudgedByTheirHeaders()
    {
        using MemoryStream stream = new();
        using PcapngWriter writer = new(stream, "dumpcap");
        foreach (VsockHeader header in (VsockHeader[])[.. Handshake, Host(Op.Rw, 65536), Host(Op.Rw, 1)])
        {
            writer.Write(0, PacketDirection.Unknown, CaptureFile.Encode(header).AsSpan(0, VsockHeader.Size), VsockHeader.Size + header.Len);
        }

        Assert.That(CaptureFile.Judge(stream.ToArray()).Findings.Select(f => f.Requirement), Is.EqualTo((string[])["VS-CRED-DEV-1"]));
    }

    [Test]
    public void LossyCapture_AccusesNobodyOfWhatLossExplains()
    {
        byte[] statistics =
        [
            5, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            5, 0, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 36, 0, 0, 0,
        ];
        byte[] capture = CaptureFile.Pcapng([.. Handshake, Host(Op.CreditUpdate, fwdCnt: 9), Host((Op)9)]);
        CaptureReport report = CaptureFile.Judge([.. capture, .. statistics]);
        Assert.That(report.Findings.Select(f => f.Requirement), Is.EqualTo((string[])["VS-X-10"]));
        Assert.That(report.NotJudged, Has.Some.Contains("lost 7 packets"));
    }

    [Test]
    public void OtherTraffic_IsCountedAndNotJudged()
    {
        CaptureReport report = Judge(Guest(Op.Request) with { SrcCid = 1, DstCid = 1 }, Guest((Op)99) with { SrcCid = 3, DstCid = 4 });
        Assert.That((report.Packets, report.Findings.Count), Is.EqualTo((0, 0)));
        Assert.That(report.NotJudged, Has.Some.Contains("2 packet(s) that are not between a guest and the host"));
        Assert.That(CaptureFile.Judge(CaptureFile.Pcapng([Guest((Op)99)]), guestCid: 4).Findings, Is.Empty);
    }

    private static VsockHeader Guest(Op op, uint length = 0, uint flags = 0, uint fwdCnt = 0) =>
        CaptureFile.GuestHeader with { Op = op, Len = length, Flags = flags, FwdCnt = fwdCnt };

    private static VsockHeader Host(Op op, uint length = 0, uint flags = 0, uint fwdCnt = 0) =>
        CaptureFile.HostHeader with { Op = op, Len = length, Flags = flags, FwdCnt = fwdCnt };

    private static CaptureReport Judge(params VsockHeader[] headers) => CaptureFile.Judge(CaptureFile.Pcapng(headers));

    private static void Violates(string requirement, params VsockHeader[] headers)
    {
        CaptureReport report = Judge(headers);
        Assert.That(report.Findings.Select(f => f.Requirement), Is.EqualTo((string[])[requirement]));
        Assert.That(report.Findings[0].Packet, Is.EqualTo(headers.Length));
    }
}
