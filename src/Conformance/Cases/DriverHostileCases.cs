using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>
/// Devices that do what no device may. The specification does not say what a driver makes of that; a guest must come through it: no report of its kernel, no
/// call that never comes back, no memory that is lost.
/// </summary>
[Area("driver-hostile")]
public static class DriverHostileCases
{
    /// <summary>What a kernel's objects may grow by while thousands of packets are refused; they are given back late.</summary>
    private const long KeptKiB = 16 << 10;

    [Case("VSC-2350", "B-73", Title = "A used id that no descriptor of the ring has is survived, on every queue", Probe = true, Vary = Vary.Layouts, Isolation = Isolation.Process)]
    public static void UsedId_BeyondTheRing_IsSurvived(DriverContext c)
    {
        DrivenRings.Echo(c);
        c.DriverGoesOn = false;
        if (c.Device.Event is { } events)
        {
            events.ReturnId(events.Ring.Setup.Size, VsockEvent.Size);
            DrivenRings.Survives(c, "driver.used_id_beyond_event_ring");
        }

        c.Device.Tx.ReturnId(c.Device.Tx.Ring.Setup.Size, 0);
        DrivenRings.Survives(c, "driver.used_id_beyond_tx_ring");
        c.Device.Rx.ReturnId(uint.MaxValue, VsockHeader.Size);
        DrivenRings.Survives(c, "driver.used_id_beyond_rx_ring");
    }

    [Case("VSC-2351", "B-73", Title = "A used id of a chain that is not out, or that was returned just before, is survived", Probe = true, Isolation = Isolation.Process)]
    public static void UsedId_NotOutstanding_IsSurvived(DriverContext c)
    {
        c.DriverGoesOn = false;
        c.Device.ReturnsTx = false;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        _ = guest.Send(1);
        _ = flow.Read(1);
        HeldChain chain = c.Device.HeldTx[^1];
        c.Device.ReturnHeldTx();
        c.Device.Tx.ReturnId(chain.Id, 0);
        c.Device.ReturnsTx = true;
        DrivenRings.Survives(c, "driver.used_id_twice_on_tx");
        HeldChain buffer = c.Device.Rx.TryTake() ?? throw new ExpectationException("no-buffers", "rx buffers", "none");
        c.Device.Rx.HoldsBack = true;
        c.Device.Rx.Return(buffer, 0);
        c.Device.Rx.ReturnId(buffer.Id, 0);
        c.Device.Rx.HoldsBack = false;
        DrivenRings.Survives(c, "driver.used_id_twice_on_rx");
    }

    [Case("VSC-2352", "B-74", Title = "A used index that jumps further than the ring is long, or backwards, is survived", Probe = true, Isolation = Isolation.Process)]
    public static void UsedIndex_ThatJumps_IsSurvived(DriverContext c)
    {
        DrivenRings.Echo(c);
        c.DriverGoesOn = false;
        SplitRingMemory tx = ((SplitDeviceRing)c.Device.Tx.Ring).Raw;
        tx.UsedIdx -= 3;
        c.Device.Tx.Call();
        DrivenRings.Survives(c, "driver.used_index_backwards_on_tx");
        SplitRingMemory rx = ((SplitDeviceRing)c.Device.Rx.Ring).Raw;
        rx.UsedIdx += (ushort)(rx.Size + 5);
        c.Device.Rx.Call();
        DrivenRings.Survives(c, "driver.used_index_ahead_on_rx");
    }

    [Case("VSC-2353", "B-75", Title = "A used length beyond the buffer is survived, and nothing of it reaches an application", Probe = true, Vary = Vary.Rings)]
    public static void UsedLength_BeyondBuffer_IsSurvived(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        uint room = (uint)c.Device.MaxPayload;
        uint full = VsockHeader.Size + room;
        foreach ((uint len, uint used) in ((uint, uint)[])[(room, full + 1), (room + 1, full + 1), (room, 2 * full), (2 * room, 2 * full), (room, uint.MaxValue)])
        {
            byte[] packet = [.. new byte[VsockHeader.Size], .. c.RandomBytes((int)room)];
            (flow.Header(Op.Rw) with { Len = len }).Write(packet);
            c.Device.Send(packet, used);
        }

        c.Fence();
        long most = 5L * room;
        long waiting = guest.Waiting((int)(2 * most));
        c.Record("driver.used_length_beyond_buffer", waiting > 0 ? "delivers some" : "drops");
        DriverContext.Require(waiting <= most, "foreign-memory-delivered", $"at most the {most} bytes of the buffers", $"{waiting} bytes");
        DrivenRings.Echo(c);
    }

