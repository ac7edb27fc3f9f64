using CsCheck;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Wire;

[TestFixture]
public class VsockHeaderTests
{
    private static readonly Gen<VsockHeader> Headers = Gen.Select(
        Gen.ULong.Array[2],
        Gen.UInt.Array[6],
        Gen.UShort.Array[2],
        (cids, words, halves) => new VsockHeader
        {
            SrcCid = cids[0],
            DstCid = cids[1],
            SrcPort = words[0],
            DstPort = words[1],
            Len = words[2],
            Type = (SocketType)halves[0],
            Op = (Op)halves[1],
            Flags = words[3],
            BufAlloc = words[4],
            FwdCnt = words[5],
        });

    private static readonly VsockHeader FromGuest = new()
    {
        SrcCid = 3,
        SrcPort = 1024,
        DstCid = Cid.Host,
        DstPort = 1234,
        Type = SocketType.Stream,
        BufAlloc = 262144,
    };

    private static readonly VsockHeader FromHost = new()
    {
        SrcCid = Cid.Host,
        SrcPort = 1234,
        DstCid = 3,
        DstPort = 1024,
        Type = SocketType.Stream,
    };

    private static readonly object[][] Golden =
    [
        [
            FromGuest with { Op = Op.Request },
            "0300000000000000 0200000000000000 00040000 d2040000 00000000 0100 0100 00000000 00000400 00000000",
            "REQUEST 3:1024→2:1234 stream len=0 flags=0x0 buf_alloc=262144 fwd_cnt=0",
        ],
        [
            FromHost with { Op = Op.Response, BufAlloc = 65536 },
            "0200000000000000 0300000000000000 d2040000 00040000 00000000 0100 0200 00000000 00000100 00000000",
            "RESPONSE 2:1234→3:1024 stream len=0 flags=0x0 buf_alloc=65536 fwd_cnt=0",
        ],
        [
            FromGuest with { Op = Op.Rw, Len = 5 },
            "0300000000000000 0200000000000000 00040000 d2040000 05000000 0100 0500 00000000 00000400 00000000",
            "RW 3:1024→2:1234 stream len=5 flags=0x0 buf_alloc=262144 fwd_cnt=0",
        ],
        [
            FromGuest with { Op = Op.Shutdown, Flags = (uint)ShutdownFlags.Both, FwdCnt = 7 },
            "0300000000000000 0200000000000000 00040000 d2040000 00000000 0100 0400 03000000 00000400 07000000",
            "SHUTDOWN 3:1024→2:1234 stream len=0 flags=0x3 buf_alloc=262144 fwd_cnt=7",
        ],
        [
            FromHost with { Op = Op.Rst },
            "0200000000000000 0300000000000000 d2040000 00040000 00000000 0100 0300 00000000 00000000 00000000",
            "RST 2:1234→3:1024 stream len=0 flags=0x0 buf_alloc=0 fwd_cnt=0",
        ],
        [
            FromGuest with
            {
                Op = Op.Rw,
                Len = 1,
                Type = SocketType.Seqpacket,
                Flags = (uint)(SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord),
            },
            "0300000000000000 0200000000000000 00040000 d2040000 01000000 0200 0500 03000000 00000400 00000000",
            "RW 3:1024→2:1234 seqpacket len=1 flags=0x3 buf_alloc=262144 fwd_cnt=0",
        ],
    ];

    [TestCaseSource(nameof(Golden))]
    public void Header_GoldenVector_IsTheSameBothWays(VsockHeader header, string hex, string text)
    {
        byte[] expected = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        byte[] bytes = new byte[VsockHeader.Size];
        header.Write(bytes);
        Assert.That(bytes, Is.EqualTo(expected));
        Assert.That(VsockHeader.Read(expected), Is.EqualTo(header));
        Assert.That(header.ToString(), Is.EqualTo(text));
    }

    [Test]
    public void Header_AnyFields_SurvivesTheWire() =>
        Headers.Sample(header =>
        {
            byte[] bytes = new byte[VsockHeader.Size];
            header.Write(bytes);
            return VsockHeader.Read(bytes) == header;
        });

    [Test]
    public void Header_AnyBytes_SurvivesTheValue() =>
        Gen.Byte.Array[VsockHeader.Size].Sample(bytes =>
        {
            byte[] again = new byte[VsockHeader.Size];
            VsockHeader.Read(bytes).Write(again);
            return again.AsSpan().SequenceEqual(bytes);
        });

    [Test]
    public void Header_LongerSpans_AreNotTouchedBeyondIt()
    {
        byte[] bytes = new byte[VsockHeader.Size + 4];
        bytes.AsSpan().Fill(0xa5);
        FromGuest.Write(bytes);
        Assert.That(bytes[VsockHeader.Size..], Is.All.EqualTo(0xa5));
        Assert.That(VsockHeader.Read(bytes), Is.EqualTo(FromGuest));
    }

    [Test]
    public void Header_ShortSpan_IsRefused([Values(0, 1, 43)] int length)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => VsockHeader.Read(new byte[length]));
        Assert.Throws<ArgumentOutOfRangeException>(() => FromGuest.Write(new byte[length]));
    }

    [Test]
    public void Names_UndefinedValues_AreNumbers()
    {
        Assert.That(Names.Of((Op)8), Is.EqualTo("op 8"));
        Assert.That(Names.Of((SocketType)0), Is.EqualTo("type 0"));
        Assert.That(Names.Of(Op.Invalid), Is.EqualTo("INVALID"));
    }

    [Test]
    public void Flow_GuestAndHostPacketOfOneConnection_AreTheSame()
    {
        FlowId flow = FlowId.OfGuestPacket(FromGuest);
        Assert.That(FlowId.OfHostPacket(FromHost), Is.EqualTo(flow));
        Assert.That(flow.ToString(), Is.EqualTo("3:1024↔2:1234 stream"));
    }

    [Test]
    public void Config_AndEvent_SurviveTheWire()
    {
        byte[] config = new byte[VsockConfig.Size];
        new VsockConfig(0x0102_0304_0506_0708).Write(config);
        Assert.That(config, Is.EqualTo(new byte[] { 8, 7, 6, 5, 4, 3, 2, 1 }));
        Assert.That(VsockConfig.Read(config).GuestCid, Is.EqualTo(0x0102_0304_0506_0708));

        byte[] reset = new byte[VsockEvent.Size];
        new VsockEvent(0x0102_0304).Write(reset);
        Assert.That(reset, Is.EqualTo(new byte[] { 4, 3, 2, 1 }));
        Assert.That(VsockEvent.Read(reset).Id, Is.EqualTo(0x0102_0304));
    }

    [TestCase(0ul, true)]
    [TestCase(1ul, true)]
    [TestCase(2ul, true)]
    [TestCase(3ul, false)]
    [TestCase(0xffff_fffeul, false)]
    [TestCase(0xffff_fffful, true)]
    [TestCase(0x1_0000_0000ul, false)]
    [TestCase(ulong.MaxValue, true)]
    public void Cid_Reserved_IsTold(ulong cid, bool reserved) => Assert.That(Cid.IsReserved(cid), Is.EqualTo(reserved));
}
