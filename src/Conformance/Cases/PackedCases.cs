using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Packed virtqueues (virtio 1.4 section 2.8).</summary>
[Area("packed")]
public static class PackedCases
{
    private const DescriptorFlags AvailAndUsed = DescriptorFlags.Avail | DescriptorFlags.Used;

    [Case("VSC-0901", "PK-04", Title = "Packed rings of any size work, also one that is not a power of two", Vary = Vary.PackedOnly)]
    public static void Ring_OfAnySize_Works(CaseContext c)
    {
        foreach (ushort size in (ReadOnlySpan<ushort>)[2, 3, 5, 7, 100, 129])
        {
            c.Start(Sized(size));
            (Flow flow, HostConnection host) = c.Open();
            for (int i = 0; i < 12; i++)
            {
                Exchange.Echo(c, flow, host);
            }

            c.Stop();
        }
    }

    [Case("VSC-0902", "PK-03", Title = "Lists of one to all descriptors are used as one each, also over the ring's end", Vary = Vary.PackedOnly)]
    public static void List_OverTheEnd_IsOneChain(CaseContext c)
    {
        const ushort Size = 5;
        RawDriver driver = c.Start(Sized(Size));
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < 40; i++)
        {
            // 44 + n bytes in 1 to 5 pieces.
            int pieces = 1 + (i * 7 % Size);
            byte[] data = c.RandomBytes(56);
            driver.Tx.Shape = pieces == 1 ? ChainShape.OneBuffer : ChainShape.Pieces(100 / pieces);
            Sent sent = flow.Send(Op.Rw, data);
            driver.ExpectReturned(sent);
            Exchange.Same(host.ReceiveExactly(data.Length), data, $"guest to host as {driver.Tx.Shape} in a ring of {Size}");
        }

