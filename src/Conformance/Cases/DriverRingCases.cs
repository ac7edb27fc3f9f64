using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>The rings as a driver fills and reads them (virtio 1.4 sections 2.7, 2.8, 3.3 and 5.10.6.4).</summary>
[Area("driver-rings")]
public static class DriverRingCases
{
    private const VirtioFeatures SplitEventIdx = DeviceSetup.Usual | VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc;
    private const VirtioFeatures PackedEventIdx = DeviceSetup.Usual | VirtioFeatures.RingPacked | VirtioFeatures.EventIdx;

    /// <summary>Kicks that are asked for one after the other.</summary>
    private const int Rounds = 100;

    /// <summary>Packets behind which a kick is asked for.</summary>
    private const int Ahead = 3;

    [Case(
        "VSC-2280",
        "VS-X-27",
        "VQ-04",
        "VQ-07",
        "VQ-10",
        "VS-X-08",
        Title = "Whatever the guest sends, each tx chain is readable, has the header and as many bytes as its len says, and keeps to the rules of descriptor tables",
        Vary = Vary.Rings)]
    public static void TxChains_OfEverySort_AreWellFormed(DriverContext c)
    {
        c.Device.ReturnsTx = false;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 1 << 20);
        foreach (int[] parts in (int[][])[[1], [1000], [64 * 1024], [4096, 4096, 1], [3, 70_000, 5]])
        {
            byte[] data = guest.Send(parts);
            Exchange.Same(flow.Read(data.Length), data, "guest to device");
        }

        flow.Send(Op.CreditRequest);
        _ = flow.Expect("no-credit-update", Op.CreditUpdate);
        guest.Shutdown(System.Net.Sockets.SocketShutdown.Send).OrThrow("shutdown");
        _ = flow.Expect("no-shutdown", Op.Shutdown);
        DriverContext.Require(c.Device.HeldTx.Count > 0, "nothing-sent", "tx chains", "none");
        bool exact = true;
        foreach (HeldChain chain in c.Device.HeldTx)
        {
            uint len = VsockHeader.Read(c.Device.Tx.Read(chain)).Len;
            DriverContext.Require(
                chain.WritableBytes == 0 && chain.ReadableBytes >= VsockHeader.Size + (ulong)len,
                "tx-chain-malformed",
                $"at least {VsockHeader.Size + len} readable bytes and none to write",
                $"{chain.ReadableBytes} readable bytes, {chain.WritableBytes} to write");
            exact &= chain.ReadableBytes == VsockHeader.Size + (ulong)len;
        }

