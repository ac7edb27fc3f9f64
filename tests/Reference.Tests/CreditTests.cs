using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class CreditTests
{
    private const uint Window = 64 * 1024;

    [Test]
    public void GuestWindow_Full_StopsAndAsksOnceAndResumes()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80) { BufAlloc = 100 };
        using Socket host = flow.Connect(listener);

        host.Send(new byte[1000]);
        Assert.That(flow.Expect(Op.Rw).Payload, Has.Length.EqualTo(100));
        flow.Expect(Op.CreditRequest);
        guest.ExpectNothing(new Fence());

        flow.FwdCnt = 1;
        flow.Send(Op.CreditUpdate);
        Assert.That(flow.Expect(Op.Rw).Payload, Has.Length.EqualTo(1));
        flow.Expect(Op.CreditRequest);

        flow.BufAlloc = 1000;
        flow.Send(Op.CreditUpdate);
        Assert.That(flow.Expect(Op.Rw).Payload, Has.Length.EqualTo(899));
    }

    [Test]
    public void GuestWindow_ShrunkBelowWhatIsInFlight_IsClosed()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80) { BufAlloc = 1000 };
        using Socket host = flow.Connect(listener);
        host.Send(new byte[600]);
        flow.Expect(Op.Rw);

        flow.BufAlloc = 500;
        flow.Send(Op.CreditUpdate);
        guest.ExpectNothing(new Fence());
        host.Send(new byte[600]);
        flow.Expect(Op.CreditRequest);
        flow.FwdCnt = 101;
        flow.Send(Op.CreditUpdate);

        Assert.That(flow.Expect(Op.Rw).Payload, Has.Length.EqualTo(1));
    }

    [Test]
    public void GuestWindow_Zero_GetsNoDataAndStillTheEnd()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80) { BufAlloc = 0 };
        using Socket host = flow.Connect(listener);

        host.Close();

        Assert.That(flow.Expect(Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Both));
    }

    [Test]
    public void OurWindow_HostDoesNotRead_HoldsExactlyWhatWasPromised()
    {
        using Bench bench = new(o => o with { BufferBytes = Window });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        byte[] data = new byte[2_000_000];
        new Random(3).NextBytes(data);

        int sent = FillUp(guest, flow, data);
        Assert.That(flow.Free, Is.Zero);
        Assert.That(sent, Is.GreaterThan(Window), "the host socket has a buffer too");

        Assert.That(Bench.Read(host, sent).AsSpan().SequenceEqual(data.AsSpan(0, sent)), Is.True);
        flow.Send(Op.CreditRequest);
        guest.WaitUntil(() => guest.TxOutstanding == 0, "the request");
        WaitForCredit(flow, (uint)sent);
    }

    [Test]
    public void OurWindow_EmptyPacketWhileDataWaits_DoesNotStrandIt()
    {
        using Bench bench = new(o => o with { BufferBytes = Window });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        int sent = FillUp(guest, flow, new byte[2_000_000]);

        flow.SendData([]);

        Assert.That(Bench.Read(host, sent), Has.Length.EqualTo(sent));
    }

    [Test]
    public void OurWindow_Overrun_ResetsTheFlow()
    {
        using Bench bench = new(o => o with { BufferBytes = Window });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        FillUp(guest, flow, new byte[2_000_000]);

        flow.SendData([1]);

        flow.ExpectAfterUpdates(Op.Rst);
        using Socket again = new GuestFlow(guest, 1025, 80).Connect(listener);
    }

    [Test]
    public void OurWindow_ManyOneBytePackets_LoseNothing()
    {
        using Bench bench = new(o => o with { BufferBytes = 4096 });
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        byte[] data = new byte[20_000];
        new Random(4).NextBytes(data);

        Task<byte[]> read = Task.Run(() => Bench.Read(host, data.Length));
        flow.Stream(data, 1);

        Assert.That(read.Result, Is.EqualTo(data));
    }

    [Test]
    public void CreditRequest_IsAnsweredWithTheTruth()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.SendData(new byte[77]);
        flow.Send(Op.CreditRequest);

        VsockHeader update = flow.Expect(Op.CreditUpdate).Header;
        Assert.That((update.BufAlloc, update.FwdCnt, update.Len), Is.EqualTo((256u * 1024, 77u, 0u)));
    }

    [Test]
    public void CreditUpdate_Unsolicited_IsNotAnswered()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        for (int i = 0; i < 1000; i++)
        {
            flow.Send(Op.CreditUpdate);
        }

        guest.ExpectNothing(new Fence());
    }

    [Test]
    public void CreditUpdates_OfALongStream_AreFew()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        Task<byte[]> read = Task.Run(() => Bench.Read(host, 4 << 20));
        int updates = 0;
        for (int sent = 0; sent < 4 << 20;)
        {
            while (flow.Free < 4096)
            {
                flow.Expect(Op.CreditUpdate);
                updates++;
            }

            flow.SendData(new byte[4096]);
            sent += 4096;
        }

        read.Wait();
        Assert.That(updates, Is.InRange(1, 64));
    }

    /// <summary>Sends until the device gives no credit and holds everything it has.</summary>
    private static int FillUp(Guest guest, GuestFlow flow, byte[] data)
    {
        int sent = 0;
        while (true)
        {
            while (flow.Free > 0)
            {
                int count = (int)Math.Min(flow.Free, 4000);
                flow.SendData(data.AsSpan(sent, count));
                sent += count;
            }

            flow.Send(Op.CreditRequest);
            flow.Expect(Op.CreditUpdate);
            while (guest.TryNext() is { } packet)
            {
                flow.Learn(packet);
            }

            if (flow.Free == 0)
            {
                return sent;
            }
        }
    }

    private static void WaitForCredit(GuestFlow flow, uint forwarded)
    {
        while (flow.PeerFwdCnt != forwarded)
        {
            flow.Expect(Op.CreditUpdate);
            if (flow.PeerFwdCnt != forwarded)
            {
                flow.Send(Op.CreditRequest);
            }
        }

        Assert.That(flow.PeerBufAlloc, Is.EqualTo(Window));
    }
}