    [Case(
        "VSC-2354",
        "VQ-17",
        "B-36",
        Title = "A len far beyond the buffer brings nothing to the application that the device did not write",
        Regressions = ["KB-B9"])]
    public static void Len_FarBeyondBuffer_BringsNothing(DriverContext c)
    {
        const int Bytes = 1000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        int written = 0;
        foreach (uint len in (ReadOnlySpan<uint>)[uint.MaxValue, uint.MaxValue - VsockHeader.Size, 0x8000_0000, 64 << 10, 128 << 10])
        {
            written += Bytes;
            byte[] packet = [.. new byte[VsockHeader.Size], .. c.RandomBytes(Bytes)];
            (flow.Header(Op.Rw) with { Len = len }).Write(packet);
            c.Device.Send(packet);
            c.Fence();

            long waiting = guest.Waiting();
            DriverContext.Require(waiting <= written, "bytes-beyond-used-len", $"at most {written} bytes to be received", $"{waiting} bytes after a len of {len}");
        }

        DrivenRings.Echo(c);
    }

    [Case("VSC-2355", "B-76", "VS-X-41", Title = "Events with unknown ids or odd lengths are survived: the buffers come back and connections work", Probe = true)]
    public static void Events_ThatAreNone_AreSurvived(DriverContext c)
    {
        ScriptedQueue events = c.NeedEventQueue();
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        int count = 0;
        foreach (uint id in (ReadOnlySpan<uint>)[1, 2, 0x0100_0000, 0x8000_0000, uint.MaxValue])
        {
            foreach (uint used in (ReadOnlySpan<uint>)[0, 1, 3, 4, 5, 8])
            {
                c.Device.SendEvent(id, used);
                count++;
            }
        }

        DriverContext.Require(c.Eventually(() => events.HasAvailable), "no-event-buffer", "event buffers come back", $"none after {count} events");
        c.Fence();
        c.Record("driver.connections_after_unknown_events", guest.Look(Interop.PollEvents.HangUp) == Interop.PollEvents.None ? "kept" : "reset");
        c.Device.Forget(flow);
        DrivenRings.Echo(c);
    }

    [Case(
        "VSC-2356",
        "B-77",
        "B-07",
        "B-08",
        "B-45",
        Title = "Thousands of packets with any header at all, on living and unknown flows, are survived without a trace",
        Probe = true,
        Vary = Vary.Layouts)]
    public static void Packets_WithAnyHeader_AreSurvived(DriverContext c)
    {
        const int Batches = 20;
        const int PerBatch = 100;
        GuestCounters before = c.Await(c.Agent.Counters());
        SocketType[] types = c.Accepted.HasFlag(VirtioFeatures.Seqpacket) ? [SocketType.Stream, SocketType.Seqpacket] : [SocketType.Stream];
        GuestSocket listener = GuestSocket.Create(c);
        uint open = listener.Listen();
        int answers = 0;
        for (int batch = 0; batch < Batches; batch++)
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, types[batch % types.Length]);
            for (int i = 0; i < PerBatch; i++)
            {
                byte[] payload = c.RandomBytes(c.Random.Next(4) == 0 ? c.Random.Next(200) : 0);
                c.Device.Send(AnyHeader(c.Random, flow, open, (uint)payload.Length), payload);
            }

            c.Fence();
            answers += flow.Log.Count;
            c.Device.Forget(flow);
            c.Device.AnswersStrays = true;
            guest.Close().OrThrow("close");
            c.Fence();
            c.Device.AnswersStrays = false;
        }

        long grown = c.Await(c.Agent.Counters()).SlabKiB - before.SlabKiB;
        c.Record("driver.answers_to_any_header", answers > 0);
        DriverContext.Require(grown < KeptKiB, "memory-lost", $"less than {KeptKiB} KiB more of the kernel's objects", $"{grown} KiB after {Batches * PerBatch} packets");
        DrivenRings.Echo(c);
    }

    /// <summary>
    /// A header with a few fields as they ought to be and the others as they come. Its len is never more than its payload: that is the business of
    /// <see cref="Len_FarBeyondBuffer_BringsNothing"/>.
    /// </summary>
    /// <param name="open">A port at which somebody listens.</param>
    private static VsockHeader AnyHeader(Random random, Flow flow, uint open, uint payload)
    {
        VsockHeader header = flow.Header((Op)random.Next(12)) with
        {
            Flags = random.Next(3) == 0 ? (uint)random.NextInt64() : (uint)random.Next(4),
            BufAlloc = random.Next(3) == 0 ? (uint)random.NextInt64() : flow.BufAlloc,
            FwdCnt = random.Next(3) == 0 ? (uint)random.NextInt64() : flow.FwdCnt,
            Len = random.Next(4) == 0 ? (uint)random.NextInt64(payload + 1L) : payload,
        };
        return random.Next(12) switch
        {
            0 => header with { Op = (Op)random.Next(ushort.MaxValue + 1) },
            1 => header with { Type = (SocketType)random.Next(4) },
            2 => header with { Type = (SocketType)random.Next(ushort.MaxValue + 1) },
            3 => header with { SrcCid = (ulong)random.NextInt64() },
            4 => header with { DstCid = (ulong)random.NextInt64() },
            5 => header with { SrcCid = header.SrcCid | ((ulong)random.Next() << 32), DstCid = header.DstCid | ((ulong)random.Next() << 32) },
            6 => header with { SrcPort = (uint)random.NextInt64() },
            7 => header with { DstPort = (uint)random.NextInt64() },
            8 => header with { DstPort = open, SrcPort = (uint)random.NextInt64() },
            _ => header,
        };
    }
}
