using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class HandshakeTests
{
    [Test]
    public void HostConnects_GuestAccepts_EchoesBothWays()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial();

        Bench.Say(host, "CONNECT 1234\n");
        VsockHeader request = guest.Expect(Op.Request).Header;
        Assert.Multiple(() =>
        {
            Assert.That(request.DstPort, Is.EqualTo(1234));
            Assert.That(request.SrcPort, Is.GreaterThanOrEqualTo(1u << 30));
            Assert.That(request.SrcCid, Is.EqualTo(2));
            Assert.That(request.DstCid, Is.EqualTo(Bench.Cid));
            Assert.That((request.Len, request.Flags, request.FwdCnt, request.BufAlloc), Is.EqualTo((0u, 0u, 0u, 256u * 1024)));
        });
        GuestFlow flow = new(guest, 1234, request.SrcPort);
        flow.Send(Op.Response);
        Assert.That(Bench.ReadLine(host), Is.EqualTo($"OK {request.SrcPort}\n"));

        Bench.Say(host, "ping");
        GuestPacket data = flow.Expect(Op.Rw);
        Assert.That(data.Payload, Is.EqualTo("ping"u8.ToArray()));
        Assert.That(data.Header.FwdCnt, Is.Zero, "the answer line is not the guest's data");
        flow.SendData("pong"u8);
        Assert.That(Bench.Read(host, 4), Is.EqualTo("pong"u8.ToArray()));
    }

    [Test]
    public void HostConnects_GuestRefuses_IsClosed()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial();

        Bench.Say(host, "CONNECT 1234\n");
        GuestFlow flow = new(guest, 1234, guest.Expect(Op.Request).Header.SrcPort);
        flow.Send(Op.Rst);

        Assert.That(Bench.Read(host, 1), Is.Empty);
    }

    [Test]
    public void HostConnects_GuestDoesNotAnswer_IsClosedAfterTheTimeout()
    {
        using Bench bench = new(o => o with { ConnectTimeout = TimeSpan.FromMilliseconds(100) });
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial();

        Bench.Say(host, "CONNECT 1234\n");
        GuestFlow flow = new(guest, 1234, guest.Expect(Op.Request).Header.SrcPort);

        Assert.That(Bench.Read(host, 1), Is.Empty);
        flow.Expect(Op.Rst);
    }

    [Test]
    public void HostConnects_GuestSendsDataFirst_IsReset()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial();

        Bench.Say(host, "CONNECT 1234\n");
        GuestFlow flow = new(guest, 1234, guest.Expect(Op.Request).Header.SrcPort);
        flow.SendData("early"u8);

        flow.Expect(Op.Rst);
        Assert.That(Bench.Read(host, 1), Is.Empty);
    }

    [Test]
    public void HostConnects_BeforeTheGuestIsThere_IsConnectedLater()
    {
        using Bench bench = new();
        using Socket host = bench.Dial();
        Bench.Say(host, "CONNECT 7\n");

        using Guest guest = bench.Guest();
        GuestFlow flow = new(guest, 7, guest.Expect(Op.Request).Header.SrcPort);
        flow.Send(Op.Response);

        Assert.That(Bench.ReadLine(host), Does.StartWith("OK "));
    }

    [Test]
    public void Line_ByteByByteWithDataBehindIt_IsTakenExactly()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial();

        foreach (char c in "CONNECT 4294967295")
        {
            Bench.Say(host, c.ToString());
            guest.ExpectNothing(new Fence());
        }

        Bench.Say(host, "\nfirst data");
        VsockHeader request = guest.Expect(Op.Request).Header;
        Assert.That(request.DstPort, Is.EqualTo(uint.MaxValue));
        GuestFlow flow = new(guest, uint.MaxValue, request.SrcPort);
        flow.Send(Op.Response);

        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo("first data"u8.ToArray()));
    }

    [TestCase("CONNECT\n")]
    [TestCase("CONNECT \n")]
    [TestCase("CONNECT abc\n")]
    [TestCase("CONNECT -1\n")]
    [TestCase("CONNECT +1\n")]
    [TestCase("CONNECT 4294967296\n")]
    [TestCase("CONNECT 1 2\n")]
    [TestCase("CONNECT 1\r\n")]
    [TestCase("connect 1\n")]
    [TestCase("GET / HTTP/1.1\r\n")]
    [TestCase("\n")]
    [TestCase("CONNECT 0000000000000000000000000000000000001\n")]
    [TestCase("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void Line_Malformed_ClosesTheConnection(string line)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial();

        Bench.Say(host, line);

        Assert.That(EndsWithoutData(host), Is.True);
        guest.ExpectNothing(new Fence());
    }

    [TestCase("")]
    [TestCase("CONN")]
    public void Line_EndsEarly_LeavesNothingBehind(string start)
    {
        using Bench bench = new(o => o with { MaxConnections = 101 });
        using Guest guest = bench.Guest();
        for (int i = 0; i < 100; i++)
        {
            using Socket host = bench.Dial();
            Bench.Say(host, start);
        }

        using Socket half = bench.Dial();
        Bench.Say(half, start);
        half.Shutdown(SocketShutdown.Send);
        Assert.That(EndsWithoutData(half), Is.True);
        guest.ExpectNothing(new Fence());
        using Socket listener = bench.Listen(80);
        using Socket accepted = new GuestFlow(guest, 1, 80).Connect(listener);
    }

    [Test]
    public void Line_NeverFinished_IsClosedAfterTheTimeout()
    {
        using Bench bench = new(o => o with { ConnectTimeout = TimeSpan.FromMilliseconds(100) });
        using Socket host = bench.Dial();

        Bench.Say(host, "CONNECT 1");

        Assert.That(EndsWithoutData(host), Is.True);
    }

    [Test]
    public void HostPorts_AreNotUsedAgainAtOnce()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        HashSet<uint> ports = [];
        for (int i = 0; i < 100; i++)
        {
            using Socket host = bench.Dial();
            Bench.Say(host, "CONNECT 5\n");
            uint port = guest.Expect(Op.Request).Header.SrcPort;
            Assert.That(ports.Add(port), Is.True);
            new GuestFlow(guest, 5, port).Send(Op.Rst);
        }
    }

    private static bool EndsWithoutData(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionReset;
        }
    }
}
