using System.Net.Sockets;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Conformance.Cases;

/// <summary>Buffer space management (virtio 1.4 section 5.10.6.3), the driver as sender and as receiver.</summary>
[Area("driver-credit")]
public static class DriverCreditCases
{
    [Case(
        "VSC-2050",
        "VS-CRED-DRV-1",
        "VS-X-19",
        Title = "The driver sends exactly as much as the device's window holds, without counting headers, and no more",
        Vary = Vary.Rings)]
    public static void GuestWrites_MoreThanWindow_OnlyTheWindowArrives(DriverContext c)
    {
        foreach (uint window in (ReadOnlySpan<uint>)[1, 16, 4096, 65536])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: window);
            UseUp(c, guest, flow, window);
        }
    }

    [Case("VSC-2051", "VS-CRED-DRV-1", Title = "On a flow that the device opened, the window in its REQUEST holds")]
    public static void DeviceConnects_WithSmallWindow_OnlyTheWindowArrives(DriverContext c)
    {
        foreach (uint window in (ReadOnlySpan<uint>)[1, 5000])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.OpenFromDevice(c, bufAlloc: window);
            UseUp(c, guest, flow, window);
        }
    }

    [Case("VSC-2052", "VS-CRED-DRV-1", "B-54", Title = "With buf_alloc 0 at connect no data comes until there is credit")]
    public static void Connect_WithoutWindow_NoDataUntilCredit(DriverContext c)
    {
        const int Bytes = 100;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 0);
        int taken = DrivenTransfer.SendNow(c, guest, Bytes);
        DrivenTransfer.ExpectExactly(c, flow, 0);
        Task<GuestTransfer> sending = c.Agent.BulkSend(guest.Fd, c.Seed, (ulong)(Bytes - taken), place: (ulong)taken);
        c.Fence();
        flow.BufAlloc = 1000;
        flow.Send(Op.CreditUpdate);
        Exchange.Same(flow.Read(Bytes), GuestSocket.Seeded(c.Seed, Bytes), "guest to device once there is credit");
        guest.ExpectSent(sending, Bytes - taken);
    }

    [Case("VSC-2053", "VS-CRED-DRV-1", "VS-X-23", Title = "More credit lets exactly as many more bytes through", Vary = Vary.Layouts)]
    public static void Window_Grows_ExactlyTheDifferenceArrives(DriverContext c)
    {
        const int Bytes = 4000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 1000);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Bytes);
        DrivenTransfer.ExpectExactly(c, flow, 1000);
        foreach (uint grown in (ReadOnlySpan<uint>)[1001, 1500, Bytes])
        {
            flow.BufAlloc = grown;
            flow.Send(Op.CreditUpdate);
            DrivenTransfer.ExpectExactly(c, flow, grown);
        }

        Exchange.Same(flow.Read(Bytes), GuestSocket.Seeded(c.Seed, Bytes), "guest to device");
        guest.ExpectSent(sending, Bytes);
    }

    [Case(
        "VSC-2054",
        "VS-CRED-DRV-1",
        "VS-X-22",
        "B-52",
        Title = "A window that shrinks to or below what is in flight stops the driver; fwd_cnt moves it again",
        Regressions = ["KB-A1"])]
    public static void Window_ShrinksBelowInFlight_DriverStops(DriverContext c)
    {
        const uint InFlight = 48 * 1024;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 65536);
        _ = guest.Send((int)InFlight);
        DrivenTransfer.Arrived(c, flow, InFlight);
        int taken = 0;
        foreach (uint window in (ReadOnlySpan<uint>)[4096, 0, InFlight - 1, InFlight])
        {
            flow.BufAlloc = window;
            flow.Send(Op.CreditUpdate);
            c.Fence();
            taken += DrivenTransfer.SendNow(c, guest, 20_000, taken);
            c.Fence();
            DriverContext.Require(
                flow.RxCnt == InFlight,
                "sends-without-credit",
                $"no data with buf_alloc {window} and {InFlight} bytes in flight",
                $"{flow.RxCnt - InFlight} more bytes");
        }

        flow.FwdCnt = InFlight;
        flow.BufAlloc = 4096;
        flow.Send(Op.CreditUpdate);
        Task<GuestTransfer> sending = c.Agent.BulkSend(guest.Fd, c.Seed, 5000, place: (ulong)taken);
        DrivenTransfer.ExpectExactly(c, flow, InFlight + 4096);
        flow.FwdCnt = flow.RxCnt;
        flow.BufAlloc = 256 * 1024;
        flow.Send(Op.CreditUpdate);
        guest.ExpectSent(sending, 5000);
        DrivenTransfer.Arrived(c, flow, InFlight + (uint)taken + 5000);
        Exchange.Same(
            DrivenTransfer.Payload(flow).AsSpan((int)InFlight), GuestSocket.Seeded(c.Seed, taken + 5000), "guest to device after the window had shrunk");
    }

    [Case(
        "VSC-2055",
        "VS-CRED-DRV-1",
        "VS-X-22",
        Title = "While buf_alloc and fwd_cnt go up and down at random, the driver sends all that the best of them has allowed, and no byte more")]
    public static void Window_WalksAtRandom_LimitIsExact(DriverContext c)
    {
        const int Steps = 40;
        const int Total = 16 << 20;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 3000);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Total, 10_000);
        uint limit = 3000;
        for (int i = 0; i < Steps; i++)
        {
            DrivenTransfer.ExpectExactly(c, flow, limit);
            flow.FwdCnt += (uint)c.Random.Next((int)(flow.RxCnt - flow.FwdCnt) + 1);
            flow.BufAlloc = c.Random.Next(4) switch { 0 => 0, 1 => (uint)c.Random.Next(100_000), 2 => limit - flow.FwdCnt + 1, _ => (uint)c.Random.Next(5000) };
            flow.Send(Op.CreditUpdate);
            limit = Math.Max(limit, flow.FwdCnt + flow.BufAlloc);
        }

        DrivenTransfer.ExpectExactly(c, flow, limit);
        Exchange.Same(DrivenTransfer.Payload(flow), GuestSocket.Seeded(c.Seed, (int)limit), "guest to device");
        flow.Reset();
        _ = c.Await(sending);
    }

    [Case("VSC-2056", "VS-X-22", "VS-CRED-DRV-1", "B-59", Title = "Credit in any packet of the flow counts, not only in CREDIT_UPDATE")]
    public static void Window_GrowsWithOtherPackets_Counts(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 100);

        // A driver that asks would learn of the credit from the answer.
        flow.AnswersCreditRequests = false;
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, 400);
        DrivenTransfer.ExpectExactly(c, flow, 100);
        flow.BufAlloc = 250;
        flow.Send(Op.Rw, [1]);
        DrivenTransfer.ExpectExactly(c, flow, 250);
        flow.FwdCnt = 150;
        flow.Send(Op.CreditRequest);
        DrivenTransfer.ExpectExactly(c, flow, 400);
        guest.ExpectSent(sending, 400);
    }

    [Case(
        "VSC-2057",
        "VS-X-23",
        "VS-CRED-DRV-1",
        Title = "A guest that waits for credit resumes with each byte of it, and needs nothing else to wake up",
        Vary = Vary.Rings)]
    public static void Credit_ByteByByte_EveryStepMovesOneByte(DriverContext c)
    {
        const int Steps = 400;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 1);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Steps);
        byte[] seen = new byte[Steps];
        for (int i = 0; i < Steps; i++)
        {
            byte[] payload = flow.Expect("transfer-not-resumed", Op.Rw).Payload;
            DriverContext.Require(payload.Length == 1, "sends-without-credit", "1 byte for 1 byte of credit", $"{payload.Length} bytes");
            seen[i] = payload[0];
            flow.FwdCnt++;
            flow.Send(Op.CreditUpdate);
        }

        Exchange.Same(seen, GuestSocket.Seeded(c.Seed, Steps), "guest to device byte by byte");
        guest.ExpectSent(sending, Steps);
    }

    [Case("VSC-2058", "VS-X-23", Title = "A guest that polls for room while it has no credit is woken when credit comes, and can send then")]
    public static void Poll_WithoutCredit_IsWokenByCredit(DriverContext c)
    {
        const int Rounds = 20;
        const int Window = 1000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: Window);
        int taken = DrivenTransfer.SendNow(c, guest, 4 * Window);
        for (int i = 0; i < Rounds; i++)
        {
            c.Fence();
            Task<GuestReadiness> polling = c.Agent.Poll([(guest.Fd, PollEvents.Writable)], (int)c.Timeline.Patience.TotalMilliseconds, new CallLimit(2 * c.Timeline.Patience));
            flow.FwdCnt = flow.RxCnt;
            flow.Send(Op.CreditUpdate);
            PollEvents ready = c.Await(polling).Ready[0];
            DriverContext.Require(ready.HasFlag(PollEvents.Writable), "room-not-told", "POLLOUT once there is credit", $"{ready}");
            int more = DrivenTransfer.SendNow(c, guest, 4 * Window, taken);
            DriverContext.Require(more > 0, "room-not-there", "a send that takes something after POLLOUT", $"{more}");
            taken += more;
        }

        DrivenTransfer.Arrived(c, flow, flow.FwdCnt + Window);
        Exchange.Same(DrivenTransfer.Payload(flow), GuestSocket.Seeded(c.Seed, (int)flow.RxCnt), "guest to device");
    }

    [Case(
        "VSC-2059",
        "VS-X-23",
        "VS-CRED-DRV-1",
        "VS-X-17",
        Title = "Half a mebibyte gets through a window of a page that is told in uneven steps",
        Vary = Vary.Layouts)]
    public static void Transfer_ThroughSmallWindow_IsWhole(DriverContext c)
    {
        const int Total = 512 * 1024;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 4096);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Total, 7001);
        byte[] data = GuestSocket.Seeded(c.Seed, Total);
        for (int at = 0; at < Total;)
        {
            int n = Math.Min(c.Random.Next(1, 4096), Total - at);
            Exchange.Same(flow.Read(n), data.AsSpan(at, n), $"guest to device after {at} bytes");
            at += n;
        }

        guest.ExpectSent(sending, Total);
    }

    [Case(
        "VSC-2060",
        "B-55",
        Title = "A device with a window of 2^32-1 bytes that takes nothing out of the ring: what the driver queues is recorded, and all of it arrives in the end",
        Probe = true,
        Regressions = ["KB-A2"])]
    public static void Window_Enormous_NothingIsLost(DriverContext c)
    {
        const int Most = 24 << 20;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: uint.MaxValue);
        c.Device.TakesTx = false;
        int queued = DrivenTransfer.SendNow(c, guest, Most);
        c.Record("credit.queued_for_enormous_window", queued == Most ? $"at least {Most}" : $"{queued}");
        c.Device.TakesTx = true;
        DrivenTransfer.Arrived(c, flow, (uint)queued);
        Exchange.Same(DrivenTransfer.Payload(flow), GuestSocket.Seeded(c.Seed, queued), "guest to device with a window of 2^32-1 bytes");
        flow.Read(queued);
        flow.Send(Op.CreditUpdate);
        GuestFlow.Echo(c, guest, flow);
    }

    [Case(
        "VSC-2061",
        "VS-X-23",
        "VS-CRED-DRV-1",
        Title = "A driver that uses a part of a large window only goes on when it is told that this part was taken",
        Regressions = ["KB-A14"])]
    public static void Window_LargerThanGuestsBuffer_CreditMovesIt(DriverContext c)
    {
        const int Window = 2 << 20;
        const int Total = 4 << 20;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: Window);
        int taken = DrivenTransfer.SendNow(c, guest, Total);
        c.Fence();
        DriverContext.Require(flow.RxCnt is > 0 and <= Window, "sends-without-credit", $"some of the {Window} bytes that the window allows", $"{flow.RxCnt}");
        c.Record("credit.used_of_two_mebibytes", flow.RxCnt);
        Task<GuestTransfer> sending = c.Agent.BulkSend(guest.Fd, c.Seed, (ulong)(Total - taken), place: (ulong)taken, limit: new CallLimit(4 * c.Timeline.Patience));
        while (flow.FwdCnt < Total)
        {
            DriverContext.Require(
                c.Eventually(() => flow.RxCnt != flow.FwdCnt),
                "transfer-not-resumed",
                "more data once everything that came was taken, and the driver was told so",
                $"none after {flow.RxCnt} of {Total} bytes");
            flow.FwdCnt = flow.RxCnt;
            flow.Send(Op.CreditUpdate);
        }

        Exchange.Same(DrivenTransfer.Payload(flow), GuestSocket.Seeded(c.Seed, Total), "guest to device");
        guest.ExpectSent(sending, Total - taken);
    }

    [Case("VSC-2062", "B-53", Title = "A fwd_cnt ahead of what was sent does no harm", Probe = true)]
    public static void FwdCnt_AheadOfWhatWasSent_DoesNoHarm(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 1000);
        flow.Send(Op.CreditUpdate, edit: h => h with { FwdCnt = 1_000_000 });
        c.Fence();
        int taken = DrivenTransfer.SendNow(c, guest, 4 << 20);
        c.Fence();
        bool reset = flow.Log.Any(p => p.Op == Op.Rst);
        c.Record("credit.fwd_cnt_ahead", reset ? "reset" : $"{taken} bytes taken for a window of 1000");
        DriverContext.Require(
            reset || DrivenTransfer.Payload(flow).AsSpan().SequenceEqual(GuestSocket.Seeded(c.Seed, (int)flow.RxCnt)),
            "wrong-data",
            "the bytes that the guest sent, or RST",
            $"{flow.RxCnt} other bytes");
        DrivenTransfer.OnFreshConnection(c);
    }

    [Case("VSC-2063", "B-56", "B-57", Title = "How often credit is told and asked for is recorded", Probe = true)]
    public static void Credit_OverAMebibyte_IsCounted(DriverContext c)
    {
        const int Bytes = 1 << 20;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 32 * 1024);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, Bytes, 16 * 1024);
        flow.Write(GuestSocket.Seeded(c.Seed, Bytes));
        _ = guest.ExpectReceived(receiving, Bytes);
        c.Fence();
        c.Record("credit.updates_per_mebibyte_received", flow.Log.Count(p => p.Op == Op.CreditUpdate));
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Bytes, 16 * 1024);
        Exchange.Same(flow.Read(Bytes), GuestSocket.Seeded(c.Seed, Bytes), "guest to device");
        guest.ExpectSent(sending, Bytes);
        c.Record("credit.requests_per_mebibyte_sent", flow.Log.Count(p => p.Op == Op.CreditRequest));
    }

    [Case("VSC-2064", "VS-CRED-DRV-2", "VS-X-21", Title = "fwd_cnt starts at 0 and reaches what the guest's application has read", Vary = Vary.Layouts)]
    public static void FwdCnt_AfterGuestRead_ReachesWhatWasRead(DriverContext c)
    {
        foreach (bool byGuest in (ReadOnlySpan<bool>)[true, false])
        {
            (GuestSocket guest, Flow flow) = byGuest ? DrivenSocket.Open(c) : DrivenSocket.OpenFromDevice(c);
            DriverContext.Require(flow.Log[0].Header.FwdCnt == 0, "fwd-cnt-not-zero", "fwd_cnt 0 in the driver's first packet", flow.Log[0].ToString());
            DrivenTransfer.ExpectFwdCnt(c, flow, 0);
            uint total = 0;
            foreach (int size in (ReadOnlySpan<int>)[1, 100, 3000, c.Device.MaxPayload, 20_000, 60_000])
            {
                byte[] data = c.RandomBytes(size);
                flow.Write(data);
                Exchange.Same(guest.ReceiveExactly(size), data, "device to guest");
                total += (uint)size;
                DrivenTransfer.ExpectFwdCnt(c, flow, total);
            }
        }
    }

    [Case(
        "VSC-2065",
        "VS-CRED-DRV-2",
        "VS-X-20",
        "VS-X-19",
        Title = "The window that the driver advertises is really there, does not shrink while data is queued, and nothing of it is lost",
        Vary = Vary.Layouts)]
    public static void Window_FilledWhileAppSleeps_NothingIsLost(DriverContext c)
    {
        foreach (ulong buffer in (ReadOnlySpan<ulong>)[256 * 1024, 5000])
        {
            (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, buffer);
            uint before = flow.PeerBufAlloc;
            int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
            c.Fence();
            flow.ExpectNothingMore("window-not-honoured", "the flow lives with its window full");
            _ = DrivenTransfer.AskForCredit(c, flow);
            foreach (Packet packet in flow.Log)
            {
                DriverContext.Require(
                    packet.Header.BufAlloc == before, "buf-alloc-wavers", $"buf_alloc {before}, the whole buffer, in every packet", packet.ToString());
            }

            _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent), sent);
            DrivenTransfer.ExpectFwdCnt(c, flow, (uint)sent);
            GuestFlow.Echo(c, guest, flow);
        }
    }

    [Case(
        "VSC-2066",
        "VS-X-19",
        "B-50",
        Title = "Only payload counts: a window filled with 1-byte packets, far more than the ring holds, arrives whole",
        Vary = Vary.Layouts,
        Regressions = ["KB-A6", "KB-B1", "KB-D19"])]
    public static void Window_FilledWithTinyPackets_NothingIsLost(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, 4000);
        byte[] data = GuestSocket.Seeded(c.Seed, (int)Math.Min(flow.PeerFree, 4000));
        for (int i = 0; i < data.Length; i++)
        {
            flow.Send(Op.Rw, data.AsSpan(i, 1));
        }

        c.Fence();
        flow.ExpectNothingMore("tiny-packets-reset", "the flow lives: 1-byte packets within the window");
        _ = DrivenTransfer.AskForCredit(c, flow);
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)data.Length, 1000), data.Length);
        DrivenTransfer.ExpectFwdCnt(c, flow, (uint)data.Length);
        GuestFlow.Echo(c, guest, flow);
    }

    [Case(
        "VSC-2067",
        "VS-X-21",
        "VS-CRED-DRV-2",
        Title = "Small packets that come while the application has read only a part of those before all count",
        Regressions = ["KB-A6"])]
    public static void FwdCnt_SmallPacketsReadInPart_AllCount(DriverContext c)
    {
        const int Packets = 60;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = c.RandomBytes(Packets * 5);
        int read = 0;
        for (int sent = 5; sent <= data.Length; sent += 5)
        {
            flow.Write(data.AsSpan(sent - 5, 5));
            c.Fence();
            int take = c.Random.Next(sent - read);
            Exchange.Same(guest.ReceiveExactly(take), data.AsSpan(read, take), "device to guest in packets of 5 bytes");
            read += take;
        }

        Exchange.Same(guest.ReceiveExactly(data.Length - read), data.AsSpan(read), "device to guest in packets of 5 bytes");
        DrivenTransfer.ExpectFwdCnt(c, flow, (uint)data.Length);
        GuestResult more = guest.Receive(1, GuestMessage.DontWait).Result;
        DriverContext.Require(more.Errno == GuestErrno.WouldBlock, "bytes-out-of-nowhere", $"nothing after the {data.Length} bytes sent", more.ToString());
        DriverContext.Require(guest.Look(PollEvents.Readable) == PollEvents.None, "bytes-out-of-nowhere", "no POLLIN with everything read", "POLLIN");
        GuestFlow.Echo(c, guest, flow);
    }

    // No rule says when a receiver has to tell, and a sender may ask. A receiver that tells only when asked is legal and makes every sender stall that does not ask; one
    // that does not tell then either breaks the delivery that is guaranteed.
    [Case(
        "VSC-2068",
        "VS-X-17",
        "VS-X-23",
        "VS-X-25",
        Title = "A one-way flow never stalls: when the device has used up the window and the application has read it, the driver tells of the room unasked",
        Vary = Vary.Layouts,
        Regressions = ["KB-A16", "KB-A17"])]
    public static void OneWayFlow_OverManyWindows_CreditIsToldUnasked(DriverContext c)
    {
        foreach ((ulong buffer, int windows, int chunk) in (ReadOnlySpan<(ulong, int, int)>)[(256 * 1024, 3, 10_000), (65_536, 4, 65_536), (4096, 20, 1000)])
        {
            (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, buffer);
            int total = (int)flow.PeerBufAlloc * windows;
            Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, (ulong)total, chunk);
            flow.Write(GuestSocket.Seeded(c.Seed, total));
            _ = guest.ExpectReceived(receiving, total);
            DrivenTransfer.DiscourageAsking(c, flow);
        }
    }

    [Case(
        "VSC-2069",
        "VS-X-17",
        "VS-X-23",
        Title = "When a full window is read at once by an application that then waits, the device learns of the room unasked",
        Regressions = ["KB-A16", "KB-A17"])]
    public static void FullWindow_ReadAtOnce_CreditIsToldUnasked(DriverContext c)
    {
        foreach (ulong buffer in (ReadOnlySpan<ulong>)[256 * 1024, 10_000])
        {
            (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, buffer);
            for (int i = 0; i < 3; i++)
            {
                int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
                c.Fence();
                _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent, sent), sent);
                flow.AwaitCredit(1);
            }

            DrivenTransfer.DiscourageAsking(c, flow);
        }
    }

    [Case("VSC-2070", "VS-X-24", "VS-CRED-DRV-2", Title = "CREDIT_REQUEST is answered by CREDIT_UPDATE that tells all that was read, one by one and in a burst", Vary = Vary.Layouts)]
    public static void CreditRequest_OnEstablishedFlow_IsAnswered(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        for (int i = 0; i < 10; i++)
        {
            flow.Send(Op.CreditRequest);
            Packet update = flow.Expect("no-credit-update", Op.CreditUpdate);
            DriverContext.Require(update.Header is { Len: 0, Type: SocketType.Stream }, "update-wrong", "CREDIT_UPDATE with len 0 and the flow's type", update.ToString());
        }

        byte[] data = c.RandomBytes(1000);
        flow.Write(data);
        Exchange.Same(guest.ReceiveExactly(data.Length), data, "device to guest");
        c.Fence();
        int before = flow.Log.Count;
        for (int i = 0; i < 50; i++)
        {
            flow.Send(Op.CreditRequest);
        }

        c.Fence();
        Packet[] updates = [.. flow.Log.Skip(before).Where(p => p.Op == Op.CreditUpdate)];
        c.Record("credit.updates_for_50_requests", updates.Length);
        DriverContext.Require(updates.Length > 0, "no-credit-update", "CREDIT_UPDATE in answer to 50 CREDIT_REQUESTs", "none");
        DriverContext.Require(updates[^1].Header.FwdCnt == data.Length, "fwd-cnt-wrong", $"fwd_cnt {data.Length} in the last answer", updates[^1].ToString());
        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2071", "VS-X-24", "VS-X-17", Title = "CREDIT_REQUEST is answered while data flows both ways")]
    public static void CreditRequest_UnderTraffic_IsAnswered(DriverContext c)
    {
        const int Bytes = 300_000;
        const int Piece = 10_000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 64 * 1024);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Bytes, 5000);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed + 1, Bytes, 3000);
        byte[] up = GuestSocket.Seeded(c.Seed, Bytes);
        byte[] down = GuestSocket.Seeded(c.Seed + 1, Bytes);
        for (int at = 0; at < Bytes; at += Piece)
        {
            flow.Write(down.AsSpan(at, Piece));
            int before = flow.Log.Count;
            flow.Send(Op.CreditRequest);
            DriverContext.Require(
                c.Eventually(() => flow.Log.Skip(before).Any(p => p.Op == Op.CreditUpdate)), "no-credit-update", "CREDIT_UPDATE among the data", "none");
            Exchange.Same(flow.Read(Piece), up.AsSpan(at, Piece), "guest to device");
        }

        guest.ExpectSent(sending, Bytes);
        _ = guest.ExpectReceived(receiving, Bytes);
    }

    [Case("VSC-2072", "VS-X-25", Title = "Unsolicited CREDIT_UPDATEs, one or a thousand, are taken without an answer")]
    public static void CreditUpdate_Unsolicited_IsTakenSilently(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        c.Fence();
        int before = flow.Log.Count;
        foreach (int updates in (ReadOnlySpan<int>)[1, 1000])
        {
            for (int i = 0; i < updates; i++)
            {
                flow.Send(Op.CreditUpdate);
            }

            c.Fence();
            DriverContext.Require(flow.Log.Count == before, "credit-update-answered", "no packet in answer", $"{flow.Log.Count - before} packets, the last {flow.Log[^1]}");
        }

        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2073", "VS-CRED-DRV-2", Title = "buf_alloc is the size of the guest's socket buffer, and follows it when the application changes that")]
    public static void BufAlloc_BufferSizeChanges_IsTold(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        Check();
        foreach (ulong buffer in (ReadOnlySpan<ulong>)[8192, 300_000, 4096, 65_536])
        {
            guest.SetBuffer(buffer);
            c.Fence();
            c.Record("credit.buffer_change_told_unasked", flow.PeerBufAlloc == guest.Buffer());
            Check();
            int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
            c.Fence();
            flow.ExpectNothingMore("window-not-honoured", "the flow lives with its window full");
            _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent), sent);
            DrivenTransfer.ExpectFwdCnt(c, flow, flow.TxCnt);
        }

        void Check()
        {
            ulong size = guest.Buffer();
            uint told = DrivenTransfer.AskForCredit(c, flow).Header.BufAlloc;
            DriverContext.Require(told == size, "buf-alloc-wrong", $"buf_alloc {size}, the size of the socket's buffer", $"{told}");
        }
    }

    [Case("VSC-2074", "VS-CRED-DRV-2", "VS-X-20", Title = "A buffer that the application makes smaller than what it holds loses nothing of that, and tells no room until there is some")]
    public static void Buffer_ShrinksBelowWhatItHolds_NothingIsLost(DriverContext c)
    {
        const int Small = 8192;
        (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, 65_536);
        int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
        c.Fence();
        guest.SetBuffer(Small);
        _ = DrivenTransfer.AskForCredit(c, flow);
        DriverContext.Require(
            flow.PeerFree == 0, "credit-out-of-nowhere", "no room: the buffer holds more than its size", $"buf_alloc={flow.PeerBufAlloc} fwd_cnt={flow.PeerFwdCnt} sent={sent}");
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent, 3000), sent);
        DrivenTransfer.ExpectFwdCnt(c, flow, (uint)sent);
        DriverContext.Require(flow.PeerFree == Small, "buf-alloc-wrong", $"room for {Small} bytes", $"{flow.PeerFree}");
        int more = DrivenTransfer.FillWindow(c, flow, c.Seed);
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)more), more);
    }

    [Case("VSC-2075", "VS-CRED-DRV-2", Title = "Data and SHUTDOWN of the driver carry its credit as it is, not only CREDIT_UPDATE")]
    public static void Credit_InDataAndShutdown_IsTrue(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        ulong size = guest.Buffer();
        uint total = 0;
        for (int i = 0; i < 5; i++)
        {
            byte[] data = c.RandomBytes(c.Random.Next(1, 3000));
            flow.Write(data);
            Exchange.Same(guest.ReceiveExactly(data.Length), data, "device to guest");
            total += (uint)data.Length;
            _ = guest.Send(10);
            Check(flow.Expect("data-missing", Op.Rw));
        }

        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        Check(flow.Expect("no-shutdown", Op.Shutdown));

        void Check(Packet packet) => DriverContext.Require(
            packet.Header.FwdCnt == total && packet.Header.BufAlloc == size,
            "credit-untrue",
            $"buf_alloc {size} and fwd_cnt {total}: the application had read everything before",
            packet.ToString());
    }

    [Case(
        "VSC-2076",
        "B-49",
        Title = "Data of the device beyond the driver's window: reset, or delivered whole, never a stream with a hole",
        Probe = true,
        Regressions = ["KB-B4"])]
    public static void DeviceOverruns_Window_NoHoleInTheStream(DriverContext c)
    {
        const int Window = 16 * 1024;
        const int Beyond = 16 * 1024;
        const int After = 1000;
        (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, Window);
        byte[] data = GuestSocket.Seeded(c.Seed, Window + Beyond + After);
        int piece = Math.Min(c.Device.MaxPayload, 2048);
        for (int at = 0; at < Window + Beyond; at += piece)
        {
            flow.Send(Op.Rw, data.AsSpan(at, Math.Min(piece, Window + Beyond - at)));
        }

        c.Fence();
        (int seen, GuestResult end) = DrivenTransfer.ReceiveNow(c, guest, c.Seed);
        bool reset = flow.Log.Any(p => p.Op == Op.Rst);
        c.Record("credit.overrun", reset ? "reset" : seen == Window + Beyond ? "taken" : "dropped");
        c.Record("credit.overrun.application", $"{seen} of {Window + Beyond} bytes, then {end}");
        if (reset)
        {
            DrivenTransfer.OnFreshConnection(c);
            return;
        }

        // What comes after the overrun shows whether the stream went on without what is missing.
        flow.Send(Op.Rw, data.AsSpan(Window + Beyond, After));
        c.Fence();
        long waiting = Math.Max(guest.Waiting(), 0);
        DriverContext.Require(
            seen == Window + Beyond || flow.Log.Any(p => p.Op == Op.Rst),
            "stream-with-a-hole",
            "all data, or the end of the connection",
            $"{seen} of {Window + Beyond} bytes reached the application, and then {waiting} of the bytes that come after the missing ones");
    }

    [Case("VSC-2077", "VS-X-23", "VS-X-31", Title = "On a half-closed flow the direction that lives carries several windows")]
    public static void Credit_OnHalfClosedFlow_IsStillTold(DriverContext c)
    {
        foreach (bool byGuest in (ReadOnlySpan<bool>)[true, false])
        {
            (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, 32 * 1024);
            if (byGuest)
            {
                guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
                _ = flow.Expect("half-close-not-told", Op.Shutdown);
            }
            else
            {
                flow.SendShutdown(ShutdownFlags.Receive);
            }

            int total = (int)flow.PeerBufAlloc * 4;
            Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, (ulong)total, 5000);
            flow.Write(GuestSocket.Seeded(c.Seed, total));
            _ = guest.ExpectReceived(receiving, total);
        }

        (GuestSocket sender, Flow up) = DrivenSocket.Open(c, bufAlloc: 10_000);
        up.SendShutdown(ShutdownFlags.Send);
        Task<GuestTransfer> sending = sender.BulkSend(c.Seed, 100_000, 3000);
        Exchange.Same(up.Read(100_000), GuestSocket.Seeded(c.Seed, 100_000), "guest to device, whose own direction is closed");
        sender.ExpectSent(sending, 100_000);
    }

    [Case(
        "VSC-2078",
        "VS-X-19",
        "B-50",
        Title = "Only payload counts: a window filled with packets of 129 to 512 bytes, which nobody reads, arrives whole",
        Regressions = ["KB-B5", "KB-D19"])]
    public static void Window_FilledWithSmallPackets_NothingIsLost(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = GuestSocket.Seeded(c.Seed, (int)Math.Min(flow.PeerFree, 1 << 20));
        for (int at = 0; at < data.Length;)
        {
            int n = Math.Min(c.Random.Next(129, 513), data.Length - at);
            flow.Send(Op.Rw, data.AsSpan(at, n));
            at += n;
        }

        c.Fence();
        flow.ExpectNothingMore("small-packets-reset", "the flow lives: small packets within the window");
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)data.Length), data.Length);
        DrivenTransfer.ExpectFwdCnt(c, flow, (uint)data.Length);
    }

    [Case(
        "VSC-2079",
        "VS-X-19",
        "VS-CRED-DRV-2",
        Title = "A window of a few hundred bytes is really there: filled and read again and again, nothing is lost and the flow lives",
        Regressions = ["KB-B5"])]
    public static void SmallBuffer_FilledAgainAndAgain_NothingIsLost(DriverContext c)
    {
        foreach (ulong buffer in (ReadOnlySpan<ulong>)[500, 128])
        {
            (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, buffer);
            for (int i = 0; i < 5; i++)
            {
                int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
                c.Fence();
                flow.ExpectNothingMore("window-not-honoured", $"the flow lives with {sent} bytes in a window of {flow.PeerBufAlloc}");
                _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent, 50), sent);
                DrivenTransfer.ExpectFwdCnt(c, flow, flow.TxCnt);
            }
        }
    }

    /// <summary>The guest sends more than there is credit for; what the window holds comes, byte for byte.</summary>
    private static void UseUp(DriverContext c, GuestSocket guest, Flow flow, uint window)
    {
        _ = DrivenTransfer.SendNow(c, guest, (int)window + 1000);
        DrivenTransfer.ExpectExactly(c, flow, window);
        Exchange.Same(DrivenTransfer.Payload(flow), GuestSocket.Seeded(c.Seed, (int)window), "guest to device");
    }
}
