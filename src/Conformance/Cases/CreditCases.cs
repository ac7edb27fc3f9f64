using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Buffer space management (virtio 1.4 section 5.10.6.3), the device as sender and as receiver.</summary>
[Area("credit")]
public static class CreditCases
{
    [Case("VSC-0401", "VS-CRED-DEV-1", Title = "The device sends exactly as much as the guest's window holds, and no more", Vary = Vary.Rings)]
    public static void HostWrites_MoreThanWindow_OnlyTheWindowArrives(CaseContext c)
    {
        foreach (uint window in (ReadOnlySpan<uint>)[1, 16, 4096, 65536])
        {
            (Flow flow, HostConnection host) = c.Open(bufAlloc: window);
            Flood(c, host, (int)window + 100);
            ExpectExactly(c, flow, window);
            Close(c, flow, host);
        }
    }

    [Case("VSC-0402", "VS-CRED-DEV-1", "B-54", Title = "With buf_alloc 0 at connect no data comes until there is credit")]
    public static void Connect_WithoutWindow_NoDataUntilCredit(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 0);
        byte[] data = c.RandomBytes(100);
        host.Send(data);
        ExpectExactly(c, flow, 0);
        flow.BufAlloc = 1000;
        flow.Send(Op.CreditUpdate);
        Exchange.Same(flow.Read(100), data, "host to guest once there is credit");
        Close(c, flow, host);
    }

    [Case("VSC-0403", "VS-CRED-DEV-1", "VS-X-23", Title = "More credit lets exactly as many more bytes through", Vary = Vary.Layouts)]
    public static void Window_Grows_ExactlyTheDifferenceArrives(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 1000);
        Flood(c, host, 5000);
        ExpectExactly(c, flow, 1000);
        foreach (uint grown in (ReadOnlySpan<uint>)[1001, 1500, 4000])
        {
            flow.BufAlloc = grown;
            flow.Send(Op.CreditUpdate);
            ExpectExactly(c, flow, grown);
        }

        Close(c, flow, host);
    }

    [Case(
        "VSC-0404",
        "VS-CRED-DEV-1",
        "VS-X-22",
        "B-52",
        Title = "A window that shrinks below what is in flight stops the device; fwd_cnt moves it again",
        Regressions = ["KB-A1"])]
    public static void Window_ShrinksBelowInFlight_DeviceStops(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 65536);
        host.Send(c.RandomBytes(48 * 1024));
        Arrived(c, flow, 48 * 1024);
        flow.BufAlloc = 4096;
        flow.Send(Op.CreditUpdate);
        c.Fence();
        Flood(c, host, 20_000);
        c.Fence();
        CaseContext.Require(flow.RxCnt == 48 * 1024, "sends-without-credit", "no data while buf_alloc is below what is in flight", $"{flow.RxCnt - (48 * 1024)} more bytes");

        flow.FwdCnt = 48 * 1024;
        flow.Send(Op.CreditUpdate);
        ExpectExactly(c, flow, (48 * 1024) + 4096);
        Close(c, flow, host);
    }

    [Case("VSC-0405", "VS-CRED-DEV-1", "B-59", Title = "Credit in any packet of the flow counts, not only in CREDIT_UPDATE")]
    public static void Window_GrowsWithData_Counts(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 100);
        Flood(c, host, 300);
        ExpectExactly(c, flow, 100);
        flow.BufAlloc = 250;
        flow.Send(Op.Rw, [1]);
        ExpectExactly(c, flow, 250);
        Close(c, flow, host);
    }

    [Case("VSC-0406", "VS-X-23", Title = "A transfer that waits for credit resumes with each byte of it", Vary = Vary.Rings)]
    public static void Credit_ByteByByte_EveryStepMovesOneByte(CaseContext c)
    {
        const int Steps = 200;
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 1);
        byte[] data = c.RandomBytes(Steps);
        host.Send(data);
        List<byte> seen = [];
        for (int i = 0; i < Steps; i++)
        {
            byte[] payload = flow.Expect("transfer-not-resumed", Op.Rw).Payload;
            CaseContext.Require(payload.Length == 1, "sends-without-credit", "1 byte for 1 byte of credit", $"{payload.Length} bytes");
            seen.AddRange(payload);
            flow.FwdCnt++;
            flow.Send(Op.CreditUpdate);
        }

        Exchange.Same(seen.ToArray(), data, "host to guest byte by byte");
        Close(c, flow, host);
    }

    [Case("VSC-0407", "VS-CRED-DEV-2", Title = "fwd_cnt starts at 0 and reaches what the host application has read", Vary = Vary.Layouts)]
    public static void FwdCnt_AfterHostRead_ReachesWhatWasRead(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        CaseContext.Require(flow.Log[0].Header.FwdCnt == 0, "fwd-cnt-not-zero", "fwd_cnt 0 in RESPONSE", flow.Log[0].ToString());
        flow.Write(c.RandomBytes(3000));
        _ = host.ReceiveExactly(3000);
        ExpectFwdCnt(c, flow, 3000);
        flow.Write(c.RandomBytes(100_000));
        _ = host.ReceiveExactly(100_000);
        ExpectFwdCnt(c, flow, 103_000);
        ExpectTrueClaims(flow);
        Close(c, flow, host);
    }

    [Case(
        "VSC-0408",
        "VS-CRED-DEV-2",
        Title = "fwd_cnt starts at 0 on a flow that the host opened, and counts only payload",
        Regressions = ["KB-A10"])]
    public static void FwdCnt_HostInitiated_CountsPayloadOnly(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.OpenFromHost();
        CaseContext.Require(flow.Log[0].Header.FwdCnt == 0, "fwd-cnt-not-zero", "fwd_cnt 0 in REQUEST", flow.Log[0].ToString());
        flow.Send(Op.CreditRequest);
        Packet update = flow.Expect("no-credit-update", Op.CreditUpdate);
        CaseContext.Require(update.Header.FwdCnt == 0, "fwd-cnt-not-zero", "fwd_cnt 0 before any data", update.ToString());
        flow.Write(c.RandomBytes(500));
        _ = host.ReceiveExactly(500);
        ExpectFwdCnt(c, flow, 500);
        Close(c, flow, host);
    }

    [Case("VSC-0409", "VS-CRED-DEV-2", "VS-X-19", Title = "The window that the device advertises is really there: filled with the application not reading, nothing is lost", Vary = Vary.Layouts)]
    public static void Window_FilledWhileAppSleeps_NothingIsLost(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] sent = Exchange.FillWindow(c, flow);
        flow.ExpectNothingMore("window-not-honoured", "the flow lives with its window full");
        CaseContext.Require(flow.PeerFwdCnt <= sent.Length, "fwd-cnt-too-high", $"at most {sent.Length}", $"{flow.PeerFwdCnt}");
        Exchange.Same(host.ReceiveExactly(sent.Length), sent, "guest to host after the window was full");
        ExpectTrueClaims(flow);
        Close(c, flow, host);
    }

    [Case(
        "VSC-0410",
        "VS-X-19",
        "B-50",
        Title = "Only payload counts: the window filled with 1-byte packets arrives whole",
        Vary = Vary.Layouts,
        Regressions = ["KB-A6", "KB-B1"])]
    public static void Window_FilledWithTinyPackets_NothingIsLost(CaseContext c)
    {
        const int Packets = 4000;
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes((int)Math.Min(Packets, flow.PeerBufAlloc));
        for (int i = 0; i < data.Length; i++)
        {
            flow.Send(Op.Rw, data.AsSpan(i, 1));
        }

        c.Fence();
        flow.ExpectNothingMore("tiny-packets-reset", "the flow lives: 1-byte packets within the window");
        flow.Send(Op.CreditRequest);
        Packet update = flow.Expect("no-credit-update", Op.CreditUpdate);
        uint used = (uint)data.Length - update.Header.FwdCnt;
        CaseContext.Require(used <= data.Length, "headers-charged", "credit for payload only", update.ToString());
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host in 1-byte packets");
        flow.Write(c.RandomBytes(10));
        _ = host.ReceiveExactly(10);
        ExpectFwdCnt(c, flow, (uint)data.Length + 10);
        Close(c, flow, host);
    }

    [Case("VSC-0411", "VS-X-20", "VS-CRED-DEV-2", Title = "buf_alloc is the whole buffer and does not shrink while data is queued")]
    public static void BufAlloc_WhileDataIsQueued_StaysTheSame(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        uint before = flow.PeerBufAlloc;
        _ = Exchange.FillWindow(c, flow);
        flow.Send(Op.CreditRequest);
        Packet update = flow.Expect("no-credit-update", Op.CreditUpdate);
        CaseContext.Require(update.Header.BufAlloc >= before, "buf-alloc-shrinks", $"buf_alloc {before}, the whole buffer", $"{update.Header.BufAlloc}");
        foreach (Packet packet in flow.Log)
        {
            CaseContext.Require(packet.Header.BufAlloc == before, "buf-alloc-wavers", $"buf_alloc {before} in every packet", packet.ToString());
        }

        _ = host;
    }

    [Case("VSC-0412", "VS-X-21", Title = "fwd_cnt grows with every size of packet that is received")]
    public static void FwdCnt_PacketsOfAllSizes_AllCount(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        uint total = 0;
        foreach (int size in (ReadOnlySpan<int>)[1, 100, 4096, 16384, 40_000, 65_536])
        {
            flow.Write(c.RandomBytes(size));
            _ = host.ReceiveExactly(size);
            total += (uint)size;
            ExpectFwdCnt(c, flow, total);
        }

        Close(c, flow, host);
    }

    [Case("VSC-0413", "VS-X-24", Title = "CREDIT_REQUEST is answered by CREDIT_UPDATE", Vary = Vary.Layouts)]
    public static void CreditRequest_OnEstablishedFlow_IsAnswered(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < 10; i++)
        {
            flow.Send(Op.CreditRequest);
            flow.Expect("no-credit-update", Op.CreditUpdate);
        }

        Close(c, flow, host);
    }

    [Case("VSC-0414", "VS-X-24", Title = "CREDIT_REQUEST is answered while data flows the other way", Regressions = ["KB-A12"])]
    public static void CreditRequest_UnderOppositeTraffic_IsAnswered(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        const int Bytes = 200_000;
        byte[] data = c.RandomBytes(Bytes);
        host.Send(data.AsSpan(0, Bytes / 2));
        flow.Send(Op.CreditRequest);
        host.Send(data.AsSpan(Bytes / 2));
        c.Eventually(() => flow.Log.Any(p => p.Op == Op.CreditUpdate));
        CaseContext.Require(flow.Log.Any(p => p.Op == Op.CreditUpdate), "no-credit-update", "CREDIT_UPDATE among the data", "none");
        Exchange.Same(flow.Read(Bytes), data, "host to guest");
        Close(c, flow, host);
    }

    [Case("VSC-0415", "VS-X-25", Title = "Unsolicited CREDIT_UPDATEs are taken without an answer")]
    public static void CreditUpdate_Unsolicited_IsTakenSilently(CaseContext c)
    {
        const int Updates = 1000;
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        int before = flow.Log.Count;
        for (int i = 0; i < Updates; i++)
        {
            flow.Send(Op.CreditUpdate);
        }

        c.Fence();
        flow.ExpectNothingMore("credit-update-answered", "no answer to CREDIT_UPDATE");
        CaseContext.Require(flow.Log.Count == before, "credit-update-answered", "no packet in answer", $"{flow.Log.Count - before} packets");
        Exchange.Echo(c, flow, host);
        Close(c, flow, host);
    }

    [Case(
        "VSC-0416",
        "B-49",
        Title = "Data beyond the device's window: reset, or delivered whole, never a stream with a hole",
        Probe = true,
        Regressions = ["KB-B4"])]
    public static void GuestOverruns_Window_NoHoleInTheStream(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        // More than the window and what a host socket may have taken out of it.
        const uint Largest = 16 << 20;
        byte[] data = c.RandomBytes((int)Math.Min(flow.PeerBufAlloc, Largest) + (1 << 20));
        for (int at = 0; at < data.Length; at += 32 * 1024)
        {
            flow.Send(Op.Rw, data.AsSpan(at, Math.Min(32 * 1024, data.Length - at)));
        }

        c.Fence();
        bool reset = flow.TryTake([], out Packet? packet) && packet.Op == Op.Rst;
        c.Record("credit.overrun", reset ? "reset" : "taken");
        byte[] buffer = new byte[64 * 1024];
        int seen = 0;
        _ = c.Timeline.WaitUntil(
            () =>
            {
                while (host.TryReceive(buffer, out int n))
                {
                    Exchange.Same(buffer.AsSpan(0, n), data.AsSpan(seen, n), "guest to host before the overrun showed");
                    seen += n;
                }

                return host.End != HostEnd.Open || seen == data.Length;
            },
            new Interop.PollEntry(host.Fd, Interop.PollEvents.Readable));
        CaseContext.Require(
            seen == data.Length || host.End != HostEnd.Open,
            "stream-with-a-hole",
            "all data, or the end of the connection",
            $"{seen} of {data.Length} bytes and the connection still open");
    }

    [Case("VSC-0417", "B-55", Title = "A window of 2^32-1 bytes does no harm", Probe = true)]
    public static void Window_Enormous_DoesNoHarm(CaseContext c)
    {
        const int Piece = 50_000;
        (Flow flow, HostConnection host) = c.Open(bufAlloc: uint.MaxValue);
        byte[] data = c.RandomBytes(6 * Piece);
        host.Send(data);

        // No sender has to use all of the credit: one that stops earlier, at its own buffer's size, goes on when it sees that data was consumed.
        for (int at = 0; at < data.Length; at += Piece)
        {
            Exchange.Same(flow.Read(Piece), data.AsSpan(at, Piece), "host to guest with a window of 2^32-1 bytes");
            flow.Send(Op.CreditUpdate);
        }

        c.Record("credit.enormous_window", "used");
        c.Fence();
    }

    [Case("VSC-0418", "B-53", Title = "A fwd_cnt ahead of what was sent does no harm", Probe = true)]
    public static void FwdCnt_AheadOfWhatWasSent_DoesNoHarm(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.Send(Op.CreditUpdate, edit: h => h with { FwdCnt = 1_000_000 });
        c.Fence();
        bool reset = flow.TryTake([], out Packet? packet) && packet.Op == Op.Rst;
        c.Record("credit.fwd_cnt_ahead", reset ? "reset" : "ignored");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0419", "B-56", "B-57", Title = "How often credit is told and asked for is recorded", Probe = true, Regressions = ["KB-A13"])]
    public static void Credit_OverAMebibyte_IsCounted(CaseContext c)
    {
        const int Bytes = 1 << 20;
        (Flow flow, HostConnection host) = c.Open();
        for (int done = 0; done < Bytes; done += 16 * 1024)
        {
            flow.Write(c.RandomBytes(16 * 1024));
            _ = host.ReceiveExactly(16 * 1024);
        }

        c.Record("credit.updates_per_mebibyte", flow.Log.Count(p => p.Op == Op.CreditUpdate));
        c.Record("credit.requests_per_mebibyte", flow.Log.Count(p => p.Op == Op.CreditRequest));
        Close(c, flow, host);
    }

    [Case(
        "VSC-0420",
        "VS-X-21",
        "VS-CRED-DEV-2",
        Title = "Small packets that come while the application has read only a part of those before all count",
        Regressions = ["KB-A6"])]
    public static void FwdCnt_SmallPacketsReadInPart_AllCount(CaseContext c)
    {
        const int Packets = 100;
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(Packets * 5);
        int read = 0;
        for (int sent = 5; sent <= data.Length; sent += 5)
        {
            flow.Write(data.AsSpan(sent - 5, 5));
            c.Canary.FenceTx();
            int take = c.Random.Next(sent - read);
            Exchange.Same(host.ReceiveExactly(take), data.AsSpan(read, take), "guest to host in packets of 5 bytes");
            read += take;
        }

        Exchange.Same(host.ReceiveExactly(data.Length - read), data.AsSpan(read), "guest to host in packets of 5 bytes");
        ExpectFwdCnt(c, flow, (uint)data.Length);
        CaseContext.Require(
            !host.TryReceive(new byte[1], out _) && host.End == HostEnd.Open,
            "bytes-out-of-nowhere",
            $"nothing after the {data.Length} bytes sent",
            $"{host.BytesRead} bytes, {host.End}");
        Close(c, flow, host);
    }

    [Case(
        "VSC-0421",
        "VS-X-24",
        "VS-X-23",
        Title = "A mebibyte from the host and two from the guest at once get through, the guest asking for credit whenever it has none",
        Regressions = ["KB-A9", "KB-A12"])]
    public static void BothDirections_OverManyWindows_NeverStall(CaseContext c)
    {
        const int Down = 1 << 20;
        const int Up = 2 << 20;
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 64 * 1024);
        Transfer down = new(c.RandomBytes(Down), "host to guest");
        Transfer up = new(c.RandomBytes(Up), "guest to host");
        byte[] buffer = new byte[32 * 1024];
        bool asked = false;
        while (!down.IsDone || !up.IsDone)
        {
            CaseContext.Require(
                c.Timeline.WaitUntil(Step, new Interop.PollEntry(host.Fd, Interop.PollEvents.Readable)),
                "transfer-stalls",
                "both directions go on: the guest gives credit and asks for it, the application reads",
                $"{down.Seen} of {Down} bytes down and {up.Seen} of {Up} up; the guest may send {flow.PeerFree}");
        }

        Close(c, flow, host);

        bool Step() => GuestSends() | HostSends() | GuestReads() | HostReads();

        bool GuestSends()
        {
            int n = (int)Math.Min(Math.Min(flow.PeerFree, (uint)up.Unsent.Length), (uint)buffer.Length);
            if (n > 0)
            {
                flow.Send(Op.Rw, up.Send(n));
                asked = false;
                return true;
            }

            if (!asked && !up.Unsent.IsEmpty)
            {
                flow.Send(Op.CreditRequest);
                asked = true;
            }

            return false;
        }

        bool HostSends() => !down.Unsent.IsEmpty && host.TrySend(down.Unsent[..Math.Min(down.Unsent.Length, buffer.Length)], out int n) && !down.Send(n).IsEmpty;

        bool GuestReads()
        {
            if (!flow.TryTake([], out Packet? packet))
            {
                return false;
            }

            CaseContext.Require(packet.Op == Op.Rw, "transfer-ends", "data until all of it was sent", packet.ToString());
            down.Arrive(packet.Payload);
            flow.Consume((uint)packet.Payload.Length);
            return true;
        }

        // While the host sends, its application reads no more than it was sent: the guest is still at it when the host is done, and then
        // only answers and updates give it credit.
        bool HostReads()
        {
            int most = Math.Min(buffer.Length, down.IsDone ? buffer.Length : down.Seen - up.Seen);
            if (most <= 0 || !host.TryReceive(buffer.AsSpan(0, most), out int n))
            {
                return false;
            }

            up.Arrive(buffer.AsSpan(0, n));
            asked = false;
            return true;
        }
    }

    [Case(
        "VSC-0422",
        "VS-X-24",
        "VS-CRED-DEV-2",
        "B-56",
        Title = "A sender that uses a small part of the window only learns of all that was read when it asks; whether it is told unasked is recorded",
        Regressions = ["KB-A14"])]
    public static void CreditRequest_FarFromTheWindowsEnd_TellsAllThatWasRead(CaseContext c)
    {
        const int Rounds = 20;
        (Flow flow, HostConnection host) = c.Open();
        int piece = (int)Math.Min(flow.PeerBufAlloc / 8, 16 * 1024);
        int unasked = 0;
        for (int i = 0; i < Rounds; i++)
        {
            flow.Write(c.RandomBytes(piece));
            _ = host.ReceiveExactly(piece);
            c.Fence();
            unasked += flow.PeerFwdCnt == flow.TxCnt ? 1 : 0;
            ExpectFwdCnt(c, flow, flow.TxCnt);
        }

        c.Record("credit.told_unasked_far_from_the_end", $"{unasked} of {Rounds}");
        Close(c, flow, host);
    }

    [Case(
        "VSC-0423",
        "VS-X-23",
        "VS-X-31",
        Title = "On a half-closed flow the direction that lives carries several windows",
        Regressions = ["KB-A18"])]
    public static void Credit_OnHalfClosedFlow_IsStillTold(CaseContext c)
    {
        const uint Most = 4 << 20;
        foreach (bool byHost in (ReadOnlySpan<bool>)[true, false])
        {
            (Flow flow, HostConnection host) = c.Open();
            if (byHost)
            {
                host.Shutdown(System.Net.Sockets.SocketShutdown.Send);
                flow.Expect("half-close-not-told", Op.Shutdown);
            }
            else
            {
                flow.SendShutdown(ShutdownFlags.Receive);
            }

            byte[] data = c.RandomBytes((int)Math.Min(flow.PeerBufAlloc * 3UL, Most));
            int read = 0;
            for (int at = 0; at < data.Length;)
            {
                int n = Math.Min(data.Length - at, 10_000);
                if (flow.PeerFree < n)
                {
                    Exchange.Same(host.ReceiveExactly(at - read), data.AsSpan(read, at - read), "guest to host on a half-closed flow");
                    read = at;
                }

                flow.Write(data.AsSpan(at, n));
                at += n;
            }

            Exchange.Same(host.ReceiveExactly(data.Length - read), data.AsSpan(read), "guest to host on a half-closed flow");
            Close(c, flow, host);
        }
    }

    /// <summary>Bytes on their way in one direction, and how far they are.</summary>
    private sealed class Transfer(byte[] data, string direction)
    {
        private int sent;

        public int Seen { get; private set; }

        public bool IsDone => Seen == data.Length;

        public ReadOnlySpan<byte> Unsent => data.AsSpan(sent);

        /// <summary>Counts the next bytes as sent and returns them.</summary>
        public ReadOnlySpan<byte> Send(int count)
        {
            sent += count;
            return data.AsSpan(sent - count, count);
        }

        public void Arrive(ReadOnlySpan<byte> piece)
        {
            Exchange.Same(piece, data.AsSpan(Seen, Math.Min(piece.Length, data.Length - Seen)), $"{direction} after {Seen} bytes");
            Seen += piece.Length;
        }
    }

    /// <summary>Writes more than there is credit for.</summary>
    private static void Flood(CaseContext c, HostConnection host, int bytes) => host.Send(c.RandomBytes(bytes));

    private static void Arrived(CaseContext c, Flow flow, uint total) => CaseContext.Require(
        c.Eventually(() => flow.RxCnt >= total),
        "data-missing",
        $"{total} bytes, which the window allows",
        $"{flow.RxCnt} bytes");

    /// <summary>Waits for what the window allows, then fences to see that no more comes.</summary>
    private static void ExpectExactly(CaseContext c, Flow flow, uint total)
    {
        Arrived(c, flow, total);
        c.Fence();
        CaseContext.Require(flow.RxCnt == total, "sends-without-credit", $"{total} bytes, which the window allows", $"{flow.RxCnt} bytes");
    }

    /// <summary>Asks until the device has counted what the application read: the count may follow the application's read a moment later.</summary>
    private static void ExpectFwdCnt(CaseContext c, Flow flow, uint expected)
    {
        bool reached = flow.PeerFwdCnt == expected;
        const int Tries = 100;
        for (int i = 0; !reached && i < Tries; i++)
        {
            flow.Send(Op.CreditRequest);
            flow.Expect("no-credit-update", Op.CreditUpdate);
            c.Fence();
            reached = flow.PeerFwdCnt == expected;
        }

        CaseContext.Require(reached, "fwd-cnt-wrong", $"fwd_cnt {expected}: the bytes that the application has read", $"{flow.PeerFwdCnt}");
    }

    private static void ExpectTrueClaims(Flow flow)
    {
        foreach (Packet packet in flow.Log.Where(p => p.Op != Op.Rst))
        {
            CaseContext.Require(packet.Header.BufAlloc != 0, "no-window", "buf_alloc above 0 in every packet of the flow", packet.ToString());
        }
    }

    private static void Close(CaseContext c, Flow flow, HostConnection host)
    {
        flow.Reset();
        host.Dispose();
        c.Fence();
    }
}