        c.Record("driver.tx_chain_is_header_and_len", exact);
        c.Record("driver.uses_tables", c.Device.HeldTx.Any(chain => chain.HasTable));
    }

    [Case("VSC-2281", "RS-04", Title = "Chains that the device holds are not touched by the driver, however much it does meanwhile", Vary = Vary.Rings)]
    public static void HeldChains_MeanwhileTraffic_StayAsTheyAre(DriverContext c)
    {
        // A driver may post new buffers only when so many have come back, so some are left for the traffic.
        HeldChain[] buffers = DrivenRings.TakeAll(c.Device.Rx);
        int spare = buffers.Length / 2;
        c.Device.FillFirst(buffers.AsSpan(0, spare));
        c.Device.ReturnsTx = false;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = guest.Send(20_000);
        Exchange.Same(flow.Read(data.Length), data, "guest to device");
        flow.Write(c.RandomBytes(100));
        _ = guest.ReceiveExactly(100);
        c.Device.Tx.ReexamineAll();
        c.Device.Rx.ReexamineAll();
        foreach (HeldChain chain in buffers.Skip(spare))
        {
            c.Device.Rx.Return(chain, 0);
        }
    }

    [Case(
        "VSC-2282",
        "VQ-23",
        "VQ-11",
        "PK-04",
        Title = "More than 65,536 chains go through each ring, every one answered once",
        Vary = Vary.Layouts,
        Slow = true)]
    public static void Indices_BeyondTheirRange_GoOn(DriverContext c)
    {
        const int Packets = (1 << 16) + 100;
        const int Batch = 1024;
        for (int sent = 0; sent < Packets; sent += Batch)
        {
            Flow flow = DrivenRings.NewRefused(c);
            for (int i = 0; i < Batch; i++)
            {
                flow.Send(Op.Request);
            }

            DriverContext.Require(
                c.Eventually(() => flow.Log.Count >= Batch),
                "answers-missing",
                $"{Batch} times RST",
                $"{flow.Log.Count} packets after {sent} on other flows");
            DriverContext.Require(flow.Log.Count == Batch && flow.Log.All(p => p.Op == Op.Rst), "wrong-answers", $"{Batch} times RST", $"{flow.Log.Count} packets");
            c.Device.Forget(flow);
        }

        DrivenRings.Echo(c);
    }

    [Case("VSC-2283", "VQ-19", "PK-07", Title = "A kick that the device asks for comes with the next tx chain, every time", Vary = Vary.Rings)]
    public static void TxKick_AskedFor_Comes(DriverContext c)
    {
        ScriptedQueue tx = DrivenRings.QuietTx(c);
        for (int i = 0; i < Rounds; i++)
        {
            Flow flow = DrivenRings.NewRefused(c);
            c.Device.TakesTx = false;
            DriverContext.Require(!tx.EnableKicks(), "unasked-packet", "no packet after a fence", "one");
            ulong before = tx.Kicks;
            flow.Send(Op.Request);
            RequireKick(c, tx, before, $"round {i + 1}");
            c.Device.TakesTx = true;
            _ = flow.Expect("no-reset", Op.Rst);
            c.Device.Forget(flow);
        }
    }

    [Case("VSC-2284", "VQ-19", Title = "A kick that the device asks for comes when the driver posts rx buffers again", Vary = Vary.Rings)]
    public static void RxKick_AskedFor_Comes(DriverContext c)
    {
        c.Fence();
        ScriptedQueue rx = c.Device.Rx;
        rx.WantsKicks = false;
        for (int i = 0; i < 3; i++)
        {
            HeldChain[] all = DrivenRings.TakeAll(rx);
            DriverContext.Require(!rx.EnableKicks(), "unasked-buffers", "no buffers but those that were there", "more");
            ulong before = rx.Kicks;
            foreach (HeldChain chain in all)
            {
                rx.Complete(chain, 0);
            }

            rx.Publish();
            RequireKick(c, rx, before, $"round {i + 1}");
            DriverContext.Require(c.Eventually(() => rx.HasAvailable), "no-buffers", "new buffers with the kick", "none");

            // All of them must be there before they are taken again.
            rx.WantsKicks = true;
            c.Fence();
            rx.WantsKicks = false;
        }
    }

    [Case("VSC-2285", "VQ-19", Title = "While the device asks for no kicks, the driver sends none", Vary = Vary.Rings)]
    public static void TxKick_NotWanted_DoesNotCome(DriverContext c)
    {
        const int Packets = 50;
        ScriptedQueue tx = DrivenRings.QuietTx(c);
        ulong before = tx.Kicks;
        Flow flow = DrivenRings.NewRefused(c);
        for (int i = 0; i < Packets; i++)
        {
            flow.Send(Op.Request);
        }

        DriverContext.Require(c.Eventually(() => flow.Log.Count == Packets), "answers-missing", $"{Packets} times RST", $"{flow.Log.Count} packets");
        c.Fence();
        ulong kicks = tx.Kicks - before;
        c.Record("driver.kicks_not_wanted", kicks);
        c.Discourage(kicks > 0, "kicks-not-wanted", "no notification while the device asks for none", $"{kicks} for {Packets} packets");
    }

    [Case("VSC-2286", "VQ-19", Title = "With EVENT_IDX a kick comes when the available index passes avail_event, and not before", Needs = VirtioFeatures.EventIdx)]
    [Offer(SplitEventIdx)]
    public static void TxKick_AtEventIndex_Comes(DriverContext c)
    {
        ScriptedQueue tx = DrivenRings.QuietTx(c);
        c.Device.TakesTx = false;
        SplitRingMemory raw = ((SplitDeviceRing)tx.Ring).Raw;
        ushort start = raw.AvailIdx;
        raw.AvailEvent = (ushort)(start + Ahead);
        ulong before = tx.Kicks;
        Flow flow = DrivenRings.NewRefused(c);
        for (int i = 0; i < Ahead; i++)
        {
            flow.Send(Op.Request);
        }

        DriverContext.Require(c.Eventually(() => (ushort)(raw.AvailIdx - start) == Ahead), "answers-missing", $"{Ahead} chains in the tx ring", $"{(ushort)(raw.AvailIdx - start)}");
        ulong early = tx.Kicks - before;
        flow.Send(Op.Request);
        RequireKick(c, tx, before + early, $"avail_event {Ahead} chains ahead, {Ahead + 1} chains posted");
        c.Discourage(early > 0, "kicks-before-event-index", $"no notification before avail_event is passed", $"{early} with the {Ahead} chains before it");
    }

    [Case("VSC-2287", "VQ-19", Title = "With EVENT_IDX the driver does not look at used.flags: a kick comes although NO_NOTIFY is set", Needs = VirtioFeatures.EventIdx)]
    [Offer(SplitEventIdx)]
    public static void TxKick_FlagsWithEventIndex_AreIgnored(DriverContext c)
    {
        ScriptedQueue tx = DrivenRings.QuietTx(c);
        SplitRingMemory raw = ((SplitDeviceRing)tx.Ring).Raw;
        raw.UsedFlags = SplitRingMemory.NoNotify;
        try
        {
            Flow flow = DrivenRings.NewRefused(c);
            c.Device.TakesTx = false;
            _ = tx.EnableKicks();
            ulong before = tx.Kicks;
            flow.Send(Op.Request);
            RequireKick(c, tx, before, "avail_event at the next chain, used.flags NO_NOTIFY");
        }
        finally
        {
            raw.UsedFlags = 0;
        }
    }

    [Case("VSC-2288", "PK-07", Title = "On a packed ring a kick comes for the one descriptor that the device names, also beyond the end of the ring", Needs = VirtioFeatures.EventIdx | VirtioFeatures.RingPacked)]
    [Offer(PackedEventIdx)]
    public static void TxKick_AtNamedDescriptor_Comes(DriverContext c)
    {
        ScriptedQueue tx = DrivenRings.QuietTx(c);
        PackedRingMemory raw = ((PackedDeviceRing)tx.Ring).Raw;
        int size = tx.Ring.Setup.Size;
        for (int posted = 0; posted < 2 * size;)
        {
            // Bits 0 to 14 and 15 of the base: where the next chain will be, and in which lap.
            int next = (int)(tx.Ring.Base & 0x7fff);
            bool lap = (tx.Ring.Base & 0x8000) != 0;

            // Near the end of the ring the named one is the first of the next lap.
            int ahead = next + Ahead + 1 >= size ? size - next : Ahead;
            bool isNextLap = next + ahead == size;
            ushort named = (ushort)(isNextLap ? 0 : next + ahead);
            c.Device.TakesTx = false;
            raw.DeviceEvent = new EventSuppression((ushort)(named | (lap != isNextLap ? 0x8000 : 0)), (ushort)EventMode.Desc);
            ulong before = tx.Kicks;
            Flow flow = DrivenRings.NewRefused(c);
            for (int i = 0; i <= ahead; i++)
            {
                flow.Send(Op.Request);
            }

            RequireKick(c, tx, before, $"descriptor {named} named, {ahead + 1} chains posted from {next}");
            c.Device.TakesTx = true;
            DriverContext.Require(c.Eventually(() => flow.Log.Count == ahead + 1), "answers-missing", $"{ahead + 1} times RST", $"{flow.Log.Count} packets");
            c.Device.Forget(flow);
            posted += ahead + 1;
        }
    }

    [Case("VSC-2298", "PK-07", Title = "On a packed ring the driver asks for notifications in a mode that exists, and for one descriptor only with EVENT_IDX", Vary = Vary.PackedOnly)]
    public static void EventSuppression_OfTheDriver_HasALegalMode(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        GuestFlow.Echo(c, guest, flow);
        foreach (ScriptedQueue queue in (ScriptedQueue[])[c.Device.Rx, c.Device.Tx])
        {
            // What it says at one moment; while it takes packets it may say something else.
            EventSuppression said = ((PackedDeviceRing)queue.Ring).Raw.DriverEvent;
            DriverContext.Require(said.Mode != EventMode.Reserved, "reserved-mode", "flags 0, 1 or 2", $"flags {said.Flags} of the {VsockQueue.Name(queue.Index)} queue");
            DriverContext.Require(
                said.Mode != EventMode.Desc, "mode-not-negotiated", "flags 0 or 1 without EVENT_IDX", $"flags {said.Flags} of the {VsockQueue.Name(queue.Index)} queue");
        }
    }

    [Case("VSC-2289", "VQ-22", Title = "Notifications without a reason do no harm, with and without traffic", Vary = Vary.Rings)]
    public static void Calls_WithoutReason_AreSurvived(DriverContext c)
    {
        const int Calls = 200;
        CallAll(c, Calls);
        c.Fence();
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        ulong seed = (ulong)c.Random.NextInt64();
        const int Bytes = 50_000;
        Task<GuestTransfer> sending = guest.BulkSend(seed, Bytes, 1000);
        for (int done = 0; done < Bytes; done += 1000)
        {
            CallAll(c, 1);
            Exchange.Same(flow.Read(1000), GuestSocket.Seeded(seed, Bytes).AsSpan(done, 1000), "guest to device");
        }

        guest.ExpectSent(sending, Bytes);
        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2290", "VQ-17", Title = "Of a packet whose len says more than the device wrote, no byte behind what was written reaches the application", Regressions = ["KB-B9"])]
    public static void Len_BeyondUsedLength_IsNotDelivered(DriverContext c)
    {
        const int Written = 10;
        const int Claimed = 100;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = c.RandomBytes(Claimed);
        byte[] packet = [.. new byte[VsockHeader.Size], .. data];
        (flow.Header(Op.Rw) with { Len = Claimed }).Write(packet);
        c.Device.Send(packet, VsockHeader.Size + Written);
        c.Fence();
        GuestReceived received = guest.Receive(2 * Claimed, GuestMessage.DontWait);
        long count = received.Result.Succeeded ? received.Result.Value : 0;
        c.Record("driver.len_beyond_used_length", received.Result);
        DriverContext.Require(
            count <= Written,
            "bytes-beyond-used-len",
            $"at most the {Written} bytes that used.len covers",
            $"{count} bytes, of which {count - Written} lie behind what the device said that it wrote");
        Exchange.Same(received.Data.AsSpan(0, (int)count), data.AsSpan(0, (int)count), "device to guest");
        DrivenRings.Echo(c);
    }

    [Case("VSC-2291", "VQ-17", "B-40", Title = "A used length that does not cover a header makes nothing of a packet, whatever the buffer holds", Vary = Vary.Rings)]
    public static void UsedLength_BelowHeader_IsNoPacket(DriverContext c)
    {
        foreach (uint told in (ReadOnlySpan<uint>)[0, 1, 20, VsockHeader.Size - 1])
        {
            Flow flow = DrivenRings.NewRefused(c);
            byte[] packet = new byte[VsockHeader.Size];
            flow.Header(Op.Request).Write(packet);
            c.Device.Send(packet, told);
            c.Fence();
            flow.ExpectNothingMore("acted-on-unwritten-header", $"no answer to a packet of which {told} bytes were written");
        }

        DrivenRings.Echo(c);
    }

    [Case("VSC-2292", "VS-X-11", Title = "A used length beyond header and len adds nothing to the payload", Vary = Vary.Rings)]
    public static void UsedLength_BeyondLen_AddsNothing(DriverContext c)
    {
        const int Len = 10;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] data = c.RandomBytes(3 * Len);
        flow.Send(Op.Rw, data, edit: h => h with { Len = Len });
        byte[] more = c.RandomBytes(Len);
        flow.Send(Op.Rw, more);
        Exchange.Same(guest.ReceiveExactly(2 * Len), (byte[])[.. data[..Len], .. more], "device to guest");
    }

    [Case("VSC-2293", "VS-X-17", "VQ-18", Title = "Rx buffers may come back in any order, one by one or all at once: the stream has the order in which they came back", Vary = Vary.Rings)]
    public static void RxBuffers_ReturnedInAnyOrder_CarryTheStream(DriverContext c)
    {
        const int Piece = 100;
        const int Most = 16;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        foreach (bool atOnce in (ReadOnlySpan<bool>)[false, true, false, true])
        {
            DriverContext.Require(c.Eventually(() => c.Device.Rx.HasAvailable), "no-buffers", "rx buffers", "none");
            List<HeldChain> chains = [];
            while (chains.Count < Most && c.Device.Rx.TryTake() is { } chain)
            {
                chains.Add(chain);
            }

            HeldChain[] order = [.. chains];
            c.Random.Shuffle(order);
            c.Device.FillFirst(order);
            c.Device.Rx.HoldsBack = atOnce;
            byte[] data = c.RandomBytes(Piece * order.Length);
            for (int i = 0; i < order.Length; i++)
            {
                flow.Send(Op.Rw, data.AsSpan(i * Piece, Piece));
            }

            c.Device.Rx.HoldsBack = false;
            c.Device.Rx.Publish();
            Exchange.Same(guest.ReceiveExactly(data.Length), data, "device to guest");
        }
    }

    [Case("VSC-2294", "VQ-18", "VS-X-17", Title = "Tx chains may come back late, in any order and all at once, and their memory is then used again", Vary = Vary.Rings)]
    public static void TxChains_ReturnedLateInAnyOrder_AreUsedAgain(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, bufAlloc: 8 << 20);
        for (int round = 0; round < 6; round++)
        {
            c.Device.ReturnsTx = false;
            const int Packets = 40;
            ulong seed = (ulong)c.Random.NextInt64();
            Task<GuestTransfer> sending = guest.BulkSend(seed, Packets * 700, 700);
            Exchange.Same(flow.Read(Packets * 700), GuestSocket.Seeded(seed, Packets * 700), "guest to device");
            guest.ExpectSent(sending, Packets * 700);
            HeldChain[] chains = [.. c.Device.HeldTx];
            c.Random.Shuffle(chains);
            c.Device.HeldTx.Clear();
            foreach (HeldChain chain in chains)
            {
                c.Device.Tx.Complete(chain, 0);
            }

            c.Device.Tx.Publish();
            c.Device.ReturnsTx = true;
            GuestFlow.Echo(c, guest, flow);
        }
    }

    [Case("VSC-2295", "B-66", Title = "A length told for a tx chain, in which nothing can be written, does no harm", Probe = true, Vary = Vary.Rings)]
    public static void UsedLength_OfTxChain_DoesNoHarm(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        foreach (uint told in (ReadOnlySpan<uint>)[1, VsockHeader.Size, uint.MaxValue])
        {
            c.Device.ReturnsTx = false;
            byte[] data = guest.Send(500);
            Exchange.Same(flow.Read(data.Length), data, "guest to device");
            foreach (HeldChain chain in c.Device.HeldTx)
            {
                c.Device.Tx.Return(chain, told);
            }

            c.Device.HeldTx.Clear();
            c.Device.ReturnsTx = true;
            GuestFlow.Echo(c, guest, flow);
        }
    }

    private static void RequireKick(DriverContext c, ScriptedQueue queue, ulong before, string when) => DriverContext.Require(
        c.Eventually(() => queue.Kicks > before),
        "not-kicked",
        $"a notification on the {VsockQueue.Name(queue.Index)} queue, as the device asked",
        $"none within {c.Timeline.Patience.TotalSeconds:0.###} s ({when})");

    private static void CallAll(DriverContext c, int times)
    {
        for (int i = 0; i < times; i++)
        {
            c.Device.Rx.Call();
            c.Device.Tx.Call();
            c.Device.Event?.Call();
        }
    }
}
