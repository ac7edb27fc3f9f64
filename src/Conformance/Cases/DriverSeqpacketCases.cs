using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Seqpacket sockets of a driver and their boundaries (virtio 1.4 section 5.10.6.6).</summary>
[Area("driver-seqpacket")]
public static class DriverSeqpacketCases
{
    private const SeqpacketFlags Eom = SeqpacketFlags.EndOfMessage;
    private const SeqpacketFlags EomEor = SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord;

    [Case(
        "VSC-2120",
        "VS-X-18",
        "VS-X-37",
        "VS-X-40",
        Title = "Messages from the guest arrive one by one, in order and whole; EOM is on the last packet of each and on no other",
        Vary = Vary.Rings,
        Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessages_OfAllSizes_KeepTheirBoundaries(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        foreach (int size in (ReadOnlySpan<int>)[1, 2, 44, 4096, 10_000, 65_535, 65_536, 65_537, 150_000])
        {
            byte[] data = guest.Send(size);
            (byte[] seen, SeqpacketFlags flags) = flow.ReadMessage();
            Exchange.Same(seen, data, $"guest to device, a message of {size} bytes");
            DriverContext.Require(flags == Eom, "flags-wrong", "EOM alone (1) on the last packet of a message that ends no record", $"0x{(uint)flags:x}");
        }

        c.Fence();
        flow.ExpectNothingMore("message-goes-on", "nothing after the last EOM");
        foreach (Packet packet in flow.Log.Where(p => p.Op == Op.Rw))
        {
            DriverContext.Require(
                packet.Header.Type == SocketType.Seqpacket && packet.Header.Flags is 0 or (uint)Eom, "flags-wrong", "type 2, and no flag but EOM", packet.ToString());
        }
    }

    [Case("VSC-2121", "VS-X-39", "VS-X-40", Title = "A message sent with MSG_EOR has EOR on its last packet, and no other packet has", Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessage_EndsRecord_EorOnTheLastOnly(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        foreach ((int size, bool ends) in (ReadOnlySpan<(int, bool)>)[(10, true), (10, false), (100_000, true), (100_000, false), (1, true)])
        {
            int first = flow.Log.Count;
            byte[] data = guest.Send(size, ends ? GuestMessage.EndOfRecord : 0);
            (byte[] seen, SeqpacketFlags flags) = flow.ReadMessage();
            Exchange.Same(seen, data, "guest to device");
            DriverContext.Require(flags == (ends ? EomEor : Eom), "flags-wrong", ends ? "EOM and EOR (3)" : "EOM alone (1)", $"0x{(uint)flags:x}");
            Packet[] pieces = [.. flow.Log.Skip(first).Where(p => p.Op == Op.Rw)];
            DriverContext.Require(
                pieces.SkipLast(1).All(p => p.Header.Flags == 0), "flags-wrong", "no flag before the last packet of a message", string.Join("; ", pieces.Select(p => p.ToString())));
        }
    }

    [Case("VSC-2122", "VS-X-18", "VS-X-38", Title = "Messages from the device, in as few packets as the guest's buffers allow, arrive one by one and whole", Vary = Vary.Rings, Needs = VirtioFeatures.Seqpacket)]
    public static void DeviceMessages_OfAllSizes_KeepTheirBoundaries(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.OpenFromDevice(c, SocketType.Seqpacket);
        int full = c.Device.MaxPayload;
        ulong seed = c.Seed;
        foreach (int size in (ReadOnlySpan<int>)[1, 2, 44, full - 1, full, full + 1, 2 * full, 60_000, (int)flow.PeerBufAlloc])
        {
            DrivenTransfer.SendMessage(c, flow, GuestSocket.Seeded(++seed, size), full);
            guest.ExpectMessage(seed, size);
        }
    }

    [Case("VSC-2123", "VS-X-38", "VS-X-18", Title = "A message that the device sends in pieces of any size, with CREDIT_UPDATE and CREDIT_REQUEST between, arrives as one", Needs = VirtioFeatures.Seqpacket)]
    public static void DeviceMessage_InPieces_ArrivesAsOne(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        foreach (int piece in (ReadOnlySpan<int>)[1, 7, 100, 299])
        {
            byte[] data = c.RandomBytes(300);
            DrivenTransfer.SendMessage(c, flow, data, piece, between: () =>
            {
                if (c.Random.Next(5) == 0)
                {
                    flow.Send(c.Random.Next(2) == 0 ? Op.CreditUpdate : Op.CreditRequest);
                }
            });
            GuestExchange.ReceiveMessage(guest, data, $"device to guest in pieces of {piece}");
        }
    }

    [Case("VSC-2124", "VS-X-38", "VS-X-37", Title = "Nothing of a message is delivered before its last packet has come", Needs = VirtioFeatures.Seqpacket)]
    public static void DeviceMessage_Incomplete_IsNotDelivered(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        byte[] data = c.RandomBytes(900);
        for (int at = 0; at < 800; at += 200)
        {
            flow.Send(Op.Rw, data.AsSpan(at, 200));
            c.Fence();
            GuestResult early = guest.Receive(10_000, GuestMessage.DontWait).Result;
            DriverContext.Require(early.Errno == GuestErrno.WouldBlock, "half-message-delivered", $"EAGAIN after {at + 200} of 900 bytes without EOM", early.ToString());
        }

        // Whether poll speaks of a message that is not complete is between the guest's kernel and its application.
        c.Record("seqpacket.poll_before_end_of_message", guest.Look(PollEvents.Readable));
        flow.Send(Op.Rw, data.AsSpan(800), (uint)Eom);
        GuestExchange.ReceiveMessage(guest, data, "device to guest");
    }

    [Case("VSC-2125", "VS-X-39", Title = "The guest's application is told of the end of a record (MSG_EOR) with the message that has EOR, and with no other", Needs = VirtioFeatures.Seqpacket)]
    public static void DeviceMessage_EndsRecord_ApplicationIsTold(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        foreach ((int size, SeqpacketFlags flags) in (ReadOnlySpan<(int, SeqpacketFlags)>)[(10, EomEor), (10, Eom), (9000, EomEor), (9000, Eom), (1, EomEor)])
        {
            byte[] data = c.RandomBytes(size);
            DrivenTransfer.SendMessage(c, flow, data, c.Device.MaxPayload, flags);
            GuestReceived received = guest.Receive(size + 1000);
            DriverContext.Require(received.Result.Value == size, "wrong-boundary", $"one message of {size} bytes at the guest's application", received.Result.ToString());
            Exchange.Same(received.Data, data, "device to guest");
            bool told = (received.MessageFlags & GuestMessage.EndOfRecord) != 0;
            bool ends = flags == EomEor;
            DriverContext.Require(told == ends, "record-wrong", ends ? "MSG_EOR with the message that ends a record" : "no MSG_EOR", $"flags 0x{received.MessageFlags:x}");
        }
    }

    [Case("VSC-2126", "VS-X-18", "VS-X-37", Title = "Many small messages are neither merged nor cut, either way", Vary = Vary.Rings, Needs = VirtioFeatures.Seqpacket)]
    public static void ManyMessages_BothWays_KeepTheirBoundaries(DriverContext c)
    {
        const int Messages = 40;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        byte[][] down = [.. Enumerable.Range(0, Messages).Select(_ => c.RandomBytes(c.Random.Next(1, 200)))];
        foreach (byte[] message in down)
        {
            DrivenTransfer.SendMessage(c, flow, message, 200);
        }

        byte[][] up = [.. Enumerable.Range(0, Messages).Select(_ => guest.Send(c.Random.Next(1, 200)))];
        foreach (byte[] message in up)
        {
            Exchange.Same(flow.ReadMessage().Data, message, "guest to device");
        }

        foreach (byte[] message in down)
        {
            GuestExchange.ReceiveMessage(guest, message, "device to guest");
        }
    }

    [Case("VSC-2127", "VS-X-18", "VS-X-21", Title = "A message read with too small a buffer does not spill into the next, and all of it counts as read", Needs = VirtioFeatures.Seqpacket)]
    public static void Message_LongerThanBuffer_IsTruncatedAlone(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        foreach ((int size, int buffer) in (ReadOnlySpan<(int, int)>)[(6000, 1000), (100, 1), (9000, 8999), (300, 150)])
        {
            byte[] data = c.RandomBytes(size);
            byte[] next = c.RandomBytes(100);
            DrivenTransfer.SendMessage(c, flow, data, Math.Min(size / 3, c.Device.MaxPayload));
            DrivenTransfer.SendMessage(c, flow, next, 100);
            GuestReceived part = guest.Receive(buffer);
            Exchange.Same(part.Data, data.AsSpan(0, buffer), "device to guest, the beginning of a message");
            DriverContext.Require(
                (part.MessageFlags & GuestMessage.Truncated) != 0, "truncation-not-told", "MSG_TRUNC: the buffer was too small for the message", $"flags 0x{part.MessageFlags:x}");
            GuestExchange.ReceiveMessage(guest, next, "device to guest, the message after it");
            DrivenTransfer.ExpectFwdCnt(c, flow, flow.TxCnt);
        }
    }

    [Case("VSC-2128", "VS-X-38", "VS-X-33", Title = "Half a message, and then RST or SHUTDOWN: the guest's application never gets it as a message", Needs = VirtioFeatures.Seqpacket)]
    public static void DeviceMessage_CutByEnd_IsNeverDelivered(DriverContext c)
    {
        foreach (Op end in (ReadOnlySpan<Op>)[Op.Rst, Op.Shutdown])
        {
            foreach (bool behindWhole in (ReadOnlySpan<bool>)[false, true])
            {
                (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
                byte[] whole = c.RandomBytes(200);
                if (behindWhole)
                {
                    DrivenTransfer.SendMessage(c, flow, whole, 200);
                }

                flow.Send(Op.Rw, c.RandomBytes(300));
                flow.Send(end, flags: end == Op.Shutdown ? (uint)ShutdownFlags.Both : 0);
                c.Fence();
                GuestReceived received = guest.Receive(10_000);
                if (behindWhole && received.Result.Value == whole.Length)
                {
                    Exchange.Same(received.Data, whole, "device to guest, the message before");
                    received = guest.Receive(10_000);
                }
                else if (behindWhole)
                {
                    // RST may take what was not read yet; a SHUTDOWN must not.
                    DriverContext.Require(end == Op.Rst, "message-lost", "the whole message that came before SHUTDOWN", received.Result.ToString());
                }

                DriverContext.Require(
                    received.Result.Value <= 0, "half-message-delivered", $"an error or the end after {end}, and no message", $"a message of {received.Result.Value} bytes");
                c.Record($"seqpacket.half_message_then_{Names.Of(end)}", received.Result.ToString());
            }
        }
    }

    [Case("VSC-2129", "VS-CRED-DRV-1", "VS-X-18", Title = "A message larger than the device's buffer is refused in the guest, or comes in pieces as credit allows; the next is whole", Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessage_LargerThanWindow_NeverOverruns(DriverContext c)
    {
        const int Size = 5000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket, bufAlloc: 1000);
        Task<GuestResult> sending = c.Agent.SendSeeded(guest.Fd, c.Seed, 0, [Size], limit: new CallLimit(4 * c.Timeline.Patience));
        _ = c.Eventually(() => sending.IsCompleted || flow.RxCnt > 0);
        if (sending.IsCompleted && !c.Await(sending).Succeeded)
        {
            c.Record("seqpacket.message_beyond_window", c.Await(sending).ToString());
            c.Fence();
            DriverContext.Require(flow.RxCnt == 0, "refused-message-sent", "nothing of a message that was refused", $"{flow.RxCnt} bytes");
        }
        else
        {
            c.Record("seqpacket.message_beyond_window", "sent in pieces");
            Exchange.Same(flow.ReadMessage().Data, GuestSocket.Seeded(c.Seed, Size), "guest to device");
            DriverContext.Require(c.Await(sending).Value == Size, "guest-send-short", $"{Size} bytes taken", c.Await(sending).ToString());
        }

        byte[] next = guest.Send(500);
        Exchange.Same(flow.ReadMessage().Data, next, "guest to device, the next message");
        flow.FwdCnt = flow.RxCnt;
        flow.Send(Op.CreditUpdate);
        c.Fence();
        byte[] fitting = guest.Send(1000);
        Exchange.Same(flow.ReadMessage().Data, fitting, "guest to device, a message as large as the buffer");
    }

    [Case(
        "VSC-2130",
        "VS-CRED-DRV-1",
        "VS-X-37",
        "VS-X-23",
        Title = "A message for which credit comes byte by byte is never begun beyond it, and has one EOM, at its end",
        Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessage_CreditByteByByte_IsWhole(DriverContext c)
    {
        const int Size = 200;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket, bufAlloc: Size);
        byte[] first = guest.Send(Size - 1);
        DrivenTransfer.Arrived(c, flow, Size - 1);
        Task<GuestResult> sending = c.Agent.SendSeeded(guest.Fd, c.Seed, 0, [Size], limit: new CallLimit(4 * c.Timeline.Patience));
        for (uint taken = 1; taken < Size; taken++)
        {
            flow.FwdCnt = taken;
            flow.Send(Op.CreditUpdate);
            if (taken % 10 == 0)
            {
                c.Fence();
            }
        }

        DrivenTransfer.Arrived(c, flow, (2 * Size) - 1);
        DriverContext.Require(c.Await(sending).Value == Size, "guest-send-short", $"{Size} bytes taken", c.Await(sending).ToString());
        Exchange.Same(DrivenTransfer.Payload(flow), (byte[])[.. first, .. GuestSocket.Seeded(c.Seed, Size)], "guest to device");
        int at = 0;
        foreach (Packet packet in flow.Log.Where(p => p.Op == Op.Rw))
        {
            at += packet.Payload.Length;
            DriverContext.Require(
                ((packet.Header.Flags & (uint)Eom) != 0) == (at is Size - 1 or (2 * Size) - 1), "flags-wrong", "EOM where a message ends, and nowhere else", $"{packet} ends after {at} bytes");
        }

        c.Record("seqpacket.packets_of_a_message_that_waited", flow.Log.Count(p => p.Op == Op.Rw) - 1);
    }

    [Case(
        "VSC-2131",
        "B-51",
        Title = "A flood of empty messages is borne or answered with RST, what the guest holds of it is recorded, and its driver goes on",
        Probe = true,
        Needs = VirtioFeatures.Seqpacket,
        Regressions = ["KB-B2"])]
    public static void EmptyMessages_Flood_IsBorne(DriverContext c)
    {
        const int Messages = 5000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        long before = c.Await(c.Agent.Counters()).AvailableKiB;
        int sent = 0;
        while (sent < Messages && !flow.Log.Any(p => p.Op == Op.Rst))
        {
            flow.Send(Op.Rw, flags: (uint)Eom);
            sent++;
        }

        c.Fence();
        bool reset = flow.Log.Any(p => p.Op == Op.Rst);
        c.Record("seqpacket.empty_messages", reset ? "reset" : $"{sent} borne");
        c.Record("seqpacket.kib_for_empty_messages", before - c.Await(c.Agent.Counters()).AvailableKiB);
        if (!reset)
        {
            c.Record("seqpacket.empty_message_at_the_application", guest.Receive(100, GuestMessage.DontWait).Result.ToString());
        }

        guest.Close().OrThrow("close");
        DrivenTransfer.OnFreshConnection(c, SocketType.Seqpacket);
    }

    [Case("VSC-2132", "B-51", Title = "An empty message among others is delivered or passed over, and the next is whole", Probe = true, Needs = VirtioFeatures.Seqpacket)]
    public static void EmptyMessage_AmongOthers_NextIsWhole(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        byte[] before = c.RandomBytes(300);
        byte[] next = c.RandomBytes(500);
        DrivenTransfer.SendMessage(c, flow, before, 300);
        flow.Send(Op.Rw, flags: (uint)Eom);
        DrivenTransfer.SendMessage(c, flow, next, 500);

        // An end of message that carries nothing ends the pieces before it.
        flow.Send(Op.Rw, before);
        flow.Send(Op.Rw, flags: (uint)Eom);
        DrivenTransfer.SendMessage(c, flow, next, 500);
        c.Fence();
        if (flow.Log.Any(p => p.Op == Op.Rst))
        {
            c.Record("seqpacket.empty", "reset");
            return;
        }

        GuestExchange.ReceiveMessage(guest, before, "device to guest, the message before the empty one");
        GuestReceived received = guest.Receive(10_000);
        c.Record("seqpacket.empty", received.Result.Value == 0 ? "delivered" : "passed over");
        Exchange.Same(received.Result.Value == 0 ? guest.Receive(10_000).Data : received.Data, next, "device to guest, the message after the empty one");
        GuestReceived ended = guest.Receive(10_000);
        c.Record("seqpacket.message_ended_by_empty_packet", ended.Result.Value == before.Length ? "delivered" : $"{ended.Result}");
        if (ended.Result.Value == before.Length)
        {
            GuestExchange.ReceiveMessage(guest, next, "device to guest, the last message");
        }
    }

    [Case("VSC-2133", "B-72", Title = "EOR without EOM, and EOM and EOR on a stream, lose no data silently", Probe = true, Needs = VirtioFeatures.Seqpacket)]
    public static void Flags_InOddPlaces_LoseNoData(DriverContext c)
    {
        byte[] data = GuestSocket.Seeded(c.Seed, 200);
        (GuestSocket guest, Flow stream) = DrivenSocket.Open(c);
        stream.Send(Op.Rw, data.AsSpan(0, 100), (uint)Eom);
        stream.Send(Op.Rw, data.AsSpan(100), (uint)EomEor);
        c.Fence();
        (int seen, GuestResult end) = DrivenTransfer.ReceiveNow(c, guest, c.Seed);
        bool reset = stream.Log.Any(p => p.Op == Op.Rst);
        c.Record("seqpacket.flags_on_stream", reset ? "reset" : $"{seen} of 200 bytes");
        DriverContext.Require(reset || seen == 200, "data-lost-silently", "200 bytes, or RST", $"{seen} bytes, then {end}");

        (guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        flow.Send(Op.Rw, data.AsSpan(0, 100), (uint)SeqpacketFlags.EndOfRecord);
        c.Fence();
        GuestReceived early = guest.Receive(1000, GuestMessage.DontWait);
        flow.Send(Op.Rw, data.AsSpan(100), (uint)Eom);
        c.Fence();
        reset = flow.Log.Any(p => p.Op == Op.Rst);
        GuestReceived late = guest.Receive(1000, GuestMessage.DontWait);
        c.Record("seqpacket.eor_without_eom", reset ? "reset" : $"{early.Result} at EOR, {late.Result} at EOM, flags 0x{late.MessageFlags:x}");
        DriverContext.Require(
            reset || early.Data.Concat(late.Data).SequenceEqual(data), "data-lost-silently", "200 bytes in one message or two, or RST", $"{early.Result} and {late.Result}");
    }

    [Case("VSC-2134", "VS-X-15", "VS-X-38", Title = "Pieces of messages on several flows, one between the other, come together by flow", Needs = VirtioFeatures.Seqpacket)]
    public static void Pieces_OfSeveralFlows_ComeTogetherByFlow(DriverContext c)
    {
        const int Pieces = 5;
        (GuestSocket Guest, Flow Flow, byte[] Data)[] all = [.. Enumerable.Range(0, 6).Select(_ =>
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
            return (guest, flow, c.RandomBytes(Pieces * 100));
        })];
        for (int i = 0; i < Pieces; i++)
        {
            foreach ((_, Flow flow, byte[] data) in all)
            {
                flow.Send(Op.Rw, data.AsSpan(i * 100, 100), i == Pieces - 1 ? (uint)Eom : 0);
            }
        }

        foreach ((GuestSocket guest, Flow flow, byte[] data) in all)
        {
            GuestExchange.ReceiveMessage(guest, data, $"device to guest on {flow.Id}");
        }
    }

    [Case(
        "VSC-2135",
        "VS-X-18",
        "VS-X-23",
        "VS-X-25",
        Title = "A one-way flow of messages never stalls: the driver tells unasked of the room that reading makes",
        Vary = Vary.Layouts,
        Needs = VirtioFeatures.Seqpacket,
        Regressions = ["KB-A16", "KB-A17"])]
    public static void OneWayMessages_OverManyWindows_CreditIsToldUnasked(DriverContext c)
    {
        foreach ((ulong buffer, int size) in (ReadOnlySpan<(ulong, int)>)[(256 * 1024, 50_000), (8192, 8192), (8192, 3000)])
        {
            (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, buffer, SocketType.Seqpacket);
            for (int i = 0; i < 12; i++)
            {
                byte[] message = GuestSocket.Seeded(c.Seed, size);
                flow.AwaitCredit((uint)size);
                DrivenTransfer.SendMessage(c, flow, message, c.Device.MaxPayload);
                guest.ExpectMessage(c.Seed, size);
            }

            DrivenTransfer.DiscourageAsking(c, flow);
        }
    }

    [Case("VSC-2136", "VS-X-24", "VS-X-21", Title = "On a seqpacket flow too CREDIT_REQUEST is answered, and fwd_cnt reaches what was read", Needs = VirtioFeatures.Seqpacket)]
    public static void CreditRequest_OnSeqpacket_IsAnswered(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        DriverContext.Require(flow.Log[0].Header is { FwdCnt: 0, BufAlloc: > 0 }, "credit-wrong", "fwd_cnt 0 and a buffer in REQUEST", flow.Log[0].ToString());
        uint total = 0;
        foreach (int size in (ReadOnlySpan<int>)[1, 500, 10_000])
        {
            byte[] data = c.RandomBytes(size);
            DrivenTransfer.SendMessage(c, flow, data, c.Device.MaxPayload);
            GuestExchange.ReceiveMessage(guest, data, "device to guest");
            total += (uint)size;
            DrivenTransfer.ExpectFwdCnt(c, flow, total);
            Packet update = flow.Log.Last(p => p.Op == Op.CreditUpdate);
            DriverContext.Require(update.Header is { Type: SocketType.Seqpacket, Len: 0 }, "update-wrong", "CREDIT_UPDATE of the flow's type with len 0", update.ToString());
        }
    }

    [Case("VSC-2137", "VS-X-18", "VS-X-23", Title = "A mebibyte of messages each way at once arrives in as many messages", Needs = VirtioFeatures.Seqpacket)]
    public static void Messages_BothDirectionsAtOnce_ArriveWhole(DriverContext c)
    {
        const int Size = 5000;
        const int Count = 200;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket, bufAlloc: 64 * 1024);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Size * Count, Size);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed + 1, Size * Count, 2 * Size);
        byte[] up = GuestSocket.Seeded(c.Seed, Size * Count);
        byte[] down = GuestSocket.Seeded(c.Seed + 1, Size * Count);
        for (int i = 0; i < Count; i++)
        {
            DriverContext.Require(c.Eventually(() => flow.PeerFree >= Size), "no-credit", "credit as the guest's application reads", $"{flow.PeerFree}");
            DrivenTransfer.SendMessage(c, flow, down.AsSpan(i * Size, Size), c.Device.MaxPayload);
            Exchange.Same(flow.ReadMessage().Data, up.AsSpan(i * Size, Size), $"guest to device, message {i}");
        }

        guest.ExpectSent(sending, Size * Count);
        GuestTransfer received = guest.ExpectReceived(receiving, Size * Count);
        DriverContext.Require(received.Calls == Count, "wrong-boundary", $"{Count} messages of {Size} bytes", $"as many bytes in {received.Calls} messages");
    }

    [Case("VSC-2138", "VS-X-18", "VS-X-19", Title = "Only payload counts: a window filled with small messages that nobody reads arrives whole", Needs = VirtioFeatures.Seqpacket, Regressions = ["KB-B5"])]
    public static void SmallMessages_FillTheWindow_NoneIsLostSilently(DriverContext c)
    {
        const int Size = 16;
        (GuestSocket guest, Flow flow) = DrivenTransfer.OpenWith(c, 8192, SocketType.Seqpacket);
        int count = (int)flow.PeerFree / Size;
        byte[] data = GuestSocket.Seeded(c.Seed, count * Size);
        for (int i = 0; i < count; i++)
        {
            DrivenTransfer.SendMessage(c, flow, data.AsSpan(i * Size, Size), Size);
        }

        c.Fence();
        flow.ExpectNothingMore("small-messages-reset", $"the flow lives: {count} messages of {Size} bytes, which are the window of {flow.PeerBufAlloc}");
        GuestTransfer received = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)data.Length, 100), data.Length);
        DriverContext.Require(received.Calls == count, "wrong-boundary", $"{count} messages of {Size} bytes", $"as many bytes in {received.Calls} messages");
        GuestFlow.Echo(c, guest, flow);
    }

    [Case(
        "VSC-2139",
        "VS-CRED-DRV-1",
        "VS-X-22",
        "B-52",
        Title = "A window that shrinks below what is in flight stops messages too; the next one goes out whole once fwd_cnt makes room",
        Needs = VirtioFeatures.Seqpacket,
        Regressions = ["KB-A1"])]
    public static void Window_ShrinksBelowInFlight_NoMessageGoesOut(DriverContext c)
    {
        const int InFlight = 3000;
        const int Size = 800;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket, bufAlloc: 4096);
        byte[] first = guest.Send(InFlight);
        DrivenTransfer.Arrived(c, flow, InFlight);
        flow.BufAlloc = 1000;
        flow.Send(Op.CreditUpdate);
        c.Fence();
        (GuestResult early, byte[] data) = guest.TrySend([Size], GuestMessage.DontWait);
        c.Fence();
        DriverContext.Require(flow.RxCnt == InFlight, "sends-without-credit", $"no data with buf_alloc 1000 and {InFlight} bytes in flight", $"{flow.RxCnt - InFlight} more bytes");
        Exchange.Same(flow.ReadMessage().Data, first, "guest to device, the message in flight");
        flow.Send(Op.CreditUpdate);
        if (early.Value != Size)
        {
            data = guest.Send(Size);
        }

        Exchange.Same(flow.ReadMessage().Data, data, "guest to device, the message that waited");
    }
}
