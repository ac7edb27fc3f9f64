using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Virtqueues: message framing and split rings (virtio 1.4 sections 2.6 and 2.7).</summary>
[Area("virtqueues")]
public static class VirtqueueCases
{
    private const DescriptorFlags Next = DescriptorFlags.Next;
    private const DescriptorFlags Write = DescriptorFlags.Write;
    private const DescriptorFlags Indirect = DescriptorFlags.Indirect;
    private const byte Pattern = 0xA5;

    [Case("VSC-0801", "VQ-01", "VU-34", Title = "A used ring at an address that is not a multiple of 4 is refused")]
    public static void UsedRing_Misaligned_IsRefused(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ReplyAck);
        RawDriver driver = c.Start(o => o with { Start = false });
        VhostUserFrontEnd device = c.FrontEnd;
        RingSetup odd = driver.TxSetup.Ring with { DeviceArea = driver.TxSetup.Ring.DeviceArea + 2 };
        try
        {
            device.SetVringAddr(VhostUserFrontEnd.AddressOf(VsockQueue.Tx, odd, driver.Memory));
            driver.Device.StartQueue(VsockQueue.Tx);
        }
        catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
        {
            c.Record("ring.misaligned_used_ring", e.Fault);
            c.Stop();
            c.Fence();
            return;
        }

