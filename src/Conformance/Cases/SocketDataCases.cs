using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Conformance.Cases;

/// <summary>Bytes of stream sockets, however the guest's application takes and gives them.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketDataCases
{
    [Case("VSC-1445", "VS-X-17", Title = "What the guest looks at with MSG_PEEK is what it then reads")]
    public static void Peek_PartAndAll_IsWhatIsRead(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        ExpectNothing(guest);
        byte[] data = c.RandomBytes(200);
        host.Send(data);
        ExpectWaiting(c, guest, data.Length);
        Exchange.Same(guest.Receive(100, GuestMessage.Peek).Data, data.AsSpan(0, 100), "host to guest, a look at a part");
        Exchange.Same(guest.Receive(1000, GuestMessage.Peek).Data, data, "host to guest, a look at all");
        Exchange.Same(guest.ReceiveExactly(data.Length), data, "host to guest");
        ExpectNothing(guest);
    }

    [Case("VSC-1446", "VS-X-17", Title = "A look with MSG_PEEK after a part was read begins where reading goes on")]
    public static void Peek_AfterPartialReceive_BeginsThere(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = c.RandomBytes(100);
        host.Send(data);
        ExpectWaiting(c, guest, data.Length);
        Exchange.Same(guest.ReceiveExactly(30), data.AsSpan(0, 30), "host to guest, a part");
        Exchange.Same(guest.Receive(40, GuestMessage.Peek).Data, data.AsSpan(30, 40), "host to guest, a look at the next part");
        Exchange.Same(guest.ReceiveExactly(70), data.AsSpan(30), "host to guest, the rest");
    }

    [Case("VSC-1447", "VS-X-17", "VS-X-21", Title = "A small packet that comes when one before it was partly read is neither lost nor repeated")]
    public static void SmallPacket_AfterPartialReceive_IsWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        for (int i = 0; i < 3; i++)
        {
            host.Send("HELLO"u8);
            ExpectWaiting(c, guest, 5);
            Exchange.Same(guest.ReceiveExactly(2), "HE"u8, "host to guest, a part of the first packet");
            host.Send("WORLD"u8);
            ExpectWaiting(c, guest, 8);
            Exchange.Same(guest.ReceiveExactly(8), "LLOWORLD"u8, "host to guest, the rest of both packets");
            ExpectNothing(guest);
        }
    }

    [Case("VSC-1448", "VS-X-17", Title = "With SO_RCVLOWAT the guest is woken when the mark is reached")]
    public static void LowWater_Reached_GuestIsWoken(CaseContext c)
    {
        const int Mark = 1000;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        GuestResult set = guest.SetReceiveLowWater(Mark);
        if (!set.Succeeded)
        {
            CaseContext.NotApplicable($"the guest has no SO_RCVLOWAT: {set}");
        }

        byte[] data = c.RandomBytes(Mark);
        host.Send(data.AsSpan(0, 1));
        ExpectWaiting(c, guest, 1);

        // Whether poll is silent below the mark is between the guest's kernel and its application.
        c.Record("guest.lowat.silent_below", guest.Look(PollEvents.Readable) == PollEvents.None);
        host.Send(data.AsSpan(1));
        CaseContext.Require(guest.Poll(PollEvents.Readable).HasFlag(PollEvents.Readable), "data-not-told", "POLLIN when the mark is reached", "nothing");
        Exchange.Same(guest.ReceiveExactly(Mark), data, "host to guest");
    }

    [Case("VSC-1449", "VS-X-17", Title = "Buffers in parts of all lengths, at the guest's sender and receiver, carry the bytes in order")]
    public static void ScatteredBuffers_BothWays_KeepOrder(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] up = guest.Send([1, 4095, 0, 4096, 65_536, 17, 30_000, 1]);
        Exchange.Same(host.ReceiveExactly(up.Length), up, "guest to host from a buffer in parts");
        byte[] down = c.RandomBytes(8000);
        host.Send(down);
        GuestReceived received = guest.Receive([1, 0, 4095, 7, 3000, 897], GuestMessage.WaitAll);
        Exchange.Same(received.Data, down, "host to guest into a buffer in parts");
    }

    [Case("VSC-1450", "VS-X-17", "VS-X-23", Title = "A receive that waits for as much as comes in many pieces (MSG_WAITALL) gets it all")]
    public static void Receive_WaitingForMany_GetsAll(CaseContext c)
    {
        // Less than the guest's buffer holds: Linux waits for no more than that at a time.
        const int Total = 200_000;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = GuestSocket.Seeded(c.Seed, Total);
        host.Send(data.AsSpan(0, 1));
        ExpectWaiting(c, guest, 1);
        Task<GuestReceived> receiving = c.Agent.ReceiveSeeded(guest.Fd, c.Seed, 0, [Total], GuestMessage.WaitAll, new CallLimit(4 * c.Timeline.Patience));
        for (int at = 1; at < Total; at += 9973)
        {
            host.Send(data.AsSpan(at, Math.Min(9973, Total - at)));
        }

        GuestReceived received = c.Await(receiving);
        CaseContext.Require(
            received.Result.Value == Total && received.FirstDifference < 0,
            "wrong-data",
            $"{Total} bytes with one call",
            $"{received.Result}, first difference at {received.FirstDifference}");
    }

    [Case("VSC-1451", "VS-X-17", Title = "A send from memory that is not there does not spoil the stream")]
    public static void Send_FromUnmappedBuffer_StreamGoesOn(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        (GuestResult result, byte[] data) = guest.TrySend([100, BufferPart.Unmapped(100), 100]);
        c.Record("guest.send.unmapped", result.ToString());
        int taken = (int)Math.Max(result.Value, 0);
        byte[] next = guest.Send(1000);
        Exchange.Same(host.ReceiveExactly(taken + next.Length), (byte[])[.. data.AsSpan(0, taken), .. next], "guest to host, what send told and the next");
        GuestExchange.Echo(c, guest, host);
    }

    [Case("VSC-1452", "VS-X-17", "VS-X-21", Title = "A receive into memory that is not there does not spoil the stream")]
    public static void Receive_IntoUnmappedBuffer_StreamGoesOn(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = c.RandomBytes(200);
        host.Send(data.AsSpan(0, 100));
        ExpectWaiting(c, guest, 100);
        GuestReceived failed = guest.Receive([BufferPart.Unmapped(100)]);
        long kept = Math.Max(guest.Waiting(), 0);
        c.Record("guest.receive.unmapped", $"{failed.Result}, {kept} of 100 bytes kept");
        host.Send(data.AsSpan(100));
        Exchange.Same(guest.ReceiveExactly((int)kept + 100), data.AsSpan(100 - (int)kept), "host to guest, what the guest kept and the next");
        GuestExchange.Echo(c, guest, host);
    }

    [Case("VSC-1453", "VS-X-19", "VS-X-17", Title = "A guest that sends small packets to a host application which reads late is held up and loses nothing")]
    public static void GuestSendsSmall_HostReadsLate_NothingIsLost(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        int total = guest.SendUntilHeldUp(c.Seed, 129 + c.Random.Next(384), Fence(c));
        Exchange.Same(host.ReceiveExactly(total), GuestSocket.Seeded(c.Seed, total), "guest to host in small packets");
        GuestExchange.Echo(c, guest, host);
    }

    [Case("VSC-1454", "VS-X-17", "VS-X-19", Title = "Small writes of a host application to a guest that reads late arrive in order, and none is lost")]
    public static void HostSendsSmall_GuestReadsLate_NothingIsLost(CaseContext c)
    {
        const int Total = 400_000;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = GuestSocket.Seeded(c.Seed, Total);
        for (int at = 0; at < Total;)
        {
            int piece = Math.Min(Total - at, 129 + c.Random.Next(384));
            host.Send(data.AsSpan(at, piece));
            at += piece;
        }

        CaseContext.Require(guest.Poll(PollEvents.Readable) != PollEvents.None, "guest-data-missing", "data reaches the guest", "none");
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, Total, 1000), Total);
    }

    private static Action Fence(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        return () => GuestExchange.Echo(c, guest, host);
    }

    private static void ExpectNothing(GuestSocket guest)
    {
        GuestResult result = guest.Receive(1, GuestMessage.DontWait).Result;
        CaseContext.Require(result.Errno == GuestErrno.WouldBlock, "too-much-data", "EAGAIN (11): the host has sent nothing that was not read", result.ToString());
    }

    private static void ExpectWaiting(CaseContext c, GuestSocket guest, int count) =>
        CaseContext.Require(
            c.Eventually(() => guest.Waiting(Math.Max(count, 1) + 1) == count), "guest-data-missing", $"{count} bytes wait in the guest's socket", $"{guest.Waiting()}");
}