        CaseContext.Require(
            driver.Tx.Ring.FreeDescriptors == Size,
            "descriptors-lost",
            $"{Size} free descriptors",
            $"{driver.Tx.Ring.FreeDescriptors}");
    }

    [Case("VSC-0903", "PK-03", Title = "Rx buffers in lists are used as one each, also over the ring's end", Vary = Vary.PackedOnly)]
    public static void RxList_OverTheEnd_IsOneChain(CaseContext c)
    {
        (ushort, ChainShape)[] rings = [(5, ChainShape.HeaderThenPayload), (7, ChainShape.SplitHeaderAt(9)), (100, ChainShape.Pieces(80))];
        foreach ((ushort size, ChainShape shape) in rings)
        {
            c.Start(o => Sized(size)(o) with { RxShape = shape });
            (Flow flow, HostConnection host) = c.Open();
            byte[] data = c.RandomBytes(6000);
            host.Send(data);
            Exchange.Same(flow.Read(data.Length), data, $"host to guest into {shape} in a ring of {size}");
            c.Stop();
        }
    }

    [Case(
        "VSC-0904",
        "PK-02",
        "PK-01",
        Title = "A chain whose first descriptor is not available yet is not used, nor are those behind it",
        Vary = Vary.PackedOnly)]
    public static void Chain_NotAvailableYet_IsNotUsed(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        RawDriver driver = c.Driver;
        byte[] data = c.RandomBytes(30);
        using (driver.OneKick())
        {
            // All descriptors are complete but for the flags of the first, which come last.
            for (int i = 0; i < 3; i++)
            {
                flow.Send(Op.Rw, data.AsSpan(i * 10, 10));
            }

            driver.Tx.Kick();
            driver.Device.Settle();
            CaseContext.Require(
                !driver.Tx.Ring.HasUsed,
                "used-before-available",
                "no chain is used before the first one is available",
                "a used descriptor");
            bool early = host.TryReceive(new byte[10], out _);
            CaseContext.Require(!early, "used-before-available", "nothing at the host application", "the payload of a chain that is not available");
        }

        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host once the chains are available");
    }

    [Case("VSC-0905", "PK-02", "PK-04", Title = "Descriptors of the lap before are not taken again", Vary = Vary.PackedOnly)]
    public static void Descriptors_OfLastLap_AreNotTaken(CaseContext c)
    {
        const ushort Size = 8;
        RawDriver driver = c.Start(Sized(Size));
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < 3 * Size; i++)
        {
            byte[] data = c.RandomBytes(20);
            flow.Write(data);
            Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host");
            c.ExpectAllReturned();
            driver.Tx.Kick();
            driver.Device.Settle();
            CaseContext.Require(
                !driver.Tx.Ring.HasUsed,
                "stale-descriptor-used",
                "nothing is used while nothing is available",
                $"a used descriptor after {i + 1} packets");
        }

        CaseContext.Require(!host.TryReceive(new byte[1], out _), "data-twice", "no more bytes than were sent", "more");
    }

    [Case("VSC-0906", "PK-01", Title = "Chains of one batch are processed in the order of the ring", Vary = Vary.PackedOnly)]
    public static void Chains_OfOneBatch_AreProcessedInOrder(CaseContext c)
    {
        RawDriver driver = c.Start(o => Sized(100)(o));
        (Flow flow, HostConnection host) = c.Open();
        for (int round = 0; round < 10; round++)
        {
            List<byte> sent = [];
            using (driver.OneKick())
            {
                for (int i = 0; i < 15; i++)
                {
                    byte[] piece = c.RandomBytes(c.Random.Next(1, 60));
                    driver.Tx.Shape = ChainShape.Pieces(c.Random.Next(20, 120));
                    flow.Send(Op.Rw, piece);
                    sent.AddRange(piece);
                }
            }

            Exchange.Same(host.ReceiveExactly(sent.Count), sent.ToArray(), "guest to host in one batch");
            c.ExpectAllReturned();
        }
    }

    [Case("VSC-0907", "PK-05", Title = "A used tx chain has its buffer id and no WRITE flag", Vary = Vary.PackedOnly)]
    public static void TxUsed_HasIdAndNoWrite(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { TxShape = ChainShape.HeaderThenPayload });
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        driver.Harvests = false;
        for (int i = 0; i < 20; i++)
        {
            PackedDriverRing ring = (PackedDriverRing)driver.Tx.Ring;
            ushort at = ring.NextUsed;
            Sent sent = flow.Send(Op.Rw, [(byte)i]);
            CaseContext.Require(c.Watch(() => ring.HasUsed), "tx-chain-not-returned", "the tx chain is used", "it is not");
            PackedDescriptor used = ring.Raw.GetDescriptor(at);
            CaseContext.Require(used.Id == sent.Id, "wrong-buffer-id", $"buffer id {sent.Id}", $"{used.Id}");
            CaseContext.Require(
                !used.Is(DescriptorFlags.Write),
                "tx-used-write",
                "WRITE clear: the device wrote nothing",
                $"flags 0x{(ushort)used.Flags:x}, length {used.Length}");
            driver.Tx.Harvest();
        }

        driver.Harvests = true;
    }

    [Case("VSC-0908", "PK-05", "VS-X-08", Title = "A used rx buffer has the WRITE flag and the length of the packet", Vary = Vary.PackedOnly)]
    public static void RxUsed_HasWriteAndLength(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        foreach (int count in (ReadOnlySpan<int>)[1, 100, 2000])
        {
            byte[] data = c.RandomBytes(count);
            int packets = flow.Log.Count;
            host.Send(data);

            // The ring counts the length as 0 where WRITE is clear (section 2.8.4), and then there is no packet.
            Exchange.Same(flow.Read(count), data, "host to guest");
            foreach (Packet packet in flow.Log.Skip(packets))
            {
                CaseContext.Require(
                    packet.UsedLength == VsockHeader.Size + packet.Header.Len,
                    "wrong-used-length",
                    $"{VsockHeader.Size} + {packet.Header.Len}",
                    $"{packet.UsedLength}");
            }
        }
    }

    [Case(
        "VSC-0909",
        "PK-06",
        Title = "In an indirect table only WRITE counts: other flags and ids are ignored",
        Vary = Vary.PackedOnly,
        Needs = VirtioFeatures.IndirectDesc)]
    public static void IndirectTable_WithOddFlagsAndIds_MeansTheSame(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        RawDriver driver = c.Driver;
        DescriptorFlags[] odd =
        [
            DescriptorFlags.Next,
            DescriptorFlags.Avail,
            DescriptorFlags.Used,
            AvailAndUsed | DescriptorFlags.Next,
            (DescriptorFlags)0x7f78,
        ];
        foreach (DescriptorFlags flags in odd)
        {
            byte[] data = c.RandomBytes(90);
            byte[] packet = new byte[VsockHeader.Size + data.Length];
            (flow.Header(Op.Rw) with { Len = (uint)data.Length }).Write(packet);
            data.CopyTo(packet, VsockHeader.Size);
            ulong at = driver.Arena.Allocate((uint)packet.Length);
            ulong table = driver.Arena.Allocate(64);
            driver.Memory.Write(at, packet);
            RingBuffer[] buffers = [RingBuffer.Readable(at, 44), RingBuffer.Readable(at + 44, 40), RingBuffer.Readable(at + 84, 50)];
            _ = driver.Tx.TryPostIndirect([], buffers, table, out Sent sent);
            for (int i = 0; i < buffers.Length; i++)
            {
                new PackedDescriptor(buffers[i].Address, buffers[i].Length, (ushort)c.Random.Next(), flags)
                    .Write(driver.Memory.Slice(table + (ulong)(i * PackedDescriptor.Size), PackedDescriptor.Size));
            }

            driver.Tx.Flush();
            driver.ExpectReturned(sent);
            Exchange.Same(host.ReceiveExactly(data.Length), data, $"guest to host through a table with flags 0x{(ushort)flags:x}");
        }
    }

    [Case(
        "VSC-0910",
        "PK-07",
        Title = "With notifications enabled every used chain is notified, whatever the event offset says",
        Vary = Vary.PackedOnly)]
    public static void TxUsed_EventsEnabled_IsNotified(CaseContext c)
    {
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        driver.Harvests = false;
        for (int i = 0; i < 30; i++)
        {
            driver.PackedTx().DriverEvent = new EventSuppression((ushort)c.Random.Next(), (ushort)EventMode.Enable);
            ulong before = driver.TxCalls;
            UseOneTx(c, flow);
            CaseContext.Require(
                c.Eventually(() => driver.TxCalls > before),
                "call-missing",
                "a notification after the chain was used",
                $"none for chain {i}");
        }

        driver.Harvests = true;
    }

    [Case("VSC-0911", "PK-07", Title = "With notifications disabled none is sent", Vary = Vary.PackedOnly)]
    public static void TxUsed_EventsDisabled_IsNotNotified(CaseContext c)
    {
        const int Packets = 100;
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        RawDriver driver = c.Driver;
        driver.Harvests = false;
        driver.Tx.Ring.DisableCalls();
        UseOneTx(c, flow);
        UseOneTx(c, flow);
        driver.DrainCalls();
        ulong before = driver.TxCalls;
        for (int i = 0; i < Packets; i++)
        {
            UseOneTx(c, flow);
        }

        driver.Device.Settle();
        driver.DrainCalls();
        ulong calls = driver.TxCalls - before;
        driver.Harvests = true;
        c.Record("ring.packed_calls_while_disabled", $"{calls} of {Packets}");
        c.Fence();

        // Nothing is lost by a notification too many.
        c.Discourage(calls > 0, "call-although-disabled", "no notification while the driver has disabled them", $"{calls} for {Packets} chains");
    }

    [Case(
        "VSC-0912",
        "PK-07",
        Title = "A notification for one descriptor comes when it is used, also over the ring's end",
        Vary = Vary.PackedOnly,
        Needs = VirtioFeatures.EventIdx)]
    public static void TxUsed_EventAtDescriptor_IsNotified(CaseContext c)
    {
        RawDriver driver = c.Start(Sized(10));
        (Flow flow, HostConnection _) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        driver.Harvests = false;
        foreach (ushort ahead in (ReadOnlySpan<ushort>)[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 5, 9, 2, 7, 4, 9, 9, 1, 6, 8])
        {
            _ = driver.Tx.Ring.EnableCalls(ahead);
            for (int i = 0; i < ahead; i++)
            {
                UseOneTx(c, flow);
            }

            driver.DrainCalls();
            ulong before = driver.TxCalls;
            EventSuppression wanted = driver.PackedTx().DriverEvent;
            UseOneTx(c, flow);
            CaseContext.Require(
                c.Eventually(() => driver.TxCalls > before),
                "call-missing",
                $"a notification when descriptor {wanted.Offset} is used with wrap counter {(wanted.Wrap ? 1 : 0)}",
                $"none, {ahead} descriptors after it was asked for");
        }

        driver.Harvests = true;
    }

    [Case("VSC-0913", "PK-07", Title = "The device asks for notifications in a mode that was negotiated", Vary = Vary.PackedOnly)]
    public static void DeviceEvent_WithoutEventIdx_IsEnableOrDisable(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < 20; i++)
        {
            flow.Send(Op.CreditUpdate);
            Look();
            Exchange.Echo(c, flow, host);
            Look();
        }

        void Look()
        {
            // Section 2.8.14: DESC only with EVENT_IDX, 3 is reserved, and so are the upper bits.
            ushort flags = c.Driver.PackedTx().DeviceEvent.Flags;
            CaseContext.Require(flags <= (ushort)EventMode.Disable, "bad-event-flags", "flags 0 (enable) or 1 (disable)", $"0x{flags:x}");
        }
    }

    [Case(
        "VSC-0914",
        "PK-07",
        "VQ-19",
        Title = "A driver that kicks only when the packed ring asks for it is always served",
        Vary = Vary.PackedOnly,
        Needs = VirtioFeatures.EventIdx)]
    public static void Driver_KicksOnlyWhenAsked_IsServed(CaseContext c)
    {
        foreach (ushort size in (ReadOnlySpan<ushort>)[3, 100])
        {
            RawDriver driver = c.Start(Sized(size));
            (Flow flow, HostConnection _) = c.Open();
            for (int i = 0; i < 300; i++)
            {
                flow.Send(Op.CreditUpdate);
                if (c.Random.Next(4) == 0)
                {
                    CaseContext.Require(
                        c.Eventually(() => driver.Tx.Outstanding == 0),
                        "kick-lost",
                        "the device takes every chain: it was kicked whenever its event suppression asked for it",
                        $"{driver.Tx.Outstanding} chains wait after {i + 1} packets and {driver.Tx.Kicks} kicks");
                }
            }

            c.Stop();
        }
    }

    [Case("VSC-0915", "VU-09", "PK-04", Title = "A packed ring starts at the index and with the wrap counters it is given", Vary = Vary.PackedOnly)]
    public static void Ring_StartedAtBase_BeginsThere(CaseContext c)
    {
        foreach ((ushort index, bool wrap) in ((ushort, bool)[])[(2, true), (3, false), (6, false), (6, true)])
        {
            c.Start(o => Sized(7)(o) with { Base = RingBase.Packed(index, wrap) });
            (Flow flow, HostConnection host) = c.Open();
            for (int i = 0; i < 10; i++)
            {
                Exchange.Echo(c, flow, host);
            }

            c.Stop();
        }
    }

    [Case(
        "VSC-0916",
        "VQ-07",
        "B-48",
        Title = "Lists without an end and illegal indirect descriptors in a packed ring do not hang or end the device",
        Vary = Vary.PackedOnly,
        Isolation = Isolation.Process)]
    public static void List_WithoutEnd_DoesNoHarm(CaseContext c)
    {
        Harm("ring.packed_list_without_end", 127, 0, 16, DescriptorFlags.Next);
        Harm("ring.packed_indirect_with_next", 1, 0, 32, DescriptorFlags.Indirect | DescriptorFlags.Next);
        Harm("ring.packed_indirect_of_15_bytes", 1, 0, 15, DescriptorFlags.Indirect);
        Harm("ring.packed_id_outside", 1, 0xffff, 16, DescriptorFlags.None);

        // Behind a chain that holds it back a list of some descriptors is posted, and the last of them changed.
        void Harm(string key, int descriptors, ushort id, uint length, DescriptorFlags flags) => c.Survives(key, driver =>
        {
            PackedDriverRing ring = (PackedDriverRing)driver.Tx.Ring;
            int last = (ring.NextUsed + descriptors) % ring.Setup.Size;
            RingBuffer buffer = RingBuffer.Readable(driver.Arena.Allocate(64), 16);
            using (driver.OneKick())
            {
                driver.PostChain(buffer);
                driver.PostChain([.. Enumerable.Repeat(buffer, descriptors)]);
                ring.Raw.SetElement(last, id, length);
                ring.Raw.SetFlags(last, (ring.Raw.GetFlags(last) & AvailAndUsed) | flags);
            }
        });
    }

    private static Func<SessionOptions, SessionOptions> Sized(ushort size) => o => o with
    {
        QueueSize = size,
        TxSlotSize = 1024,
        RxBufferSize = 512,
    };

    /// <summary>Posts one packet that needs no answer and returns once it was used.</summary>
    private static void UseOneTx(CaseContext c, Flow flow)
    {
        RawDriver driver = c.Driver;
        flow.Send(Op.CreditUpdate);
        CaseContext.Require(c.Watch(() => driver.Tx.Ring.HasUsed), "tx-chain-not-returned", "the tx chain is used", "it is not");
        driver.Tx.Harvest();
    }
}
