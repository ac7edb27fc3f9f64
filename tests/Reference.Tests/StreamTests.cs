using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class StreamTests
{
    private const VirtioFeatures Base = VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.Seqpacket;

    private static readonly VirtioFeatures[] Layouts =
    [
        Base,
        Base | VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc,
        Base | VirtioFeatures.RingPacked,
        Base | VirtioFeatures.RingPacked | VirtioFeatures.EventIdx | VirtioFeatures.InOrder,
    ];

    private static readonly ChainShape[] Shapes =
    [
        ChainShape.OneBuffer,
        ChainShape.HeaderThenPayload,
        ChainShape.SplitHeaderAt(1),
        ChainShape.SplitHeaderAt(43),
        ChainShape.CutAt(50),
        ChainShape.Pieces(17).WithZeroLengthPieces(),
    ];

    [TestCaseSource(nameof(Layouts))]
    public void Flow_GuestConnects_EchoesBothWays(VirtioFeatures features)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Features = features });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.SendData("hello"u8);
        Assert.That(Bench.Read(host, 5), Is.EqualTo("hello"u8.ToArray()));
        host.Send("world!"u8);
        GuestPacket packet = flow.Expect(Op.Rw);

        Assert.That(packet.Payload, Is.EqualTo("world!"u8.ToArray()));
        Assert.That(packet.Header.FwdCnt, Is.EqualTo(5));
        Assert.That(packet.Header.BufAlloc, Is.EqualTo(256 * 1024));
    }

    [TestCaseSource(nameof(Layouts))]
    public void Flow_MegabytesBothWays_ArriveInOrder(VirtioFeatures features)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Features = features });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        byte[] data = new byte[3_000_000];
        new Random(1).NextBytes(data);

        Task<byte[]> hostReads = Task.Run(() => Bench.Read(host, data.Length));
        flow.Stream(data, 5000);
        Assert.That(hostReads.Result.AsSpan().SequenceEqual(data), Is.True, "guest to host");

        Task hostWrites = Task.Run(() => SendAll(host, data));
        byte[] received = flow.Receive(data.Length);
        hostWrites.Wait();
        Assert.That(received.AsSpan().SequenceEqual(data), Is.True, "host to guest");
    }

    [TestCaseSource(nameof(Shapes))]
    public void Packet_CutIntoAnyDescriptors_IsTheSamePacket(ChainShape shape)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Shape = shape, BufferBytes = 300, Buffers = 1 });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        byte[] data = new byte[200];
        new Random(2).NextBytes(data);

        flow.SendData(data);
        Assert.That(Bench.Read(host, data.Length), Is.EqualTo(data));
        host.Send(data);
        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo(data));
    }

    [Test]
    public void Packet_ChainLongerThanLen_OnlyLenCounts()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        guest.Send(flow.Header(Op.Rw, 5), new byte[100_000]);
        guest.Send(flow.Header(Op.Rw, 3), "end"u8);

        Assert.That(Bench.Read(host, 8), Is.EqualTo("\0\0\0\0\0end"u8.ToArray()));
    }

    [Test]
    public void Packet_LenBeyondChain_ResetsTheFlow()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        guest.Send(flow.Header(Op.Rw, uint.MaxValue), "abc"u8);

        GuestPacket reset = flow.Expect(Op.Rst);
        Assert.That(reset.Header.BufAlloc, Is.EqualTo(256 * 1024), "an RST of an existing flow carries its credit");
        Assert.That(Bench.Read(host, 1), Is.Empty);
    }

    [Test]
    public void Chain_ShorterThanAHeader_IsGivenBack()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();

        guest.SendBytes(new byte[43]);
        guest.SendBytes(new byte[1]);

        guest.ExpectNothing(new Fence());
        guest.WaitUntil(() => guest.TxOutstanding == 0, "the short chains");
    }

    [Test]
    public void RxBuffer_TooSmallForAHeader_IsSkipped()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Buffers = 0 });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        guest.PostBuffers(1, 43);
        guest.PostBuffers(1, 44);

        using Socket host = flow.Connect(listener);

        Assert.That(guest.EmptyBuffers, Is.EqualTo(new uint[] { 0 }));
    }

    [Test]
    public void RxBuffer_ForAHeaderOnly_DoesNotHoldUpData()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Buffers = 0 });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        guest.PostBuffers(1, 44);
        using Socket host = flow.Connect(listener);

        host.Send("data"u8);
        guest.PostBuffers(1, 44);
        guest.PostBuffers(1, 46);
        guest.PostBuffers(1, 100);

        flow.Expect(Op.CreditUpdate);
        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo("da"u8.ToArray()));
        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo("ta"u8.ToArray()));
    }

    [Test]
    public void Flows_WithTheSamePortAtOneEnd_AreTwoFlows()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener80 = bench.Listen(80);
        using Socket listener81 = bench.Listen(81);
        GuestFlow[] flows = [new(guest, 1024, 80), new(guest, 1025, 80), new(guest, 1024, 81)];
        Socket[] hosts = [flows[0].Connect(listener80), flows[1].Connect(listener80), flows[2].Connect(listener81)];

        for (int i = 0; i < flows.Length; i++)
        {
            flows[i].SendData([(byte)i]);
        }

        flows[0].Send(Op.Rst);
        for (int i = 1; i < flows.Length; i++)
        {
            Assert.That(Bench.Read(hosts[i], 1), Is.EqualTo(new[] { (byte)i }));
            hosts[i].Send([(byte)i]);
            Assert.That(flows[i].Expect(Op.Rw).Payload, Is.EqualTo(new[] { (byte)i }));
        }

        Assert.That(Bench.Read(hosts[0], 2), Is.EqualTo(new byte[] { 0 }), "data before the reset arrives, then the end");
        Array.ForEach(hosts, h => h.Dispose());
    }

    internal static void SendAll(Socket socket, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            data = data[socket.Send(data)..];
        }
    }
}
