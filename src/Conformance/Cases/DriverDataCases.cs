using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Stream data of a driver: ordered, guaranteed, without boundaries (virtio 1.4 section 5.10.6.2).</summary>
[Area("driver-data")]
public static class DriverDataCases
{
    [Case(
        "VSC-2090",
        "VS-X-17",
        "VS-X-26",
        "VS-X-27",
        Title = "Bytes from the guest arrive whole and in order, whatever the sizes of its sends, in packets whose len is what they carry",
        Vary = Vary.Rings)]
    public static void GuestToDevice_RandomSizes_ArrivesWhole(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 100_000);
        int[] sizes = [1, 2, 43, 44, 45, 4051, 4052, 4096, 65_535, 65_536, 65_537, .. Enumerable.Range(0, 10).Select(_ => c.Random.Next(1, 30_000))];
        int longer = 0;
        foreach (int size in sizes)
        {
            byte[] data = guest.Send(size);
            Exchange.Same(flow.Read(size), data, "guest to device");
        }

        // The auditor has looked at those that say more than they carry.
        foreach (Packet packet in flow.Log)
        {
            DriverContext.Require(packet.Op == Op.Rw || packet.Header.Len == 0, "control-with-len", "len 0 in packets that carry no data", packet.ToString());
            longer += packet.UsedLength > VsockHeader.Size + packet.Header.Len ? 1 : 0;
        }

