using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class SeqpacketTests
{
    private const uint Eom = (uint)SeqpacketFlags.EndOfMessage;

    [Test]
    public void Messages_BothWays_KeepTheirBoundaries()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        using Socket host = flow.Connect(listener);

        flow.SendData("one"u8, Eom);
        flow.SendData("tw"u8);
        flow.SendData("o"u8, Eom | (uint)SeqpacketFlags.EndOfRecord);
        flow.SendData([], Eom);
        flow.SendData("three"u8, Eom);
        Assert.That(Message(host), Is.EqualTo("one"u8.ToArray()));
        Assert.That(Message(host), Is.EqualTo("two"u8.ToArray()));
        Assert.That(Message(host), Is.Empty);
        Assert.That(Message(host), Is.EqualTo("three"u8.ToArray()));

        host.Send("four"u8);
        host.Send(Array.Empty<byte>());
        host.Send("five"u8);
        foreach (string text in (string[])["four", "", "five"])
        {
            GuestPacket packet = flow.Expect(Op.Rw);
            Assert.That(packet.Payload, Is.EqualTo(System.Text.Encoding.ASCII.GetBytes(text)));
            Assert.That(packet.Header.Flags, Is.EqualTo(Eom));
        }
    }

    [Test]
    public void Message_LongerThanTheGuestsBuffer_IsSplitWithTheEndOnTheLastPiece()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { BufferBytes = 144 });
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        using Socket host = flow.Connect(listener);
        byte[] message = new byte[250];
        new Random(5).NextBytes(message);

        host.Send(message);
        host.Send(message.AsSpan(0, 100));
        GuestPacket[] pieces = [flow.Expect(Op.Rw), flow.Expect(Op.Rw), flow.Expect(Op.Rw), flow.Expect(Op.Rw)];

        Assert.That(pieces.Take(3).SelectMany(p => p.Payload), Is.EqualTo(message));
        Assert.That(pieces.Select(p => p.Header.Flags), Is.EqualTo(new[] { 0u, 0u, Eom, Eom }));
    }

    [Test]
    public void Message_LongerThanTheGuestsCredit_WaitsForMore()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket) { BufAlloc = 10 };
        using Socket host = flow.Connect(listener);

        host.Send(new byte[15]);
        Assert.That(flow.Expect(Op.Rw).Header is { Len: 10, Flags: 0 }, Is.True);
        flow.Expect(Op.CreditRequest);
        guest.ExpectNothing(new Fence());
        flow.FwdCnt = 10;
        flow.Send(Op.CreditUpdate);

        Assert.That(flow.Expect(Op.Rw).Header is { Len: 5, Flags: Eom }, Is.True);
    }

    [Test]
    public void Messages_HostDoesNotRead_AreKeptWithinTheWindow()
    {
        using Bench bench = new(o => o with { BufferBytes = 16 * 1024 });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        using Socket host = flow.Connect(listener);
        int messages = 0;
        while (true)
        {
            while (flow.Free >= 100)
            {
                flow.SendData(BitConverter.GetBytes(messages++).Concat(new byte[96]).ToArray(), Eom);
            }

            flow.Send(Op.CreditRequest);
            flow.Expect(Op.CreditUpdate);
            if (flow.Free < 100)
            {
                break;
            }
        }

        flow.SendData(new byte[flow.Free]);

        for (int i = 0; i < messages; i++)
        {
            byte[] message = Message(host);
            Assert.That(message, Has.Length.EqualTo(100));
            Assert.That(BitConverter.ToInt32(message), Is.EqualTo(i));
        }
    }

    [Test]
    public void EmptyMessages_HostDoesNotRead_AreBounded()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        using Socket host = flow.Connect(listener);

        GuestPacket? packet = null;
        for (int i = 0; i < 100_000 && packet is null; i++)
        {
            flow.SendData([], Eom);
            packet = guest.TryNext();
        }

        Assert.That(packet?.Header.Op, Is.EqualTo(Op.Rst));
    }

    [Test]
    public void Message_OfTheWholeWindow_Arrives()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        using Socket host = flow.Connect(listener);

        for (int i = 0; i < 4; i++)
        {
            flow.SendData(new byte[64 * 1024], i == 3 ? Eom : 0);
        }

        Assert.That(Message(host, 300_000), Has.Length.EqualTo(256 * 1024));
    }

    [Test]
    public void GuestStopsSendingInsideAMessage_IsReset()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        using Socket host = flow.Connect(listener);

        flow.SendData("half of a mess"u8);
        flow.Send(Op.Shutdown, (uint)ShutdownFlags.Send);

        flow.Expect(Op.Rst);
    }

    [Test]
    public void HostCloses_AfterAnEmptyMessage_BothArrive()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80, SocketType.Seqpacket);
        GuestFlow flow = new(guest, 1024, 80, SocketType.Seqpacket);
        Socket host = flow.Connect(listener);

        host.Send(Array.Empty<byte>());
        host.Dispose();

        Assert.That(flow.Expect(Op.Rw).Header is { Len: 0, Flags: Eom }, Is.True);
        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Both));
    }

    [Test]
    public void HostConnects_OverItsOwnSocket_Works()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket host = bench.Dial(SocketType.Seqpacket);

        Bench.Say(host, "CONNECT 99\n");
        VsockHeader request = guest.Expect(Op.Request).Header;
        GuestFlow flow = new(guest, 99, request.SrcPort, SocketType.Seqpacket);
        flow.Send(Op.Response);
        Assert.That(Message(host), Is.EqualTo(System.Text.Encoding.ASCII.GetBytes($"OK {request.SrcPort}\n")));
        host.Send("message"u8);

        Assert.That(flow.Expect(Op.Rw).Header is { Len: 7, Flags: Eom }, Is.True);
    }

    private static byte[] Message(Socket socket, int room = 65536)
    {
        byte[] buffer = new byte[room];
        return buffer[..socket.Receive(buffer)];
    }
}
