using System.Buffers.Binary;
using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

[TestFixture]
public class CaptureReaderTests
{
    private static readonly VsockHeader[] Two =
    [
        CaptureFile.GuestHeader with { Op = Op.Request }, CaptureFile.GuestHeader with { Op = Op.Rw, Len = 5 },
    ];

    [Test]
    public void Pcapng_WrittenByUs_ReadsBack()
    {
        List<CapturedPacket> packets = CaptureFile.Read(CaptureFile.Pcapng(Two));
        Assert.That(packets.Select(p => VsockHeader.Read(p.Bytes.Span)), Is.EqualTo(Two));
        Assert.That(packets.Select(p => (p.Number, p.OriginalLength)), Is.EqualTo(((int, uint)[])[(1, 44), (2, 49)]));
        Assert.That(packets[1].UnixNanoseconds - packets[0].UnixNanoseconds, Is.EqualTo(1000));
    }

    [Test]
    public void Pcap_OfAnyByteOrderAndUnit_Reads([Values] bool bigEndian, [Values] bool nanoseconds)
    {
        List<CapturedPacket> packets = CaptureFile.Read(CaptureFile.Pcap(Two, bigEndian, nanoseconds));
        Assert.That(packets.Select(p => VsockHeader.Read(p.Bytes.Span)), Is.EqualTo(Two));
        Assert.That(packets[1].UnixNanoseconds, Is.EqualTo(7_000_000_000 + (nanoseconds ? 2 : 2000)));
    }

    [Test]
    public void Pcapng_BigEndian_WithOddBlocks_Reads()
    {
        byte[] packet = new byte[VsockMonHeader.Size + VsockHeader.Size];
        VsockMonHeader.Of(CaptureFile.Encode(Two[0])).Write(packet);
        CaptureFile.Encode(Two[0]).CopyTo(packet, VsockMonHeader.Size);
        byte[] file =
        [
            .. Block(0x0A0D0D0A, [0x1A, 0x2B, 0x3C, 0x4D, 0, 1, 0, 0, .. Enumerable.Repeat((byte)0xFF, 8)]),
            .. Block(1, [0, 1, 0, 0, 0, 0, 0, 0]),

            // Units of 2^-10 s, and an offset of 5 s.
            .. Block(1, [1, 15, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0x8A, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0]),
            .. Block(0xBAD, new byte[20]),
            .. Block(6, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 76, 0, 0, 0, 80, .. packet]),
            .. Block(6, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 0, 0]),
        ];
        using CaptureReader reader = new(new MemoryStream(file), "f");
        Assert.That(reader.TryRead(out CapturedPacket? read), Is.True);
        Assert.That((read!.UnixNanoseconds, read.OriginalLength), Is.EqualTo((6_000_000_000L, 48u)));
        Assert.That(VsockHeader.Read(read.Bytes.Span), Is.EqualTo(Two[0]));
        Assert.That(reader.TryRead(out _), Is.False);
        Assert.That(reader.Foreign, Is.EqualTo(1));
    }

    [Test]
    public void SimplePackets_HaveNoTime()
    {
        byte[] file = CaptureFile.Pcapng([]);
        byte[] packet = new byte[VsockMonHeader.Size + VsockHeader.Size];
        byte[] block = Block(3, [0, 0, 0, 76, .. packet]);
        SwapNumbers(block, 0, 4, 8, block.Length - 4);
        Assert.That(CaptureFile.Read([.. file, .. block])[0].UnixNanoseconds, Is.Null);
    }

    [Test]
    public void ForeignFile_IsNamed()
    {
        Message([]).EndsWith("is empty; take the capture again");
        Message("hello world"u8.ToArray()).Contains("0x6c6c6568").Contains("tshark");
        Message([0x1F, 0x8B, 8, 0, 0]).Contains("gunzip");
        Message(CaptureFile.Pcap(Two, false, false, linkType: 1)).Contains("link type is 1 (Ethernet)").Contains("vsockmon");
        Message([.. CaptureFile.Pcapng(Two).Take(60)]).Contains("ends in the middle of");
    }

    [Test]
    public void MissingFile_IsNamed()
    {
        Assert.That(() => CaptureAudit.Judge("/nonexistent/f.pcapng"), Throws.TypeOf<CaptureException>().With.Message.EqualTo("/nonexistent/f.pcapng: does not exist; check the path"));
        Assert.That(() => CaptureAudit.Judge("/tmp"), Throws.TypeOf<CaptureException>());
        Assert.That(() => CaptureAudit.Judge(""), Throws.TypeOf<CaptureException>());
    }

    [Test]
    public void EmptyCapture_IsNamed() =>
        Assert.That(() => CaptureFile.Judge(CaptureFile.Pcapng([])), Throws.TypeOf<CaptureException>().With.Message.Contains("holds no packets"));

    [Test]
    public void DamagedFile_ThrowsNothingButCaptureException()
    {
        byte[][] files = [CaptureFile.Pcapng(Two), CaptureFile.Pcap(Two, true, true), CaptureFile.Pcap(Two, false, false)];
        Random random = new(1);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] file = [.. files[i % files.Length]];
            for (int n = random.Next(4); n >= 0; n--)
            {
                file[random.Next(file.Length)] = (byte)random.Next(256);
            }

            TryJudge(file.AsSpan(0, random.Next(4) == 0 ? random.Next(file.Length + 1) : file.Length).ToArray());
        }
    }

    private static void TryJudge(byte[] file)
    {
        try
        {
            _ = CaptureFile.Judge(file);
        }
        catch (CaptureException e)
        {
            Assert.That(e.Message, Does.StartWith("t.pcapng: "));
        }
    }

    private static byte[] Block(uint type, byte[] body)
    {
        byte[] padded = [.. body, .. new byte[(4 - (body.Length % 4)) % 4]];
        byte[] block = new byte[12 + padded.Length];
        BinaryPrimitives.WriteUInt32BigEndian(block, type);
        BinaryPrimitives.WriteUInt32BigEndian(block.AsSpan(4), (uint)block.Length);
        padded.CopyTo(block, 8);
        BinaryPrimitives.WriteUInt32BigEndian(block.AsSpan(block.Length - 4), (uint)block.Length);
        return block;
    }

    private static void SwapNumbers(byte[] block, params int[] offsets)
    {
        foreach (int offset in offsets)
        {
            block.AsSpan(offset, 4).Reverse();
        }
    }

    private static Said Message(byte[] file) => new(Assert.Throws<CaptureException>(() => CaptureFile.Read(file))!.Message);

    private sealed record Said(string Text)
    {
        public Said Contains(string part)
        {
            Assert.That(Text, Does.StartWith("t.pcapng: ").And.Contains(part));
            return this;
        }

        public void EndsWith(string part) => Assert.That(Text, Does.EndWith(part));
    }
}