        c.Record("data.chains_longer_than_their_packet", longer);
    }

    [Case(
        "VSC-2091",
        "VS-X-17",
        "VS-X-26",
        Title = "Bytes from the device arrive whole and in order, whatever the sizes of its packets",
        Vary = Vary.Rings)]
    public static void DeviceToGuest_RandomSizes_ArrivesWhole(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        int full = c.Device.MaxPayload;
        int[] sizes = [1, full, 1, full - 1, 2, 128, 129, full, full, 1, 1, .. Enumerable.Range(0, 60).Select(_ => c.Random.Next(1, full + 1))];
        byte[] data = GuestSocket.Seeded(c.Seed, sizes.Sum());
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, (ulong)data.Length, c.Random.Next(1000, 9000));
        int at = 0;
        foreach (int size in sizes)
        {
            flow.Write(data.AsSpan(at, size));
            at += size;
        }

        _ = guest.ExpectReceived(receiving, data.Length);
    }

    [Case("VSC-2092", "VS-X-17", Title = "Packets of any size are read in parts of any size, and no byte is lost, repeated or moved")]
    public static void DeviceToGuest_ReadInOddParts_ArrivesWhole(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        int full = c.Device.MaxPayload;
        byte[] data = GuestSocket.Seeded(c.Seed, 20 * full);
        int sent = 0;
        int read = 0;
        while (read < data.Length)
        {
            int n = Math.Min(c.Random.Next(3) == 0 ? full : c.Random.Next(1, 300), data.Length - sent);
            flow.Write(data.AsSpan(sent, n));
            sent += n;
            if (c.Random.Next(3) != 0 && sent < data.Length)
            {
                continue;
            }

            int take = sent == data.Length ? sent - read : c.Random.Next(1, sent - read + 1);
            GuestTransfer part = c.Await(c.Agent.BulkReceive(guest.Fd, c.Seed, (ulong)take, c.Random.Next(1, 3000), (ulong)read));
            DriverContext.Require(
                part.Result.Value == take && part.FirstDifference < 0,
                "wrong-data",
                $"bytes {read} to {read + take} of what the device sent",
                $"{part.Result}, first difference at {part.FirstDifference}");
            read += take;
        }

        DriverContext.Require(guest.Waiting() <= 0, "bytes-out-of-nowhere", $"nothing after the {data.Length} bytes sent", $"{guest.Waiting()} bytes");
    }

    [Case("VSC-2093", "VS-X-17", "VS-X-23", Title = "Four mebibytes each way at once arrive whole", Vary = Vary.Layouts)]
    public static void BothDirections_FourMebibytes_ArriveWhole(DriverContext c)
    {
        const int Bytes = 4 << 20;
        const int Piece = 64 * 1024;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] up = GuestSocket.Seeded(c.Seed, Bytes);
        byte[] down = GuestSocket.Seeded(c.Seed + 1, Bytes);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Bytes, Piece);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed + 1, Bytes, Piece);
        for (int at = 0; at < Bytes; at += Piece)
        {
            flow.Write(down.AsSpan(at, Piece));
            Exchange.Same(flow.Read(Piece), up.AsSpan(at, Piece), $"guest to device after {at} bytes");
        }

        guest.ExpectSent(sending, Bytes);
        _ = guest.ExpectReceived(receiving, Bytes);
    }

    [Case("VSC-2094", "VS-X-17", Title = "Data that comes before the guest's application has accepted the connection waits for it")]
    public static void Data_BeforeAccept_Waits(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        Flow flow = c.Device.NewFlow(c.NewHostPort(), listener.Listen());
        _ = flow.Connect();
        int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
        c.Fence();
        flow.ExpectNothingMore("window-not-honoured", "the flow lives with its window full");
        GuestSocket guest = listener.Accept();
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent), sent);
        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2095", "VS-X-17", "VS-X-34", Title = "Data that the guest sent right before it closed arrives before its SHUTDOWN, also when the device is late to take it")]
    public static void GuestSendsAndCloses_AllDataThenShutdown(DriverContext c)
    {
        const int Bytes = 100_000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        c.Device.TakesTx = false;
        guest.ExpectSent(guest.BulkSend(c.Seed, Bytes, 9000), Bytes);
        guest.Close().OrThrow("close");
        c.Device.TakesTx = true;
        Packet end = flow.Log[^1];
        _ = c.Eventually(() => (end = flow.Log[^1]).Op is Op.Shutdown or Op.Rst);
        DriverContext.Require(end.Op == Op.Shutdown, "no-shutdown", "SHUTDOWN when the guest's application has closed", end.ToString());
        Exchange.Same(DrivenTransfer.Payload(flow), GuestSocket.Seeded(c.Seed, Bytes), "guest to device before the close");
        flow.Reset();
    }

    [Case("VSC-2096", "VS-X-17", "VS-X-31", Title = "Data that the device sent right before SHUTDOWN is read before the end of file")]
    public static void DeviceSendsAndShutsDown_AllDataThenEnd(DriverContext c)
    {
        foreach (ShutdownFlags flags in (ReadOnlySpan<ShutdownFlags>)[ShutdownFlags.Send, ShutdownFlags.Both])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            int sent = DrivenTransfer.FillWindow(c, flow, c.Seed);
            flow.SendShutdown(flags);
            c.Fence();
            _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, (ulong)sent), sent);
            guest.ExpectEndOfFile();
        }
    }

    [Case("VSC-2097", "VS-X-15", "VS-X-17", Title = "Many flows at once each carry their own bytes, packets of one between those of the others")]
    public static void ManyFlows_AtOnce_EachItsOwnBytes(DriverContext c)
    {
        const int Flows = 20;
        const int Bytes = 3000;
        (GuestSocket Guest, Flow Flow, byte[] Up, byte[] Down)[] all = [.. Enumerable.Range(0, Flows).Select(i =>
        {
            (GuestSocket guest, Flow flow) = i % 2 == 0 ? DrivenSocket.Open(c) : DrivenSocket.OpenFromDevice(c);
            return (guest, flow, guest.Send(Bytes), c.RandomBytes(Bytes));
        })];
        for (int at = 0; at < Bytes; at += 500)
        {
            foreach ((_, Flow flow, _, byte[] down) in all)
            {
                flow.Write(down.AsSpan(at, 500));
            }
        }

        foreach ((GuestSocket guest, Flow flow, byte[] up, byte[] down) in all)
        {
            Exchange.Same(flow.Read(Bytes), up, $"guest to device on {flow.Id}");
            Exchange.Same(guest.ReceiveExactly(Bytes), down, $"device to guest on {flow.Id}");
        }
    }

    [Case("VSC-2098", "VS-X-17", "VS-X-26", Title = "Buffers in parts of all lengths, at the guest's sender and receiver, carry the bytes in order")]
    public static void ScatteredBuffers_BothWays_KeepOrder(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] up = guest.Send([1, 4095, 0, 4096, 65_536, 17, 30_000, 1]);
        Exchange.Same(flow.Read(up.Length), up, "guest to device from a buffer in parts");
        byte[] down = c.RandomBytes(8000);
        flow.Write(down, 1111);
        GuestReceived received = guest.Receive([1, 0, 4095, 7, 3000, 897], GuestMessage.WaitAll);
        Exchange.Same(received.Data, down, "device to guest into a buffer in parts");
    }

    [Case("VSC-2099", "VS-X-17", Title = "What the guest's application looks at with MSG_PEEK is what it then reads, and moves no credit")]
    public static void Peek_PartAndAll_IsWhatIsRead(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = c.RandomBytes(300);
        flow.Write(data, 70);
        c.Fence();
        Exchange.Same(guest.ReceiveExactly(30), data.AsSpan(0, 30), "device to guest, a part");
        Exchange.Same(guest.Receive(100, GuestMessage.Peek).Data, data.AsSpan(30, 100), "device to guest, a look at a part");
        Exchange.Same(guest.Receive(1000, GuestMessage.Peek).Data, data.AsSpan(30), "device to guest, a look at all");
        uint told = DrivenTransfer.AskForCredit(c, flow).Header.FwdCnt;
        DriverContext.Require(told <= 30, "fwd-cnt-wrong", "fwd_cnt of at most the 30 bytes that the application has taken", $"{told}");
        Exchange.Same(guest.ReceiveExactly(270), data.AsSpan(30), "device to guest");
        DrivenTransfer.ExpectFwdCnt(c, flow, 300);
    }

    [Case(
        "VSC-2100",
        "B-51",
        Title = "RW packets of a stream that carry nothing, among others and in a flood, change nothing of its bytes",
        Probe = true,
        Regressions = ["KB-B2"])]
    public static void EmptyPackets_OnAStream_ChangeNothing(DriverContext c)
    {
        const int Flood = 3000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = GuestSocket.Seeded(c.Seed, 1000);
        flow.Send(Op.Rw);
        for (int at = 0; at < data.Length; at += 100)
        {
            flow.Send(Op.Rw, data.AsSpan(at, 100));
            flow.Send(Op.Rw);
        }

        c.Fence();
        (int seen, GuestResult end) = DrivenTransfer.ReceiveNow(c, guest, c.Seed);
        bool reset = flow.Log.Any(p => p.Op == Op.Rst);
        c.Record("data.empty_packets", reset ? "reset" : "taken");
        DriverContext.Require(
            reset || (seen == data.Length && end.Errno == GuestErrno.WouldBlock),
            "data-lost-silently",
            $"{data.Length} bytes and an open stream, or RST",
            $"{seen} bytes, then {end}");
        if (!reset)
        {
            for (int i = 0; i < Flood; i++)
            {
                flow.Send(Op.Rw);
            }

            c.Fence();
            c.Record("data.flood_of_empty_packets", flow.Log.Any(p => p.Op == Op.Rst) ? "reset" : "taken");
            if (!flow.Log.Any(p => p.Op == Op.Rst))
            {
                GuestFlow.Echo(c, guest, flow);
            }
        }

        DrivenTransfer.OnFreshConnection(c);
    }

    [Case("VSC-2101", "VS-X-11", "B-37", Title = "Of a packet that is longer than its header says, only the first len bytes are data, or the driver resets the flow")]
    public static void Packet_LongerThanLen_OnlyLenCounts(DriverContext c)
    {
        const int Len = 5;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = GuestSocket.Seeded(c.Seed, 105);
        VsockHeader header = flow.Header(Op.Rw) with { Len = Len };
        byte[] packet = new byte[VsockHeader.Size + 100];
        header.Write(packet);
        data.AsSpan(0, 100).CopyTo(packet.AsSpan(VsockHeader.Size));
        c.Device.Send(packet);
        c.Fence();
        (int seen, GuestResult end) = DrivenTransfer.ReceiveNow(c, guest, c.Seed);
        bool reset = flow.Log.Any(p => p.Op == Op.Rst);
        c.Record("data.packet_longer_than_len", reset ? "reset" : $"{seen} bytes");
        DriverContext.Require(reset || seen == Len, "len-ignored", $"{Len} bytes, as len says, or RST", $"{seen} bytes, then {end}");
        if (!reset)
        {
            flow.Send(Op.Rw, data.AsSpan(Len, 100));
            c.Fence();
            (int more, end) = DrivenTransfer.ReceiveNow(c, guest, c.Seed, Len);
            DriverContext.Require(more == 100, "data-missing", "the 100 bytes of the next packet", $"{more}, then {end}");
        }
    }

    [Case("VSC-2102", "VS-X-17", "VS-FEAT-DRV-2", Title = "Without any socket type offered, streams carry bytes both ways")]
    [Offer(VirtioFeatures.None)]
    public static void Stream_WithoutOfferedTypes_CarriesBytes(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        GuestFlow.Echo(c, guest, flow);
        (guest, flow) = DrivenSocket.OpenFromDevice(c);
        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2103", "VS-X-17", "VS-X-15", Title = "A receive that waits when its first byte comes, and for the rest in many pieces (MSG_WAITALL), gets it all")]
    public static void Receive_WaitingForMany_GetsAll(DriverContext c)
    {
        const int Total = 200_000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = GuestSocket.Seeded(c.Seed, Total);
        Task<GuestReceived> receiving = c.Agent.ReceiveSeeded(guest.Fd, c.Seed, 0, [Total], GuestMessage.WaitAll, new CallLimit(4 * c.Timeline.Patience));
        c.Fence();
        flow.Write(data.AsSpan(0, 1));
        c.Fence();
        flow.Write(data.AsSpan(1), 997);
        GuestReceived received = c.Await(receiving);
        DriverContext.Require(
            received.Result.Value == Total && received.FirstDifference < 0,
            "wrong-data",
            $"{Total} bytes with one call",
            $"{received.Result}, first difference at {received.FirstDifference}");
    }
}
