using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class ProtocolTests
{
    [Test]
    public void Request_NobodyListens_IsReset()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();

        new GuestFlow(guest, 1024, 80).Send(Op.Request);

        VsockHeader reset = guest.Expect(Op.Rst).Header;
        Assert.That(reset, Is.EqualTo(new VsockHeader { SrcCid = 2, DstCid = Bench.Cid, SrcPort = 80, DstPort = 1024, Type = SocketType.Stream, Op = Op.Rst }));
    }

    [Test]
    public void Request_ListenerOfTheOtherType_IsReset()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);

        new GuestFlow(guest, 1024, 80).Send(Op.Request);

        guest.Expect(Op.Rst);
    }

    [Test]
    public void Request_BacklogFull_IsResetAndServedLater()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, backlog: 0);
        GuestFlow first = new(guest, 1024, 80);
        first.Send(Op.Request);
        first.Expect(Op.Response);

        GuestFlow second = new(guest, 1025, 80);
        second.Send(Op.Request);
        second.Expect(Op.Rst);

        using Socket host = listener.Accept();
        using Socket host2 = new GuestFlow(guest, 1026, 80).Connect(listener);
    }

    [Test]
    public void Request_TableFull_IsResetAndOthersLive()
    {
        using Bench bench = new(o => o with { MaxConnections = 2 });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow[] flows = [new(guest, 1, 80), new(guest, 2, 80), new(guest, 3, 80)];
        using Socket host1 = flows[0].Connect(listener);
        using Socket host2 = flows[1].Connect(listener);

        flows[2].Send(Op.Request);
        flows[2].Expect(Op.Rst);
        flows[0].SendData("a"u8);
        Assert.That(Bench.Read(host1, 1), Is.EqualTo("a"u8.ToArray()));
        flows[0].Send(Op.Rst);

        using Socket host3 = flows[2].Connect(listener);
    }

    [Test]
    public void Request_OfAFlowThatExists_ResetsIt()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.Send(Op.Request);

        flow.Expect(Op.Rst);
        Assert.That(Bench.Read(host, 1), Is.Empty);
        using Socket again = flow.Connect(listener);
    }

    [Test]
    public void UnknownFlow_AnythingButReset_IsReset([Values(Op.Invalid, Op.Response, Op.Shutdown, Op.Rw, Op.CreditUpdate, Op.CreditRequest, (Op)99)] Op op)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();

        new GuestFlow(guest, 1024, 80).Send(op);

        guest.Expect(Op.Rst);
    }

    [Test]
    public void UnknownFlow_Reset_IsSilence()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();

        new GuestFlow(guest, 1024, 80).Send(Op.Rst);

        guest.ExpectNothing(new Fence());
    }

    [Test]
    public void UnknownType_AnythingButReset_IsReset([Values((SocketType)0, (SocketType)3, (SocketType)0xffff)] SocketType type, [Values(Op.Request, Op.Rw, (Op)99)] Op op)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        new GuestFlow(guest, 1024, 80, type).Send(op);

        Assert.That(guest.Expect(Op.Rst).Header.Type, Is.EqualTo(type));
        new GuestFlow(guest, 1024, 80, type).Send(Op.Rst);
        guest.ExpectNothing(new Fence());
        flow.SendData("lives"u8);
        Assert.That(Bench.Read(host, 5), Is.EqualTo("lives"u8.ToArray()));
    }

    [Test]
    public void UnknownOperation_OnAFlow_ResetsIt([Values(Op.Invalid, Op.Response, (Op)8, (Op)0xffff)] Op op)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.Send(op);

        flow.Expect(Op.Rst);
    }

    [TestCase(VirtioFeatures.None, true, false)]
    [TestCase(VirtioFeatures.Stream, true, false)]
    [TestCase(VirtioFeatures.Seqpacket, true, true)]
    [TestCase(VirtioFeatures.Seqpacket | VirtioFeatures.NoImpliedStream, false, true)]
    [TestCase(VirtioFeatures.Stream | VirtioFeatures.Seqpacket | VirtioFeatures.NoImpliedStream, true, true)]
    [TestCase(VirtioFeatures.NoImpliedStream, false, false)]
    public void Features_DecideWhichTypesAreServed(VirtioFeatures accepted, bool stream, bool seqpacket)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Features = VirtioFeatures.Version1 | accepted });
        using Socket listener = bench.Listen(80);
        using Socket seqListener = bench.Listen(81, SocketType.Seqpacket);

        new GuestFlow(guest, 1024, 80).Send(Op.Request);
        guest.Expect(stream ? Op.Response : Op.Rst);
        new GuestFlow(guest, 1024, 81, SocketType.Seqpacket).Send(Op.Request);
        guest.Expect(seqpacket ? Op.Response : Op.Rst);
    }

    [TestCase(53ul, 2ul)]
    [TestCase(52ul, 3ul)]
    [TestCase(52ul | (1ul << 32), 2ul)]
    [TestCase(52ul, 2ul | (1ul << 40))]
    public void ForeignAddress_IsDroppedSilently(ulong source, ulong destination)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);

        guest.Send(new GuestFlow(guest, 1024, 80).Header(Op.Request) with { SrcCid = source, DstCid = destination });

        guest.ExpectNothing(new Fence());
        guest.WaitUntil(() => guest.TxOutstanding == 0, "the chain");
    }

    [Test]
    public void ControlPacket_WithPayload_IsTakenWithoutIt()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        guest.Send(flow.Header(Op.CreditUpdate, 5), "extra"u8);
        flow.SendData([]);
        flow.SendData("real"u8);

        Assert.That(Bench.Read(host, 4), Is.EqualTo("real"u8.ToArray()));
        guest.ExpectNothing(new Fence());
    }

    [Test]
    public void Config_IsTheGuestCid()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();

        Assert.That(guest.FrontEnd.ReadConfig(0, 8), Is.EqualTo(new byte[] { 52, 0, 0, 0, 0, 0, 0, 0 }));
        Assert.That(guest.FrontEnd.OfferedFeatures & FeatureRules.Implemented, Is.EqualTo(FeatureRules.Implemented));
    }

    [Test]
    public void Replies_NoRxBuffers_AreParkedAndThenTransmissionWaits()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Buffers = 0, QueueSize = 256 });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1, 80);
        guest.PostBuffers(1);
        using Socket host = flow.Connect(listener);

        for (uint i = 0; i < 1024; i++)
        {
            new GuestFlow(guest, 1000 + i, 81).Send(Op.Request);
        }

        flow.SendData("goes on"u8);
        Assert.That(Bench.Read(host, 7), Is.EqualTo("goes on"u8.ToArray()));
        guest.WaitUntil(() => guest.TxOutstanding == 0, "all chains");

        for (uint i = 1024; i < 1124; i++)
        {
            new GuestFlow(guest, 1000 + i, 81).Send(Op.Request);
        }

        Assert.That(guest.TxOutstanding, Is.EqualTo(100), "packets that need a reply wait");
        HashSet<uint> ports = [];
        for (int i = 0; i < 1124; i++)
        {
            guest.PostBuffers(1);
            Assert.That(ports.Add(guest.Expect(Op.Rst).Header.DstPort), Is.True, "each reply once");
        }

        guest.WaitUntil(() => guest.TxOutstanding == 0, "all chains");
    }
}