        throw new ExpectationException(
            "misaligned-ring-accepted",
            "a failure status, or the connection closed",
            "the ring was acknowledged and started");
    }

    [Case(
        "VSC-0802",
        "VQ-02",
        Title = "REQUEST and RW mean the same however the driver cuts them into descriptors",
        Vary = Vary.Rings,
        Regressions = ["KB-D2"])]
    public static void TxPacket_InAnyShape_MeansTheSame(CaseContext c)
    {
        ChainShape[] shapes =
        [
            ChainShape.OneBuffer,
            ChainShape.HeaderThenPayload,
            ChainShape.CutAt(VsockHeader.Size + 1),
            ChainShape.CutAt(VsockHeader.Size + 17),
            ChainShape.HeaderThenPieces(1),
            ChainShape.Pieces(7),
            ChainShape.Pieces(43),
            ChainShape.Pieces(44),
            ChainShape.SplitHeaderAt(1).WithZeroLengthPieces(),
            ChainShape.OneBuffer.WithZeroLengthPieces(),
            ChainShape.HeaderThenPayload.WithZeroLengthPieces(),
        ];
        using HostListener listener = c.Listen();
        foreach (ChainShape shape in shapes)
        {
            c.Driver.Tx.Shape = shape;
            Flow flow = c.Driver.NewFlow(listener.Port);
            _ = flow.Connect();
            using HostConnection host = listener.Accept();
            byte[] data = c.RandomBytes(60);
            flow.Write(data);
            Exchange.Same(host.ReceiveExactly(data.Length), data, $"guest to host as {shape}");
        }
    }

    [Case("VSC-0803", "VQ-02", Title = "The header of a tx packet may be cut at any of its 43 places", Vary = Vary.Layouts)]
    public static void TxHeader_CutAnywhere_MeansTheSame(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        for (int at = 1; at < VsockHeader.Size; at++)
        {
            c.Driver.Tx.Shape = at % 2 == 0 ? ChainShape.SplitHeaderAt(at) : ChainShape.CutAt(at);
            byte[] data = c.RandomBytes(at);
            flow.Write(data);
            Exchange.Same(host.ReceiveExactly(at), data, $"guest to host with the header cut after {at} bytes");
        }
    }

    [Case("VSC-0804", "VQ-02", Title = "Rx buffers are filled from first to last byte however the driver cuts them", Vary = Vary.Rings)]
    public static void RxBuffer_InAnyShape_IsFilledInOrder(CaseContext c)
    {
        ChainShape[] shapes =
        [
            ChainShape.HeaderThenPayload,
            ChainShape.SplitHeaderAt(1),
            ChainShape.SplitHeaderAt(43),
            ChainShape.HeaderThenPieces(16),
            ChainShape.Pieces(5),
            ChainShape.Pieces(43),
            ChainShape.CutAt(VsockHeader.Size + 1).WithZeroLengthPieces(),
        ];
        foreach (ChainShape shape in shapes)
        {
            c.Start(o => o with { RxShape = shape, RxBufferSize = 200 });
            (Flow flow, HostConnection host) = c.Open();
            byte[] data = c.RandomBytes(1000);
            host.Send(data);
            Exchange.Same(flow.Read(data.Length), data, $"host to guest into {shape}");
            c.Stop();
        }
    }

    [Case(
        "VSC-0805",
        "VQ-02",
        Title = "A payload in several buffers, the first of them behind the header, arrives whole",
        Vary = Vary.Layouts,
        Regressions = ["KB-D2"])]
    public static void TxPayload_InSeveralBuffers_ArrivesWhole(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        int[][] cuts = [[54, 100], [44, 10, 100], [44, 100, 10], [45, 1, 1, 1], [20, 24, 50, 60, 70], [44, 0, 66, 0]];
        foreach (int[] cut in cuts)
        {
            byte[] data = c.RandomBytes(cut.Sum() - VsockHeader.Size);
            byte[] packet = Packet(flow, data);
            List<RingBuffer> buffers = [];
            int done = 0;
            foreach (int length in cut)
            {
                // Every buffer at a place of its own, so that none can be taken for the continuation of another.
                ulong address = c.Driver.Arena.Allocate((uint)length + 64, 8);
                c.Driver.Memory.Write(address, packet.AsSpan(done, length));
                buffers.Add(RingBuffer.Readable(address, (uint)length));
                done += length;
            }

            c.Driver.ExpectReturned(c.Driver.PostChain([.. buffers]));
            Exchange.Same(host.ReceiveExactly(data.Length), data, $"guest to host as [{string.Join("][", cut)}]");
        }
    }

    [Case(
        "VSC-0806",
        "VQ-02",
        "VU-11",
        Title = "A tx buffer may lie in two memory regions, cut anywhere",
        Vary = Vary.Layouts,
        Regressions = ["KB-D3"])]
    public static void TxBuffer_AcrossRegions_ArrivesWhole(CaseContext c)
    {
        foreach (int before in (ReadOnlySpan<int>)[1, 20, 43, 44, 45, 100, 543])
        {
            (Flow flow, HostConnection host) = c.Open();
            byte[] data = c.RandomBytes(500);
            byte[] packet = Packet(flow, data);
            ulong address = RawDriver.Seam - (ulong)before;
            c.Driver.Memory.Write(address, packet);
            c.Driver.ExpectReturned(c.Driver.PostChain(RingBuffer.Readable(address, (uint)packet.Length)));
            Exchange.Same(host.ReceiveExactly(data.Length), data, $"guest to host with {before} bytes in the lower region");
        }
    }

    [Case(
        "VSC-0807",
        "VQ-02",
        "VU-11",
        Title = "An rx buffer may lie in two memory regions, cut anywhere",
        Vary = Vary.Layouts,
        Regressions = ["KB-D3"])]
    public static void RxBuffer_AcrossRegions_IsFilledWhole(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { RxBuffers = 4 });
        (Flow flow, HostConnection host) = c.Open();
        const uint Size = 1000;
        foreach (int before in (ReadOnlySpan<int>)[1, 20, 43, 44, 45, 100, 543])
        {
            driver.ExhaustBuffers(flow, host);
            byte[] data = c.RandomBytes(500);
            _ = driver.Rx.TryPost(RingBuffer.Writable(RawDriver.Seam - (ulong)before, Size));
            driver.PostBuffersAgain(4);
            driver.Rx.Flush();
            host.Send(data);
            Exchange.Same(flow.Read(data.Length), data, $"host to guest with {before} bytes in the lower region");
            CaseContext.Require(
                driver.ShortPackets == 0,
                "rx-buffer-not-filled",
                "the packet in the buffer",
                "the buffer came back without a packet");
        }
    }

    [Case(
        "VSC-0808",
        "VQ-03",
        Title = "A packet in as many direct descriptors as the ring has is served, or refused cleanly",
        Probe = true,
        Vary = Vary.Layouts)]
    public static void TxPacket_InAllDescriptors_IsServedOrRefused(CaseContext c) =>
        RecordMaximum(c, "direct", [16, 64, 127, 128], o => o with { QueueSize = 128, IndirectChains = false });

    [Case(
        "VSC-0809",
        "VQ-03",
        Title = "An indirect table of up to 1024 descriptors is served, or refused cleanly",
        Probe = true,
        Vary = Vary.Layouts,
        Needs = VirtioFeatures.IndirectDesc)]
    public static void TxPacket_InLongTable_IsServedOrRefused(CaseContext c) =>
        RecordMaximum(
            c,
            "indirect",
            [16, 128, 129, 256, 512, 1023, 1024],
            o => o with { QueueSize = 1024, IndirectChains = true, TxSlotSize = 2048 });

    [Case(
        "VSC-0810",
        "VQ-04",
        Title = "A tx chain with a device-writable buffer before a readable one does no harm",
        Vary = Vary.Layouts,
        Isolation = Isolation.Process)]
    public static void TxChain_WritableFirst_DoesNoHarm(CaseContext c)
    {
        foreach (bool headerReadable in (ReadOnlySpan<bool>)[true, false])
        {
            c.Survives(headerReadable ? "ring.writable_in_the_middle" : "ring.writable_first", driver =>
            {
                ulong at = driver.Arena.Allocate(256);
                driver.NewFlow(1).Header(Op.Request).Write(driver.Memory.Slice(at, VsockHeader.Size));
                RingBuffer header = RingBuffer.Readable(at, VsockHeader.Size);
                RingBuffer writable = RingBuffer.Writable(at + 64, 64);
                driver.PostChain(headerReadable ? [header, writable, RingBuffer.Readable(at + 128, 64)] : [writable, header]);
            });
        }
    }

    [Case("VSC-0811", "VQ-05", Title = "The device writes nothing into the buffers of a tx packet", Vary = Vary.Rings)]
    public static void TxBuffers_AfterUse_AreUnchanged(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        RawDriver driver = c.Driver;
        const uint Room = 1024;
        Op[] operations = [Op.Rw, Op.CreditUpdate, Op.CreditRequest, Op.Shutdown];
        foreach (Op op in operations)
        {
            byte[] data = op == Op.Rw ? c.RandomBytes(500) : [];
            ulong address = driver.Arena.Allocate(Room, 64);
            byte[] before = c.RandomBytes((int)Room);
            byte[] packet = op == Op.Rw ? Packet(flow, data) : Bytes(flow.Header(op, op == Op.Shutdown ? (uint)ShutdownFlags.Send : 0));
            packet.CopyTo(before, 0);
            driver.Memory.Write(address, before);
            driver.ExpectReturned(driver.PostChain(
                RingBuffer.Readable(address, 20),
                RingBuffer.Readable(address + 20, (uint)packet.Length - 20)));
            int changed = driver.Memory.Slice(address, Room).CommonPrefixLength(before);
            CaseContext.Require(changed == Room, "tx-buffer-written", $"the buffers of the {op} packet unchanged", $"byte {changed} differs");
        }

        host.Dispose();
    }

    [Case("VSC-0812", "VQ-06", Title = "The device writes neither the descriptor table nor the available ring")]
    public static void DriverParts_OverTraffic_AreUnchanged(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.AnswersCreditRequests = false;
        RawDriver driver = c.Driver;
        c.ExpectAllReturned();

        // Nothing is posted to the rx ring while it is watched.
        driver.Rx.Target = 0;
        byte[] rx = Parts(driver.RxSetup.Ring);
        driver.Tx.Shape = ChainShape.Pieces(30);
        for (int i = 0; i < 8; i++)
        {
            byte[] data = c.RandomBytes(500);
            byte[] tx;
            using (driver.OneKick())
            {
                flow.Send(Op.CreditUpdate);
                flow.Send(Op.Rw, data);
                tx = Parts(driver.TxSetup.Ring);
            }

            host.Send(data);
            _ = host.ReceiveExactly(data.Length);
            _ = flow.Read(data.Length);
            c.ExpectAllReturned();
            Unchanged("tx", tx, Parts(driver.TxSetup.Ring));
            Unchanged("rx", rx, Parts(driver.RxSetup.Ring));
        }

        driver.PostBuffersAgain();

        byte[] Parts(RingSetup ring)
        {
            byte[] available = driver.Memory.Slice(ring.DriverArea, SplitRingMemory.DriverBytes(ring.Size)).ToArray();

            // The driver's index moves between the two looks.
            available.AsSpan(2, 2).Clear();
            return [.. driver.Memory.Slice(ring.DescriptorArea, SplitRingMemory.DescriptorBytes(ring.Size)), .. available];
        }

        static void Unchanged(string queue, byte[] before, byte[] after)
        {
            int at = after.AsSpan().CommonPrefixLength(before);
            CaseContext.Require(
                at == before.Length,
                "driver-area-written",
                $"descriptors and available ring of the {queue} queue unchanged",
                $"byte {at} differs");
        }
    }

    [Case(
        "VSC-0813",
        "VQ-07",
        "B-48",
        Title = "Loops of descriptors and indices outside the table do not hang or end the device",
        Isolation = Isolation.Process)]
    public static void Descriptors_InLoop_DoNoHarm(CaseContext c)
    {
        Chain("ring.loop_to_itself", 0, [(0, Next)]);
        Chain("ring.loop_to_the_head", 0, [(1, Next), (2, Next), (0, Next)]);
        Chain("ring.next_outside_the_table", 0, [(500, Next)]);
        Chain("ring.head_outside_the_table", 600, [(0, DescriptorFlags.None)]);
        c.Survives("ring.loop_in_indirect_table", driver => ExposeTable(driver, [(0, Next)]), WithIndirect(c));

        void Chain(string key, ushort head, (ushort Next, DescriptorFlags Flags)[] descriptors) => c.Survives(key, driver =>
        {
            ulong at = driver.Arena.Allocate(64);
            for (int i = 0; i < descriptors.Length; i++)
            {
                driver.SplitTx().SetDescriptor(i, new SplitDescriptor(at, 16, descriptors[i].Flags, descriptors[i].Next));
            }

            driver.ExposeHead(head);
        });
    }

    [Case("VSC-0814", "VQ-08", Title = "WRITE on the descriptor of an indirect table is ignored", Needs = VirtioFeatures.IndirectDesc)]
    public static void IndirectHead_WithWrite_MeansTheSame(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        RawDriver driver = c.Driver;
        byte[] data = c.RandomBytes(100);
        (ulong packet, uint length) = Place(driver, Packet(flow, data));
        ulong table = driver.Arena.Allocate(64);
        _ = driver.Tx.TryPostIndirect([], [RingBuffer.Readable(packet, 44), RingBuffer.Readable(packet + 44, length - 44)], table, out Sent sent);
        SplitRingMemory ring = driver.SplitTx();
        SplitDescriptor head = ring.GetDescriptor((int)sent.Id);
        ring.SetDescriptor((int)sent.Id, head with { Flags = head.Flags | Write });
        driver.Tx.Flush();
        driver.ExpectReturned(sent);
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host through a table announced with WRITE");
    }

    [Case("VSC-0815", "VQ-09", Title = "Direct descriptors may come before the indirect one", Needs = VirtioFeatures.IndirectDesc)]
    public static void DirectThenIndirect_MeansTheSame(CaseContext c)
    {
        uint[][] cuts = [[44], [1, 43], [20], [44, 10], [10, 10, 10, 10, 10]];
        foreach (uint[] cut in cuts)
        {
            (Flow flow, HostConnection host) = c.Open();
            RawDriver driver = c.Driver;
            byte[] data = c.RandomBytes(100);
            (ulong at, uint length) = Place(driver, Packet(flow, data));
            List<RingBuffer> direct = [];
            uint done = 0;
            foreach (uint piece in cut)
            {
                direct.Add(RingBuffer.Readable(at + done, piece));
                done += piece;
            }

            uint half = (length - done) / 2;
            ulong table = driver.Arena.Allocate(64);
            _ = driver.Tx.TryPostIndirect(
                [.. direct],
                [RingBuffer.Readable(at + done, half), RingBuffer.Readable(at + done + half, length - done - half)],
                table,
                out Sent sent);
            driver.Tx.Flush();
            driver.ExpectReturned(sent);
            Exchange.Same(host.ReceiveExactly(data.Length), data, $"guest to host as [{string.Join("][", cut)}][table]");
        }
    }

    [Case(
        "VSC-0816",
        "VQ-10",
        Title = "Illegal indirect descriptors do not hang or end the device",
        Isolation = Isolation.Process,
        Needs = VirtioFeatures.IndirectDesc)]
    public static void Indirect_Illegal_DoesNoHarm(CaseContext c)
    {
        Func<SessionOptions, SessionOptions> indirect = WithIndirect(c);
        Single("ring.indirect_not_accepted", 32, Indirect, o => o with { Features = o.Features & ~VirtioFeatures.IndirectDesc });
        Single("ring.indirect_with_next", 32, Indirect | Next, indirect);
        Single("ring.indirect_table_empty", 0, Indirect, indirect);
        Single("ring.indirect_table_of_15_bytes", 15, Indirect, indirect);
        Single("ring.indirect_table_huge", 0xffff_fff0, Indirect, indirect);
        c.Survives("ring.indirect_nested", driver => ExposeTable(driver, [(1, Next), (0, Indirect)]), indirect);
        c.Survives("ring.indirect_next_outside", driver => ExposeTable(driver, [(9, Next)]), indirect);

        void Single(string key, uint length, DescriptorFlags flags, Func<SessionOptions, SessionOptions> change) => c.Survives(
            key,
            driver =>
            {
                driver.SplitTx().SetDescriptor(0, new SplitDescriptor(driver.Arena.Allocate(64), length, flags, 0));
                driver.ExposeHead(0);
            },
            change);
    }

    [Case(
        "VSC-0817",
        "VQ-11",
        "B-48",
        Title = "An available index that jumps ahead by more than the ring, or back, does not hang or end the device",
        Isolation = Isolation.Process)]
    public static void AvailableIndex_Jumps_DoesNoHarm(CaseContext c)
    {
        Jump("ring.avail_idx_ahead_by_the_ring_and_one", 129);
        Jump("ring.avail_idx_half_a_turn_ahead", 0x8000);
        Jump("ring.avail_idx_back_by_one", -1);

        void Jump(string key, int by) => c.Survives(key, driver => driver.SplitTx().AvailIdx += (ushort)by);
    }

    [Case(
        "VSC-0818",
        "VQ-12",
        "B-67",
        Title = "Without EVENT_IDX a used tx chain is followed by a notification, whatever used_event says",
        Regressions = ["KB-D8"])]
    public static void TxUsed_WithoutEventIdx_IsNotified(CaseContext c)
    {
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        SplitRingMemory ring = driver.SplitTx();
        driver.Harvests = false;
        ring.AvailFlags = 0;
        for (int i = 0; i < 30; i++)
        {
            ring.UsedEvent = (ushort)c.Random.Next();
            ulong before = driver.TxCalls;
            UseOneTx(c, flow);
            CaseContext.Require(
                c.Eventually(() => driver.TxCalls > before),
                "call-missing",
                "a notification after the chain was used: EVENT_IDX was not accepted and avail.flags is 0",
                $"none for chain {i}; used_event was {ring.UsedEvent}, used.idx {ring.UsedIdx}");
            driver.Tx.Harvest();
        }

        driver.Harvests = true;
    }

    [Case(
        "VSC-0819",
        "VQ-12",
        Title = "Without EVENT_IDX a filled rx buffer is followed by a notification, whatever used_event says",
        Regressions = ["KB-D8"])]
    public static void RxUsed_WithoutEventIdx_IsNotified(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        SplitRingMemory ring = driver.SplitRx();
        driver.Harvests = false;
        ring.AvailFlags = 0;
        for (int i = 0; i < 30; i++)
        {
            ring.UsedEvent = (ushort)c.Random.Next();
            ulong before = driver.RxCalls;
            ushort used = ring.UsedIdx;
            host.Send([(byte)i]);
            CaseContext.Require(c.Watch(() => ring.UsedIdx != used), "data-missing", "the host's byte in an rx buffer", "none was used");
            CaseContext.Require(
                c.Eventually(() => driver.RxCalls > before),
                "call-missing",
                "a notification after the buffer was filled: EVENT_IDX was not accepted and avail.flags is 0",
                $"none for buffer {i}; used_event was {ring.UsedEvent}, used.idx {ring.UsedIdx}");
            driver.Rx.Harvest(driver.Sink);
            driver.Rx.Refill();
            Exchange.Same(flow.Read(1), [(byte)i], "host to guest");
        }

        driver.Harvests = true;
    }

    [Case("VSC-0820", "VQ-13", "B-65", Title = "Without EVENT_IDX no notification is sent while avail.flags is 1")]
    public static void TxUsed_Suppressed_IsNotNotified(CaseContext c)
    {
        const int Packets = 100;
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        driver.Harvests = false;
        driver.SplitTx().AvailFlags = SplitRingMemory.NoInterrupt;

        // What was decided before the flag was seen may still be on its way; the second chain is behind it.
        UseOneTx(c, flow);
        UseOneTx(c, flow);
        driver.DrainCalls();
        ulong before = driver.TxCalls;
        for (int i = 0; i < Packets; i++)
        {
            UseOneTx(c, flow);
            driver.Tx.Harvest();
        }

        driver.Device.Settle();
        driver.DrainCalls();
        ulong calls = driver.TxCalls - before;
        driver.Harvests = true;
        c.Record("ring.calls_while_suppressed", $"{calls} of {Packets}");
        c.Fence();
        CaseContext.Require(calls == 0, "call-although-suppressed", "no notification while avail.flags is 1", $"{calls} for {Packets} chains");
    }

    [Case(
        "VSC-0821",
        "VQ-14",
        Title = "With EVENT_IDX a notification comes when used_event is passed, whatever avail.flags says",
        Needs = VirtioFeatures.EventIdx)]
    public static void TxUsed_PassesUsedEvent_IsNotified(CaseContext c)
    {
        c.Start();
        PassUsedEvent(c, [0, 0, 1, 2, 5, 0, 9, 1, 20]);
    }

    [Case(
        "VSC-0822",
        "VQ-14",
        "VQ-23",
        Title = "With EVENT_IDX the notification comes also where the used index wraps",
        Needs = VirtioFeatures.EventIdx)]
    public static void TxUsed_PassesUsedEventAtWrap_IsNotified(CaseContext c)
    {
        // Once with an event at every index on both sides of the wrap, once in steps over it.
        const ushort Start = 0xffe0;
        c.Start(o => o with { Base = Start });
        PassUsedEvent(c, new ushort[48]);
        c.Stop();
        c.Start(o => o with { Base = Start });
        PassUsedEvent(c, [0, 3, 1, 2, 4, 1, 3, 2, 0, 5, 1, 6, 3, 0, 2, 7]);
    }

    [Case("VSC-0823", "VQ-14", Title = "With EVENT_IDX a filled rx buffer that passes used_event is notified", Needs = VirtioFeatures.EventIdx)]
    public static void RxUsed_PassesUsedEvent_IsNotified(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        SplitRingMemory ring = driver.SplitRx();
        driver.Harvests = false;
        foreach (ushort ahead in (ReadOnlySpan<ushort>)[0, 0, 2, 5, 1])
        {
            ushort target = (ushort)(ring.UsedIdx + ahead);
            ring.UsedEvent = target;
            ring.AvailFlags = SplitRingMemory.NoInterrupt;
            while ((short)(ring.UsedIdx - target) < 0)
            {
                FillOne();
            }

            driver.DrainCalls();
            ulong before = driver.RxCalls;
            if (ring.UsedIdx == target)
            {
                FillOne();
                CaseContext.Require(
                    c.Eventually(() => driver.RxCalls > before),
                    "call-missing",
                    $"a notification when used.idx passes used_event {target}; avail.flags is ignored with EVENT_IDX",
                    $"none at used.idx {ring.UsedIdx}");
            }

            driver.Rx.Harvest(driver.Sink);
            driver.Rx.Refill();
        }

        ring.AvailFlags = 0;
        driver.Harvests = true;

        void FillOne()
        {
            ushort used = ring.UsedIdx;
            host.Send([1]);
            CaseContext.Require(c.Watch(() => ring.UsedIdx != used), "data-missing", "the host's byte in an rx buffer", "none was used");
            flow.Consume(1);
        }
    }

    [Case("VSC-0824", "VQ-15", Title = "With EVENT_IDX no notification is sent before used_event is passed", Needs = VirtioFeatures.EventIdx)]
    public static void TxUsed_BeforeUsedEvent_IsNotNotified(CaseContext c)
    {
        const int Packets = 100;
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        SplitRingMemory ring = driver.SplitTx();
        driver.Harvests = false;
        ring.UsedEvent = (ushort)(ring.UsedIdx + 0x4000);
        UseOneTx(c, flow);
        UseOneTx(c, flow);
        driver.DrainCalls();
        ulong before = driver.TxCalls;
        for (int i = 0; i < Packets; i++)
        {
            UseOneTx(c, flow);
            driver.Tx.Harvest();
        }

        driver.Device.Settle();
        driver.DrainCalls();
        ulong calls = driver.TxCalls - before;
        driver.Harvests = true;
        c.Record("ring.calls_before_used_event", $"{calls} of {Packets}");
        c.Fence();
        CaseContext.Require(
            calls == 0,
            "call-before-event",
            "no notification while used.idx has not passed used_event",
            $"{calls} for {Packets} chains");
    }

    [Case("VSC-0825", "VQ-16", "VS-X-08", Title = "The length of a used rx buffer is what the device wrote into it", Vary = Vary.Layouts)]
    public static void RxUsedLength_IsTruthful(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { RxBuffers = 4 });
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        const uint Room = 2048;
        foreach (int count in (ReadOnlySpan<int>)[1, 4, 100, 1000])
        {
            driver.ExhaustBuffers(flow, host);
            ulong address = driver.Arena.Allocate(Room, 64);
            driver.Memory.Slice(address, Room).Fill(Pattern);
            byte[] data = [.. Enumerable.Repeat((byte)(Pattern ^ 0xff), count)];
            _ = driver.Rx.TryPost(RingBuffer.Writable(address, 30), RingBuffer.Writable(address + 30, Room - 30));
            driver.Rx.Flush();
            int packets = flow.Log.Count;
            host.Send(data);
            CaseContext.Require(c.Eventually(() => flow.Log.Count > packets), "data-missing", "a packet in the rx buffer", "none");
            uint used = flow.Log[packets].UsedLength;
            VsockHeader header = VsockHeader.Read(driver.Memory.Slice(address, VsockHeader.Size));
            CaseContext.Require(
                used >= VsockHeader.Size + header.Len && used <= Room,
                "used-length-too-short",
                $"at least the {VsockHeader.Size} + {header.Len} bytes of the packet",
                $"{used}");
            Span<byte> behind = driver.Memory.Slice(address + VsockHeader.Size + header.Len, used - VsockHeader.Size - header.Len);
            CaseContext.Require(
                !behind.Contains(Pattern),
                "used-length-too-long",
                $"no more than the bytes written: the packet has {VsockHeader.Size} + {header.Len}",
                $"{used}, and the last {behind.Length} bytes were not written");
            driver.PostBuffersAgain(4);
            Exchange.Same(flow.Read(count), data, "host to guest");
        }
    }

    [Case(
        "VSC-0826",
        "VQ-16",
        "VS-X-13",
        "B-66",
        Title = "A tx chain comes back with length 0: nothing was written into it",
        Vary = Vary.Rings,
        Regressions = ["KB-B12"])]
    public static void TxUsedLength_IsZero(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        Sent[] all = [flow.Send(Op.Rw, c.RandomBytes(300)), flow.Send(Op.CreditUpdate), flow.Send(Op.CreditRequest)];
        foreach (Sent sent in all)
        {
            c.Driver.ExpectReturned(sent);
            RequireNothingWritten(sent);
        }

        // That a chain too short for a header comes back at all is for other cases to judge.
        Sent stub = c.Driver.SendBytes([1, 2, 3]);
        c.Fence();
        if (c.Driver.Tx.IsReturned(stub))
        {
            RequireNothingWritten(stub);
        }

        _ = host.ReceiveExactly(300);

        void RequireNothingWritten(Sent sent)
        {
            uint length = c.Driver.Tx.UsedLengthOf(sent);
            CaseContext.Require(length == 0, "tx-used-length", "used length 0: a tx chain has no device-writable buffer", $"{length}");
        }
    }

    [Case("VSC-0827", "VQ-18", Title = "Every tx chain is returned exactly once, whatever is in it", Vary = Vary.Rings, Regressions = ["KB-D6"])]
    public static void TxChains_OfAllKinds_AreReturnedOnce(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        RawDriver driver = c.Driver;
        Flow unknown = driver.NewFlow(c.NewHostPort());
        for (int round = 0; round < 10; round++)
        {
            List<Sent> sent = [];
            using (driver.OneKick())
            {
                for (int i = 0; i < 12; i++)
                {
                    driver.Tx.Shape = ChainShape.Pieces(c.Random.Next(5, 60));
                    sent.Add(c.Random.Next(5) switch
                    {
                        0 => flow.Send(Op.Rw, [(byte)i]),
                        1 => flow.Send(Op.CreditUpdate),
                        2 => unknown.Send(Op.Rst),
                        3 => driver.SendBytes(c.RandomBytes(c.Random.Next(1, VsockHeader.Size))),
                        _ => flow.Send(Op.CreditUpdate, c.RandomBytes(10)),
                    });
                }
            }

            sent.ForEach(s => driver.ExpectReturned(s));
            CaseContext.Require(driver.Tx.Outstanding == 0, "tx-chain-not-returned", "all chains returned", $"{driver.Tx.Outstanding} are out");
            CaseContext.Require(
                driver.Tx.Ring.LastUsedWasKnown,
                "tx-chain-returned-twice",
                "each chain once",
                "a chain that the device does not hold");
        }

        c.Fence();
        CaseContext.Require(!driver.Tx.Ring.HasUsed, "tx-chain-returned-twice", "each chain once", "a used entry although no chain is out");
        host.Dispose();
    }

    [Case("VSC-0828", "VQ-19", Title = "A driver that kicks only when the device asks for it is always served", Vary = Vary.Rings)]
    public static void Driver_KicksOnlyWhenAsked_IsServed(CaseContext c)
    {
        (Flow flow, HostConnection _) = c.Open();
        RawDriver driver = c.Driver;
        int packets = 0;
        while (packets < 1000)
        {
            int burst = c.Random.Next(1, 20);
            for (int i = 0; i < burst; i++)
            {
                flow.Send(Op.CreditUpdate);
            }

            packets += burst;
            if (c.Random.Next(3) == 0)
            {
                CaseContext.Require(
                    c.Eventually(() => driver.Tx.Outstanding == 0),
                    "kick-lost",
                    "the device takes every chain: it was kicked whenever used.flags or avail_event asked for it",
                    $"{driver.Tx.Outstanding} chains wait after {packets} packets and {driver.Tx.Kicks} kicks");
            }
        }

        c.Record($"ring.kicks_per_1000_packets {c.Variant.Name}", driver.Tx.Kicks * 1000 / packets);
    }

    [Case("VSC-0829", "VQ-20", Title = "The flags of the used ring are 0 or 1")]
    public static void UsedFlags_WithoutEventIdx_AreZeroOrOne(CaseContext c) => SampleUsedFlags(c, SplitRingMemory.NoNotify);

    [Case(
        "VSC-0830",
        "VQ-20",
        Title = "The flags of the used ring are 0 with EVENT_IDX, also after a restart of the ring",
        Needs = VirtioFeatures.EventIdx)]
    public static void UsedFlags_WithEventIdx_AreZero(CaseContext c) => SampleUsedFlags(c, 0);

    [Case("VSC-0831", "VQ-21", Title = "Ten thousand kicks for nothing do no harm", Vary = Vary.Layouts)]
    public static void Kicks_ForNothing_DoNoHarm(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        for (int round = 0; round < 20; round++)
        {
            for (int i = 0; i < 250; i++)
            {
                c.Driver.Tx.Kick();
                c.Driver.Rx.Kick();
            }

            // So that the device notices kicks in every round and not all of them at once.
            c.Driver.Device.Settle();
        }

        Exchange.Echo(c, flow, host);
    }

    [Case("VSC-0832", "VQ-23", Title = "Rings of every legal size work, from 2 to 256 entries", Vary = Vary.Layouts, Regressions = ["KB-D7"])]
    public static void Ring_OfAnySize_Works(CaseContext c)
    {
        foreach (ushort size in (ReadOnlySpan<ushort>)[2, 4, 16, 64, 256])
        {
            EchoOver(c, size);
        }
    }

    [Case("VSC-0833", "VQ-23", Title = "Rings of 1024 and 32768 entries work, or are refused", Vary = Vary.Layouts, Regressions = ["KB-D7"])]
    public static void Ring_OfLargeSize_WorksOrIsRefused(CaseContext c)
    {
        foreach (ushort size in (ReadOnlySpan<ushort>)[1024, 32768])
        {
            try
            {
                c.Start(Sized(size));
                c.Record($"ring.size_{size}", "works");
            }
            catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
            {
                c.Record($"ring.size_{size}", e.Fault);
                continue;
            }

            Exchange.Echo(c);
            c.Stop();
        }
    }

    [Case("VSC-0834", "VQ-23", Title = "Indices run freely over 65535 while the slots wrap at the ring's size")]
    public static void Indices_OverTheirEnd_Continue(CaseContext c)
    {
        foreach (ushort size in (ReadOnlySpan<ushort>)[4, 16, 128])
        {
            EchoOver(c, size, 0xfff8);
        }
    }

    [Case("VSC-0835", "VQ-23", Title = "The tx index goes round all its 65536 values", Slow = true, Vary = Vary.Layouts)]
    public static void TxIndex_WholeTurn_Works(CaseContext c)
    {
        const int Packets = 66_000;
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < Packets; i++)
        {
            flow.Send(Op.CreditUpdate);
        }

        c.ExpectAllReturned();
        Exchange.Echo(c, flow, host);
    }

    [Case(
        "VSC-0836",
        "FE-12",
        Title = "With IN_ORDER tx chains are used in the order in which they were made available",
        Needs = VirtioFeatures.InOrder)]
    public static void TxChains_InOrder_AreUsedInOrder(CaseContext c)
    {
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        c.ExpectAllReturned();
        SplitRingMemory ring = driver.SplitTx();
        for (int round = 0; round < 5; round++)
        {
            driver.Harvests = false;
            ushort first = ring.UsedIdx;
            List<uint> order = [];
            using (driver.OneKick())
            {
                for (int i = 0; i < 20; i++)
                {
                    order.Add((i % 4 == 3 ? driver.SendBytes([1, 2, 3]) : flow.Send(Op.CreditUpdate)).Id);
                }
            }

            // Section 2.7.9: one used entry may stand for a batch, so entries are compared with a part of the order.
            CaseContext.Require(
                c.Watch(() => (ushort)(ring.UsedIdx - first) == order.Count || (ring.UsedIdx != first && Last() == order[^1])),
                "tx-chain-not-returned",
                $"{order.Count} chains are used",
                $"{(ushort)(ring.UsedIdx - first)} used entries");
            int at = -1;
            for (ushort i = first; i != ring.UsedIdx; i++)
            {
                uint id = ring.GetUsed(i & (ring.Size - 1)).Id;
                int place = order.IndexOf(id);
                CaseContext.Require(
                    place > at,
                    "out-of-order",
                    $"chains used in the order {string.Join(", ", order)}",
                    $"{id} after {(at < 0 ? "none" : order[at])}");
                at = place;
            }

            driver.Harvests = true;
            c.ExpectAllReturned();

            uint Last() => ring.GetUsed((ushort)(ring.UsedIdx - 1) & (ring.Size - 1)).Id;
        }
    }

    [Case(
        "VSC-0837",
        "VQ-04",
        Title = "Rx chains with device-readable buffers do no harm",
        Vary = Vary.Layouts,
        Isolation = Isolation.Process)]
    public static void RxChain_WithReadable_DoesNoHarm(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { RxBuffers = 4 });
        (Flow flow, HostConnection host) = c.Open();
        driver.ExhaustBuffers(flow, host);
        c.Taint(VsockQueue.Rx);
        driver.MindsClosing = false;
        driver.Harvests = false;
        RingBuffer readable = RingBuffer.Readable(driver.Arena.Allocate(64), 64);
        RingBuffer writable = RingBuffer.Writable(driver.Arena.Allocate(1024), 1024);
        _ = driver.Rx.TryPost(readable);
        _ = driver.Rx.TryPost(writable, readable);
        _ = driver.Rx.TryPost(readable, writable);
        driver.Rx.Flush();
        host.Send(c.RandomBytes(100));
        string outcome;
        try
        {
            driver.Device.Settle();
            outcome = driver.Rx.Ring.HasUsed ? "returned" : "kept";
        }
        catch (TransportException e) when (e.Fault == TransportFault.Closed)
        {
            outcome = "closed";
        }

        c.Record($"ring.readable_in_rx {c.Variant.Name}", outcome);
        c.Stop();
        c.Fence();
    }

    private static Func<SessionOptions, SessionOptions> WithIndirect(CaseContext c) =>
        o => o with { Features = o.Features | (c.Facts.OfferedFeatures & VirtioFeatures.IndirectDesc) };

    private static void ExposeTable(RawDriver driver, (ushort Next, DescriptorFlags Flags)[] entries)
    {
        ulong table = driver.Arena.Allocate(256);
        for (int i = 0; i < entries.Length; i++)
        {
            new SplitDescriptor(table + 128, 32, entries[i].Flags, entries[i].Next)
                .Write(driver.Memory.Slice(table + (ulong)(i * SplitDescriptor.Size), SplitDescriptor.Size));
        }

        driver.SplitTx().SetDescriptor(0, new SplitDescriptor(table, (uint)(entries.Length * SplitDescriptor.Size), Indirect, 0));
        driver.ExposeHead(0);
    }

    private static Func<SessionOptions, SessionOptions> Sized(ushort size, uint? start = null) => o => o with
    {
        QueueSize = size,
        Base = start,
        TxSlotSize = 1024,
        RxBufferSize = 512,
        RxBuffers = 200,
    };

    private static void EchoOver(CaseContext c, ushort size, uint? start = null)
    {
        const int Rounds = 12;
        c.Start(Sized(size, start));
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < Rounds; i++)
        {
            Exchange.Echo(c, flow, host);
        }

        c.Stop();
    }

    /// <summary>Posts one packet that needs no answer and returns once it was used; the driver does not harvest.</summary>
    private static void UseOneTx(CaseContext c, Flow flow)
    {
        SplitRingMemory ring = c.Driver.SplitTx();
        ushort used = ring.UsedIdx;
        flow.Send(Op.CreditUpdate);
        CaseContext.Require(c.Watch(() => ring.UsedIdx != used), "tx-chain-not-returned", "the tx chain is used", $"used.idx stayed at {used}");
    }

    private static void PassUsedEvent(CaseContext c, ReadOnlySpan<ushort> steps)
    {
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        RawDriver driver = c.Driver;
        SplitRingMemory ring = driver.SplitTx();
        driver.Harvests = false;
        foreach (ushort ahead in steps)
        {
            ushort target = (ushort)(ring.UsedIdx + ahead);
            ring.UsedEvent = target;
            ring.AvailFlags = SplitRingMemory.NoInterrupt;
            for (int i = 0; i < ahead; i++)
            {
                UseOneTx(c, flow);
            }

            driver.DrainCalls();
            ulong before = driver.TxCalls;
            UseOneTx(c, flow);
            CaseContext.Require(
                c.Eventually(() => driver.TxCalls > before),
                "call-missing",
                $"a notification when used.idx passes used_event {target}; avail.flags is ignored with EVENT_IDX",
                $"none at used.idx {ring.UsedIdx}");
            driver.Tx.Harvest();
        }

        ring.AvailFlags = 0;
        driver.Harvests = true;
    }

    private static void SampleUsedFlags(CaseContext c, ushort allowed)
    {
        (Flow flow, HostConnection host) = c.Open();
        RawDriver driver = c.Driver;
        Look();
        for (int i = 0; i < 20; i++)
        {
            flow.Send(Op.CreditUpdate);
            Look();
            Exchange.Echo(c, flow, host);
            Look();
        }

        c.ExpectAllReturned();
        uint position = driver.Device.StopQueue(VsockQueue.Tx);
        driver.Device.SetUpQueue(driver.TxSetup with { Base = position });
        driver.Device.StartQueue(VsockQueue.Tx);
        Exchange.Echo(c, flow, host);
        Look();

        void Look()
        {
            foreach (SplitRingMemory ring in (SplitRingMemory[])[driver.SplitTx(), driver.SplitRx()])
            {
                ushort flags = ring.UsedFlags;
                CaseContext.Require(
                    (flags & ~allowed) == 0,
                    "bad-used-flags",
                    allowed == 0 ? "used.flags 0, as EVENT_IDX was accepted" : "used.flags 0 or 1",
                    $"0x{flags:x}");
            }
        }
    }

    private static void RecordMaximum(CaseContext c, string kind, ReadOnlySpan<int> counts, Func<SessionOptions, SessionOptions> change)
    {
        int most = 0;
        foreach (int count in counts)
        {
            RawDriver driver = c.Start(change);
            (Flow flow, HostConnection host) = c.Open();
            byte[] data = c.RandomBytes(count - 1);
            driver.Tx.Shape = ChainShape.HeaderThenPieces(1);
            driver.ExpectReturned(flow.Send(Op.Rw, data));
            driver.Tx.Shape = ChainShape.OneBuffer;
            c.Canary.FenceTx();
            byte[] seen = new byte[data.Length];
            int length = 0;
            while (length < seen.Length && host.TryReceive(seen.AsSpan(length), out int n))
            {
                length += n;
            }

            if (length > 0)
            {
                Exchange.Same(seen.AsSpan(0, length), data, $"guest to host in {count} {kind} descriptors");
                most = count;
            }

            c.Stop();
        }

        c.Record($"ring.max_{kind}_descriptors {c.Variant.Name}", most);
    }

    private static byte[] Bytes(VsockHeader header)
    {
        byte[] bytes = new byte[VsockHeader.Size];
        header.Write(bytes);
        return bytes;
    }

    private static byte[] Packet(Flow flow, byte[] data) => [.. Bytes(flow.Header(Op.Rw) with { Len = (uint)data.Length }), .. data];

    private static (ulong Address, uint Length) Place(RawDriver driver, byte[] packet)
    {
        ulong address = driver.Arena.Allocate((uint)packet.Length, 8);
        driver.Memory.Write(address, packet);
        return (address, (uint)packet.Length);
    }
}
