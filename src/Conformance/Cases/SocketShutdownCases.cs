using System.Net.Sockets;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Conformance.Cases;

/// <summary>How connections end, as applications see it.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketShutdownCases
{
    /// <summary>More than the guest's window, so that it is still on its way when the shutdown is called.</summary>
    private const int InFlight = 600_000;

    [Case("VSC-1433", "VS-X-31", "VS-X-23", Title = "When the guest shuts down writing with data on its way both ways, all of it arrives")]
    public static void GuestShutsDownWrite_DataBothWays_ArrivesWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, InFlight);
        host.Send(GuestSocket.Seeded(c.Seed + 1, InFlight));
        byte[] first = host.ReceiveExactly(InFlight - 200_000);
        guest.ExpectSent(sending, InFlight);
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        byte[] rest = host.ReceiveExactly(200_000);
        Exchange.Same((byte[])[.. first, .. rest], GuestSocket.Seeded(c.Seed, InFlight), "guest to host around the half-close");
        host.ExpectEndOfFile();
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed + 1, InFlight), InFlight);
    }

    [Case("VSC-1434", "VS-X-31", "VS-X-23", Title = "When the host shuts down writing with data on its way both ways, all of it arrives", Regressions = ["KB-A18"])]
    public static void HostShutsDownWrite_DataBothWays_ArrivesWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, InFlight);

        // More than the device and the host's socket hold, so that the guest still sends after the half-close.
        const int Upward = 6_000_000;
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed + 1, Upward);
        host.Send(GuestSocket.Seeded(c.Seed, InFlight));
        host.Shutdown(SocketShutdown.Send);
        _ = guest.ExpectReceived(receiving, InFlight);
        guest.ExpectEndOfFile();
        Exchange.Same(host.ReceiveExactly(Upward), GuestSocket.Seeded(c.Seed + 1, Upward), "guest to host after the half-close");
        guest.ExpectSent(sending, Upward);
    }

    [Case("VSC-1435", "VS-X-31", "VS-X-34", Title = "When both ends shut down writing at once, each reads what the other sent and then the end")]
    public static void BothShutDownWrite_AtOnce_EachReadsToTheEnd(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);

        // All that is taken while the guest does not read: at least its window, and with a device or a socket that holds more, some behind the window too.
        byte[] down = SendUntilHeldUp(c, host);
        byte[] up = guest.Send(20_000);
        host.Shutdown(SocketShutdown.Send);
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        Exchange.Same(host.ReceiveExactly(up.Length), up, "guest to host before both half-closes");
        host.ExpectEndOfFile();
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)down.Length), down.Length);
        guest.ExpectEndOfFile();
    }

    [Case("VSC-1436", "VS-X-31", Title = "When the guest shuts down reading, the host application's writes fail in the end, and the guest can still write")]
    public static void GuestShutsDownRead_HostWriteFails_GuestStillWrites(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        guest.Shutdown(SocketShutdown.Receive).OrThrow("shutdown");
        CaseContext.Require(
            c.Eventually(() => !host.TrySend("x"u8, out _)),
            "half-close-not-told",
            "a write of the host application fails",
            $"none failed within {c.Timeline.Patience.TotalSeconds:0.###} s");
        byte[] data = guest.Send(5000);
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host after the half-close");
    }

    [Case("VSC-1437", "VS-X-31", Title = "When the host application shuts down reading, the guest's writes fail in the end")]
    public static void HostShutsDownRead_GuestWriteFails(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        host.Shutdown(SocketShutdown.Receive);
        GuestResult last = default;
        CaseContext.Require(
            c.Eventually(() => !(last = guest.TrySend([100], GuestMessage.DontWait).Result).Succeeded && last.Errno != GuestErrno.WouldBlock),
            "half-close-not-told",
            "a write of the guest fails",
            $"none failed within {c.Timeline.Patience.TotalSeconds:0.###} s, the last gave {last}");
        c.Record("host.shutdown.receive.guest_send", last.ToString());
    }

    [Case("VSC-1438", "VS-X-34", "VS-X-31", Title = "When the host closes, the guest cannot write any more, still reads what came before, and then the end")]
    public static void HostCloses_GuestCannotWrite_ReadsTheRest(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        host.Send("A"u8);
        host.ExpectAllTaken();
        host.Close();
        PollEvents told = guest.Poll(PollEvents.PeerClosed);
        CaseContext.Require(told.HasFlag(PollEvents.PeerClosed), "close-not-told", "POLLRDHUP", told.ToString());
        GuestResult sent = guest.TrySend([1]).Result;
        c.Record("host.close.guest_send", sent.ToString());
        CaseContext.Require(!sent.Succeeded, "close-half-told", "a send fails (EPIPE) after the host application has closed", sent.ToString());
        Exchange.Same(guest.ReceiveExactly(1), "A"u8, "host to guest before the close");
        guest.ExpectEndOfFile();
    }

    [Case("VSC-1439", "VS-X-34", "VS-X-33", Title = "When the guest closes, the host reads what came before and cannot write any more")]
    public static void GuestCloses_HostReadsTheRest_CannotWrite(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.OpenFromHost(c);
        byte[] data = guest.Send(1);
        guest.Close().OrThrow("close");
        Exchange.Same(host.ReceiveExactly(1), data, "guest to host before the close");
        host.ExpectClosed("no-end", "the end of the connection after all data");
        CaseContext.Require(
            c.Eventually(() => !host.TrySend("x"u8, out _)),
            "close-not-told",
            "a write of the host application fails",
            $"none failed within {c.Timeline.Patience.TotalSeconds:0.###} s");
    }

    [Case("VSC-1440", "VS-X-34", "B-28", Title = "When the host application closes without having read all, the guest sees the end of what it was sent")]
    public static void HostCloses_WithUnreadData_GuestSeesTheEnd(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] down = c.RandomBytes(2000);
        host.Send(down);
        _ = guest.Send(50_000);
        CaseContext.Require(c.Eventually(() => host.IsReadable), "host-data-missing", "data reaches the host application", "none");
        host.Close();

        // Data was lost, so the connection may be reset, and a reset may take with it what the guest has not read.
        PollEvents told = guest.Poll(PollEvents.PeerClosed);
        CaseContext.Require(told != PollEvents.None, "close-not-told", "POLLRDHUP or POLLHUP", told.ToString());
        List<byte> read = [];
        GuestReceived part;
        while ((part = guest.Receive(4096, GuestMessage.DontWait)).Result is { Succeeded: true, Value: > 0 })
        {
            read.AddRange(part.Data);
        }

        c.Record("host.close.unread.guest", $"{(read.Count == down.Length ? "all" : read.Count == 0 ? "nothing" : "some")}, then {part.Result}");
        Exchange.Same([.. read], down.AsSpan(0, Math.Min(read.Count, down.Length)), "host to guest before the close");
        CaseContext.Require(
            part.Result is { Succeeded: true, Value: 0 } or { Errno: GuestErrno.ConnectionReset }, "no-eof", "the end, or ECONNRESET (104)", part.Result.ToString());
    }

    [Case("VSC-1441", "VS-X-34", Title = "poll in the guest tells POLLHUP when both directions are shut down, and not before")]
    public static void BothDirectionsShut_GuestPolls_IsToldHangUp(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        host.Shutdown(SocketShutdown.Send);
        PollEvents half = guest.Poll(PollEvents.PeerClosed);
        CaseContext.Require(
            half.HasFlag(PollEvents.PeerClosed) && !half.HasFlag(PollEvents.HangUp),
            "half-close-is-close",
            "POLLRDHUP without POLLHUP while the guest can still write",
            half.ToString());
        byte[] data = guest.Send(100);
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host after the half-close");
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        PollEvents whole = guest.Poll(PollEvents.None);
        CaseContext.Require(whole.HasFlag(PollEvents.HangUp), "hang-up-not-told", "POLLHUP", whole.ToString());
        host.ExpectEndOfFile();
    }

    [Case("VSC-1442", "VS-X-34", "VS-X-17", Title = "epoll in the guest, edge-triggered, tells each arrival of data and the close of the host")]
    public static void Epoll_EdgeTriggered_TellsDataAndClose(CaseContext c)
    {
        const uint Readable = 1;
        const uint PeerClosed = 0x2000;
        const uint EdgeTriggered = 1u << 31;
        const int Add = 1;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        int epoll = c.Await(c.Agent.EpollCreate()).OrThrow("epoll_create");
        c.Await(c.Agent.EpollControl(epoll, Add, guest.Fd, Readable | PeerClosed | EdgeTriggered, 7)).OrThrow("epoll_ctl");
        for (int i = 0; i < 3; i++)
        {
            host.Send("data"u8);
            CaseContext.Require(Next().HasFlag(PollEvents.Readable), "data-not-told", "EPOLLIN for each arrival of data", $"not for arrival {i + 1}");
        }

        Exchange.Same(guest.ReceiveExactly(12), "datadatadata"u8, "host to guest");
        host.Close();
        CaseContext.Require(Next().HasFlag(PollEvents.PeerClosed), "close-not-told", "EPOLLRDHUP when the host closes", "nothing");

        PollEvents Next()
        {
            GuestEvents events = c.Await(c.Agent.EpollWait(epoll, 4, (int)c.Timeline.Patience.TotalMilliseconds));
            return events.Events is [(uint told, 7)] ? (PollEvents)(told & 0xffff) : PollEvents.None;
        }
    }

    [Case("VSC-1443", "VS-X-34", "B-22", Title = "A guest that closes with SO_LINGER while the host has unread data loses none of it", Regressions = ["KB-C9"])]
    public static void GuestCloses_LingeringWithUnreadData_HostReadsAll(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        guest.SetLinger(1);
        byte[] data = guest.Send(100_000);
        long begin = System.Diagnostics.Stopwatch.GetTimestamp();
        guest.Close().OrThrow("close");

        // How long it lasts is between the guest's kernel and the moment at which the device answers; both may wait for the application.
        c.Record("close.linger.unread.waits", System.Diagnostics.Stopwatch.GetElapsedTime(begin) > TimeSpan.FromMilliseconds(900));
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host before the close");
        host.ExpectClosed("no-end", "the end of the connection after all data");
    }

    [Case("VSC-1444", "VS-X-34", Title = "close with SO_LINGER and nothing pending returns before its time is over, and the host sees the end")]
    public static void GuestCloses_LingeringWithNothingPending_IsAnswered(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        GuestExchange.Echo(c, guest, host);
        guest.SetLinger(30);
        Task<GuestResult> close = c.Agent.Close(guest.Fd, new CallLimit(4 * c.Timeline.Patience));
        CaseContext.Require(
            c.Eventually(() => close.IsCompleted),
            "close-not-answered",
            "close returns when the device has taken all and answered",
            $"it still waits after {c.Timeline.Patience.TotalSeconds:0.###} s");
        c.Await(close).OrThrow("close");
        host.ExpectClosed("no-end", "the end of the connection that the guest closed");
    }

    /// <summary>
    /// Writes a seed's bytes until no more are taken, although the device has dealt with what was on its way, and returns what was: how much a device or a host's socket
    /// takes beyond the guest's window is their own affair.
    /// </summary>
    private static byte[] SendUntilHeldUp(CaseContext c, HostConnection host)
    {
        const int Piece = 64 * 1024;
        byte[] data = GuestSocket.Seeded(c.Seed, 4 << 20);
        (GuestSocket canary, HostConnection canaryHost) = GuestSocket.Open(c);
        int total = 0;
        int before;
        do
        {
            before = total;
            while (total < data.Length && host.TrySend(data.AsSpan(total, Math.Min(Piece, data.Length - total)), out int taken) && taken > 0)
            {
                total += taken;
            }

            GuestExchange.Echo(c, canary, canaryHost);
        }
        while (total > before);
        CaseContext.Require(total > 0, "host-write-stuck", "the host application can write", "nothing was taken");
        return data[..total];
    }
}
