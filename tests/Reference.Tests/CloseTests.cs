using System.Diagnostics;
using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class CloseTests
{
    [Test]
    public void GuestStopsSending_HostSeesTheEndAndCanStillSend()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.SendData("last"u8);
        flow.Send(Op.Shutdown, (uint)ShutdownFlags.Send);
        Assert.That(Bench.Read(host, 5), Is.EqualTo("last"u8.ToArray()));
        host.Send("reply"u8);

        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo("reply"u8.ToArray()));
        host.Close();
        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Both));
        flow.Send(Op.Rst);
    }

    [Test]
    public void GuestStopsReceiving_HostCannotWriteAndStillReads()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.Send(Op.Shutdown, (uint)ShutdownFlags.Receive);
        guest.ExpectNothing(new Fence());
        SocketException? refused = Assert.Throws<SocketException>(() => host.Send("x"u8));
        Assert.That(refused!.SocketErrorCode, Is.EqualTo(SocketError.Shutdown));

        flow.SendData("still"u8);
        Assert.That(Bench.Read(host, 5), Is.EqualTo("still"u8.ToArray()));
        guest.ExpectNothing(new Fence());
    }

    [TestCase(3u)]
    [TestCase(1u, 2u)]
    [TestCase(2u, 1u)]
    [TestCase(2u, 0u, 1u)]
    public void GuestShutsBothDown_InAnyOrder_GetsReset(params uint[] flags)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.SendData("bye"u8);
        foreach (uint flag in flags)
        {
            flow.Send(Op.Shutdown, flag);
        }

        flow.Expect(Op.Rst);
        Assert.That(Bench.Read(host, 4), Is.EqualTo("bye"u8.ToArray()));
        using Socket again = flow.Connect(listener);
    }

    [Test]
    public void GuestShutsBothDown_HostHasNotReadYet_LosesNothing()
    {
        using Bench bench = new(o => o with { BufferBytes = 64 * 1024 });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        int sent = 0;
        while (true)
        {
            while (flow.Free > 0)
            {
                int count = (int)Math.Min(flow.Free, 4000);
                flow.SendData(new byte[count]);
                sent += count;
            }

            flow.Send(Op.CreditRequest);
            flow.Expect(Op.CreditUpdate);
            if (flow.Free == 0)
            {
                break;
            }
        }

        flow.Send(Op.Shutdown, (uint)ShutdownFlags.Both);
        Assert.That(Bench.Read(host, sent + 1), Has.Length.EqualTo(sent));
        flow.ExpectAfterUpdates(Op.Rst);
    }

    [Test]
    public void CreditRequestAndShutdown_InOneKick_AreBothAnswered()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        guest.Queue(Guest.Bytes(flow.Header(Op.CreditRequest)));
        guest.Queue(Guest.Bytes(flow.Header(Op.Shutdown, 0, 3)));
        guest.Publish();

        flow.Expect(Op.CreditUpdate);
        flow.Expect(Op.Rst);
    }

    [Test]
    public void CreditRequestAndReset_InOneKick_AreAnsweredWithSilence()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        guest.Queue(Guest.Bytes(flow.Header(Op.CreditRequest)));
        guest.Queue(Guest.Bytes(flow.Header(Op.Rst)));
        guest.Publish();

        guest.ExpectNothing(new Fence());
        Assert.That(Bench.Read(host, 1), Is.Empty);
    }

    [Test]
    public void GuestSendsAfterItsShutdown_IsReset()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.Send(Op.Shutdown, (uint)ShutdownFlags.Send);
        flow.SendData("late"u8);

        flow.Expect(Op.Rst);
    }

    [Test]
    public void HostStopsSending_GuestIsToldAfterTheDataAndCanStillSend()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        host.Send("last"u8);
        host.Shutdown(SocketShutdown.Send);
        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo("last"u8.ToArray()));
        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Send));
        flow.SendData("more"u8);
        Assert.That(Bench.Read(host, 4), Is.EqualTo("more"u8.ToArray()));

        flow.Send(Op.Shutdown, (uint)ShutdownFlags.Send);
        Assert.That(Bench.Read(host, 1), Is.Empty);
        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Both));
        flow.Send(Op.Rst);
        guest.ExpectNothing(new Fence());
    }

    [Test]
    public void HostCloses_GuestAnswersReset_FlowIsGone()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        Socket host = flow.Connect(listener);

        host.Send("bye"u8);
        host.Dispose();
        flow.Expect(Op.Rw);
        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Both));
        flow.SendData("was under way"u8);
        guest.ExpectNothing(new Fence());
        flow.Send(Op.Rst);

        flow.Send(Op.CreditUpdate);
        flow.Expect(Op.Rst);
    }

    [Test]
    public void HostCloses_GuestStaysSilent_IsResetAfterTheTimeout()
    {
        using Bench bench = new(o => o with { CloseTimeout = TimeSpan.FromMilliseconds(150) });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        flow.Connect(listener).Dispose();
        flow.Expect(Op.Shutdown);
        long start = Stopwatch.GetTimestamp();

        flow.Expect(Op.Rst);

        Assert.That(Stopwatch.GetElapsedTime(start).TotalMilliseconds, Is.InRange(100, 2000));
    }

    [Test]
    public void HostClosesWithUnreadData_ResetsTheFlow()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        Socket host = flow.Connect(listener);
        flow.SendData("unread"u8);
        guest.ExpectNothing(new Fence());

        host.Send("last words"u8);
        host.Dispose();

        Assert.That(flow.Expect(Op.Rw).Payload, Is.EqualTo("last words"u8.ToArray()));
        flow.Expect(Op.Rst);
    }

    [Test]
    public void HostClosesWhileDataWaits_ResetsTheFlow()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        Socket host = flow.Connect(listener);
        while (flow.Free > 0)
        {
            flow.SendData(new byte[Math.Min(flow.Free, 65536)]);
            flow.Send(Op.CreditRequest);
            flow.Expect(Op.CreditUpdate);
        }

        host.Dispose();

        GuestPacket packet = guest.Next();
        while (packet.Header.Op is Op.CreditUpdate or Op.Shutdown)
        {
            packet = guest.Next();
        }

        Assert.That(packet.Header.Op, Is.EqualTo(Op.Rst));
    }

    [Test]
    public void HostStopsReading_GuestSends_IsToldAndReset()
    {
        using Bench bench = new(o => o with { CloseTimeout = TimeSpan.FromMilliseconds(100) });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        host.Shutdown(SocketShutdown.Receive);
        flow.SendData("nobody reads this"u8);

        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Receive));
        flow.Expect(Op.Rst);
    }

    [Test]
    public void Tuple_UsedAgainRightAfterReset_IsAFreshFlow()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        for (int i = 0; i < 500; i++)
        {
            GuestFlow flow = new(guest, 1024, 80);
            using Socket host = flow.Connect(listener);
            flow.SendData([(byte)i]);
            Assert.That(Bench.Read(host, 1), Is.EqualTo(new[] { (byte)i }));
            flow.Send(Op.Rst);
        }
    }
}
