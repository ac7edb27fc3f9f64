using System.Diagnostics;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;
using SocketShutdown = System.Net.Sockets.SocketShutdown;

namespace Vsockspec.Conformance.Cases;

/// <summary>How a driver shuts connections down, and what it makes of a device that does (virtio 1.4 section 5.10.6.5).</summary>
[Area("driver-shutdown")]
public static class DriverShutdownCases
{
    // No time is given for the RST that follows an ignored SHUTDOWN; Linux takes 8 s. Slower than this counts as never.
    private static readonly TimeSpan CloseBound = TimeSpan.FromSeconds(30);

    [Case("VSC-2150", "VS-X-31", "VS-X-40", Title = "What the guest's application shuts down is what SHUTDOWN says, as masks: writing 2, reading 1, both 3", Vary = Vary.Rings)]
    public static void GuestShutsDown_Flags_SayWhat(DriverContext c)
    {
        (GuestSocket writing, Flow flow) = DrivenSocket.Open(c);
        writing.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Send);
        (GuestSocket both, Flow bothFlow) = DrivenSocket.OpenFromDevice(c);
        both.Shutdown(SocketShutdown.Both).OrThrow("shutdown");
        DrivenEnd.ExpectShutdown(bothFlow, ShutdownFlags.Both);
        bothFlow.Reset();

        // The end of reading alone changes nothing for a device that only sends what there is credit for, so telling it is good manners.
        (GuestSocket reading, Flow readFlow) = DrivenSocket.Open(c);
        reading.Shutdown(SocketShutdown.Receive).OrThrow("shutdown");
        c.Fence();
        bool told = readFlow.TryTake([], out Packet? packet);
        DriverContext.Require(!told || packet is { Op: Op.Shutdown, Header.Flags: 1 }, "shutdown-says-more", "SHUTDOWN with flags 1 (RECEIVE)", $"{packet}");
        c.Discourage(!told, "half-close-not-told", "SHUTDOWN with flags 1 once the application has shut down reading", "nothing");
        flow.ExpectNothingMore("half-close-is-close", "nothing after SHUTDOWN(SEND) while the application has not closed");
    }

    [Case("VSC-2168", "VS-X-31", Title = "After SHUTDOWN has said that the guest sends no more, nothing that its application sends appears")]
    public static void GuestSends_AfterItsShutdown_NothingAppears(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Send);
        c.Record("driver.send.after_shutdown", guest.TrySend([100], GuestMessage.DontWait).Result);
        c.Fence();
        flow.ExpectNothingMore("data-after-shutdown", "no RW once SHUTDOWN(SEND) was sent");
    }

    [Case("VSC-2151", "VS-X-32", "VS-X-31", Title = "A guest that shuts down one direction after the other tells both, and may do so in two packets")]
    public static void GuestShutsDown_OneThenTheOther_TellsBoth(DriverContext c)
    {
        foreach (SocketShutdown first in (ReadOnlySpan<SocketShutdown>)[SocketShutdown.Send, SocketShutdown.Receive])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            guest.Shutdown(first).OrThrow("shutdown");
            guest.Shutdown(first == SocketShutdown.Send ? SocketShutdown.Receive : SocketShutdown.Send).OrThrow("shutdown");
            DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Both);
            flow.Reset();
            c.Fence();
            flow.ExpectNothingMore("answer-to-rst", "nothing after the device's RST");
        }
    }

    [Case(
        "VSC-2152",
        "VS-X-31",
        "B-19",
        Title = "After a device's SHUTDOWN(SEND) the guest reads what came before, then the end, and can still write",
        Vary = Vary.Rings,
        Regressions = ["KB-C8"])]
    public static void DeviceShutsDownSend_GuestReadsToTheEnd_CanStillWrite(DriverContext c)
    {
        foreach ((string name, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            byte[] down = c.RandomBytes(700);
            flow.Send(Op.Rw, down, flow.Id.Type == SocketType.Seqpacket ? (uint)SeqpacketFlags.EndOfMessage : 0);
            flow.SendShutdown(ShutdownFlags.Send);
            c.Fence();
            flow.ExpectNothingMore("half-close-ends-the-flow", $"no RST and no SHUTDOWN on a {name}: its application has not closed");
            Exchange.Same(guest.Receive(2000).Data, down, $"device to guest before the half-close, {name}");
            guest.ExpectEndOfFile();
            byte[] up = guest.Send(1000);
            Exchange.Same(flow.Id.Type == SocketType.Seqpacket ? flow.ReadMessage().Data : flow.Read(1000), up, $"guest to device after the half-close, {name}");
            guest.Close().OrThrow("close");
            _ = DrivenEnd.AnswerClose(flow);
        }
    }

    [Case(
        "VSC-2153",
        "VS-X-31",
        "B-20",
        Title = "After a device's SHUTDOWN(RECEIVE) the guest's writes fail and no data comes, and the guest still receives",
        Regressions = ["KB-C8"])]
    public static void DeviceShutsDownReceive_GuestWriteFails_StillReads(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        flow.SendShutdown(ShutdownFlags.Receive);
        c.Fence();
        uint before = flow.RxCnt;
        GuestResult sent = guest.TrySend([100], GuestMessage.DontWait).Result;
        c.Record("shutdown.receive.guest_send", sent.ToString());
        DriverContext.Require(!sent.Succeeded, "write-into-the-void", "a write fails (EPIPE) that the device will not receive", sent.ToString());
        c.Fence();
        DriverContext.Require(flow.RxCnt == before, "data-after-shutdown-receive", "no data for a device that receives no more", $"{flow.RxCnt - before} bytes");
        flow.ExpectNothingMore("half-close-ends-the-flow", "no RST and no SHUTDOWN: the application has not closed");
        byte[] down = c.RandomBytes(1000);
        flow.Write(down);
        Exchange.Same(guest.ReceiveExactly(1000), down, "device to guest after its SHUTDOWN(RECEIVE)");
    }

    [Case("VSC-2154", "VS-X-31", Title = "SHUTDOWN wakes the guest's calls that wait: SEND a reader and a poller, RECEIVE a writer without credit")]
    public static void DeviceShutsDown_CallsWait_AreWoken(DriverContext c)
    {
        const int Window = 4096;
        (GuestSocket reading, Flow readFlow) = DrivenSocket.Open(c);
        (GuestSocket polling, Flow pollFlow) = DrivenSocket.OpenFromDevice(c);
        (GuestSocket writing, Flow writeFlow) = DrivenSocket.Open(c, bufAlloc: Window);
        Task<GuestReceived> reader = DrivenEnd.BeginReceive(c, reading);
        Task<GuestReadiness> poller = DrivenEnd.BeginPoll(c, polling, PollEvents.Readable | PollEvents.PeerClosed);
        Task<GuestTransfer> writer = writing.BulkSend(c.Seed, 8 * Window);
        DriverContext.Require(c.Eventually(() => writeFlow.RxCnt == Window), "guest-cannot-send", $"{Window} bytes, for which there is credit", $"{writeFlow.RxCnt}");
        c.Fence();
        EffectTimes effects = new(c);
        readFlow.SendShutdown(ShutdownFlags.Send);
        pollFlow.SendShutdown(ShutdownFlags.Send);
        writeFlow.SendShutdown(ShutdownFlags.Receive);
        effects.Await("reader", reader, r => r.Result.ToString());
        effects.Await("poller", poller, r => r.Ready[0].ToString());
        effects.Await("writer", writer, r => r.Result.ToString());
        IReadOnlyList<string> missing = effects.Missing();
        c.Record("shutdown.wakes", effects);
        DriverContext.Require(missing.Count == 0, "call-not-woken", "every call that waits ends", $"not so: {string.Join(", ", missing)}");
        DriverContext.Require(c.Await(reader).Result is { Succeeded: true, Value: 0 }, "no-eof", "end of file at the reader", c.Await(reader).Result.ToString());
        DriverContext.Require(
            c.Await(writer).Result.Value < 8 * Window, "write-into-the-void", "a write ends that the device will not receive", c.Await(writer).Result.ToString());
    }

    [Case("VSC-2155", "VS-X-32", "B-23", Title = "Hints are sticky: a device's SHUTDOWN(RECEIVE) and SHUTDOWN(SEND), in either order, are SHUTDOWN of both and draw RST")]
    public static void DeviceShutsDown_OneThenTheOther_IsBoth(DriverContext c)
    {
        foreach (ShutdownFlags first in (ReadOnlySpan<ShutdownFlags>)[ShutdownFlags.Receive, ShutdownFlags.Send])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            flow.SendShutdown(first);
            c.Fence();
            flow.ExpectNothingMore("half-close-ends-the-flow", "nothing for one direction");
            flow.SendShutdown(ShutdownFlags.Both & ~first);
            flow.Expect("hints-not-sticky", Op.Rst);
            guest.ExpectEndOfFile();
        }
    }

    [Case("VSC-2156", "VS-X-32", "B-18", Title = "A device's SHUTDOWN without hints takes none back")]
    public static void DeviceShutsDown_ThenNoHints_NothingReopens(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        flow.SendShutdown(ShutdownFlags.Send);
        flow.SendShutdown(ShutdownFlags.None);
        c.Fence();
        guest.ExpectEndOfFile();
        if (flow.TryTake([], out Packet? packet))
        {
            c.Record("shutdown.no_flags", Names.Of(packet.Op));
            return;
        }

        c.Record("shutdown.no_flags", "ignored");
        DriverContext.Require(guest.TrySend([10], GuestMessage.DontWait).Result.Succeeded, "hints-made-up", "the guest can still write", "it cannot");
        flow.SendShutdown(ShutdownFlags.Receive);
        flow.SendShutdown(ShutdownFlags.None);
        while (flow.Expect("hints-not-sticky", Op.Rst, Op.Rw).Op == Op.Rw)
        {
        }

        DriverContext.Require(!guest.TrySend([10], GuestMessage.DontWait).Result.Succeeded, "hints-taken-back", "a write fails after SHUTDOWN(RECEIVE)", "it succeeds");
    }

    [Case("VSC-2157", "VS-X-34", "B-21", Title = "A device's SHUTDOWN of both directions with nothing pending is answered by RST, and the application sees the end", Vary = Vary.Rings)]
    public static void DeviceShutsDown_NothingPending_IsAnsweredByRst(DriverContext c)
    {
        foreach ((string name, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            GuestFlow.Echo(c, guest, flow);
            flow.SendShutdown(ShutdownFlags.Both);
            flow.Expect("no-rst", Op.Rst);
            guest.ExpectEndOfFile();
            GuestResult sent = guest.TrySend([10], GuestMessage.DontWait).Result;
            DriverContext.Require(!sent.Succeeded, "write-into-the-void", $"a write fails on a {name} that is over", sent.ToString());
            c.Fence();
            flow.ExpectNothingMore("answer-after-rst", "nothing after RST while the application has not closed");
        }
    }

    [Case("VSC-2158", "VS-X-34", "B-22", Title = "A device's SHUTDOWN of both directions takes nothing from the guest's application that it has not read, and RST comes at the latest when that closes")]
    public static void DeviceShutsDown_DataUnread_NothingIsLost(DriverContext c)
    {
        foreach ((string name, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            bool isMessage = flow.Id.Type == SocketType.Seqpacket;
            byte[][] sent = [.. Enumerable.Range(0, 5).Select(_ => c.RandomBytes(700))];
            foreach (byte[] part in sent)
            {
                flow.Send(Op.Rw, part, isMessage ? (uint)SeqpacketFlags.EndOfMessage : 0);
            }

            flow.SendShutdown(ShutdownFlags.Both);
            c.Fence();
            bool prompt = flow.TryTake([], out Packet? first);
            foreach (byte[] part in sent)
            {
                Exchange.Same(isMessage ? guest.Receive(1000).Data : guest.ReceiveExactly(part.Length), part, $"device to guest, read after SHUTDOWN, {name}");
            }

            guest.ExpectEndOfFile();
            c.Fence();
            bool drained = !prompt && flow.TryTake([], out first);
            guest.Close().OrThrow("close");
            first ??= flow.Expect("no-rst", Op.Rst);
            DriverContext.Require(first.Op == Op.Rst, "no-rst", $"RST on a {name}", first.ToString());
            c.Record($"shutdown.unread.rst.{(isMessage ? "seqpacket" : "stream")}", prompt ? "at once" : drained ? "when all is read" : "when the application closes");
        }
    }

    [Case("VSC-2159", "VS-X-34", "B-26", Title = "When the guest's application closes, SHUTDOWN covers both directions, and the device's RST frees the ends for either side", Vary = Vary.Rings)]
    public static void GuestCloses_DeviceResets_EndsAreFree(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        uint hostPort = c.NewHostPort();
        for (int i = 0; i < 2; i++)
        {
            Flow flow = c.Device.NewFlow(hostPort, port);
            _ = flow.Connect();
            GuestSocket accepted = listener.Accept();
            GuestFlow.Echo(c, accepted, flow);
            CloseAndReset(c, accepted, flow);
        }

        uint guestPort = c.NewGuestPort();
        for (int i = 0; i < 2; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.Bind(guestPort).OrThrow("bind");
            Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, hostPort);
            Flow flow = c.Device.ExpectRequest(hostPort);
            DriverContext.Require(flow.Id.GuestPort == guestPort, "port-not-kept", $"REQUEST from port {guestPort}, to which the socket is bound", flow.Id.ToString());
            flow.Send(Op.Response);
            c.Await(connecting).OrThrow("connect");
            GuestFlow.Echo(c, guest, flow);
            CloseAndReset(c, guest, flow);
        }
    }

    [Case("VSC-2160", "VS-X-35", "B-26", Title = "Closes that the device does not answer end with RST within the implementation's time, and the ends are free then", Slow = true)]
    public static void GuestCloses_DeviceIsSilent_ConnectionsAreReset(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow accepted = c.Device.NewFlow(c.NewHostPort(), port);
        _ = accepted.Connect();
        List<(string Name, GuestSocket Guest, Flow Flow)> all = DrivenEnd.OpenEvery(c);
        all.Add(("accepted", listener.Accept(), accepted));
        (GuestSocket unreadGuest, Flow unread) = DrivenSocket.Open(c);
        unread.Write(c.RandomBytes(500));
        all.Add(("with unread data", unreadGuest, unread));
        (GuestSocket halfGuest, Flow half) = DrivenSocket.Open(c);
        half.SendShutdown(ShutdownFlags.Send);
        all.Add(("half shut down by the device", halfGuest, half));
        (GuestSocket open, Flow shut) = DrivenSocket.Open(c);
        open.Shutdown(SocketShutdown.Both).OrThrow("shutdown");
        c.Fence();
        foreach ((_, GuestSocket guest, _) in all)
        {
            guest.Close().OrThrow("close");
        }

        // A close with data unread may be told by RST at once.
        long start = Stopwatch.GetTimestamp();
        Dictionary<string, double> came = [];
        TimeSpan bound = c.Timeline.Patience < TimeSpan.FromSeconds(1) ? c.Timeline.Patience * 3 : CloseBound;
        bool every = c.Timeline.WaitUntil(bound, () =>
        {
            foreach ((string name, _, Flow flow) in all)
            {
                if (flow.Log.Any(p => p.Op == Op.Rst))
                {
                    _ = came.TryAdd(name, Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds));
                }
            }

            return came.Count == all.Count;
        });
        foreach ((string name, double ms) in came)
        {
            c.Record($"close.timeout_ms.{name.Replace(' ', '_')}", ms);
        }

        c.Record("close.timeout.shut_down_and_not_closed", shut.Log.Any(p => p.Op == Op.Rst) ? "RST" : "no RST as long as the application holds its socket");
        DriverContext.Require(
            every,
            "no-rst-after-timeout",
            $"RST within {bound.TotalSeconds} s on each of {all.Count} connections",
            $"none on: {string.Join(", ", all.Select(a => a.Name).Except(came.Keys))}");
        foreach ((string name, _, Flow flow) in all.Where(a => a.Flow != unread))
        {
            DriverContext.Require(
                flow.Log.Any(p => p.Op == Op.Shutdown), "close-is-reset", $"SHUTDOWN before RST on a connection {name}", DrivenEnd.Told(DrivenEnd.Since(flow, 0)));
        }

        shut.Reset();
        Flow again = c.Device.Register(accepted.Id);
        _ = again.Connect();
        GuestFlow.Echo(c, listener.Accept(), again);
    }

    [Case("VSC-2161", "VS-X-31", "B-27", Title = "A guest that has shut down writing receives all that the device still sends, within credit that it goes on to give, and then the end")]
    public static void GuestShutsDownWrite_DeviceSendsOn_ArrivesWhole(DriverContext c)
    {
        // More than the guest's window, so that credit has to come from a side that sends no more data.
        const int Down = 400_000;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] up = guest.Send(20_000);
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        Exchange.Same(flow.Read(up.Length), up, "guest to device before the half-close");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Send);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, Down);
        flow.Write(GuestSocket.Seeded(c.Seed, Down));
        _ = guest.ExpectReceived(receiving, Down);
        flow.SendShutdown(ShutdownFlags.Send);
        guest.ExpectEndOfFile();
        c.Fence();
        c.Record("shutdown.both_half_closed", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "nothing until the application closes");
    }

    [Case("VSC-2162", "VS-X-34", "VS-X-31", Title = "Half-closes that cross leave each side what the other sent, and whole closes that cross end the connection and free its ends")]
    public static void Shutdowns_Cross_EndCleanly(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        uint hostPort = c.NewHostPort();
        Flow flow = c.Device.NewFlow(hostPort, port);
        _ = flow.Connect();
        GuestSocket guest = listener.Accept();

        c.Device.TakesTx = false;
        byte[] up = guest.Send(500);
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        byte[] down = c.RandomBytes(500);
        flow.Write(down);
        flow.SendShutdown(ShutdownFlags.Send);
        c.Device.TakesTx = true;
        Exchange.Same(flow.Read(500), up, "guest to device before both half-closes");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Send);
        Exchange.Same(guest.ReceiveExactly(500), down, "device to guest before both half-closes");
        guest.ExpectEndOfFile();
        guest.Close().OrThrow("close");
        _ = DrivenEnd.AnswerClose(flow);

        flow = c.Device.NewFlow(hostPort, port);
        _ = flow.Connect();
        guest = listener.Accept();
        GuestFlow.Echo(c, guest, flow);
        int before = flow.Log.Count;
        c.Device.TakesTx = false;
        guest.Close().OrThrow("close");
        flow.SendShutdown(ShutdownFlags.Both);
        c.Device.TakesTx = true;
        flow.Reset();
        c.Fence();
        List<Op> told = DrivenEnd.Since(flow, before);
        c.Record("shutdown.crossing", DrivenEnd.Told(told));
        DriverContext.Require(
            told.All(op => op is Op.Shutdown or Op.Rst) && told.Count(op => op == Op.Rst) <= 1, "crossing-close-unclean", "SHUTDOWN, and one RST at most", DrivenEnd.Told(told));
        flow = c.Device.NewFlow(hostPort, port);
        _ = flow.Connect();
        GuestFlow.Echo(c, listener.Accept(), flow);
    }

    [Case("VSC-2163", "VS-X-34", "VS-X-33", Title = "A guest's application that closes with data unread ends the connection with SHUTDOWN or RST")]
    public static void GuestCloses_DataUnread_ConnectionEnds(DriverContext c)
    {
        foreach ((_, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            bool isMessage = flow.Id.Type == SocketType.Seqpacket;
            flow.Send(Op.Rw, c.RandomBytes(800), isMessage ? (uint)SeqpacketFlags.EndOfMessage : 0);
            c.Fence();
            guest.Close().OrThrow("close");
            bool clean = DrivenEnd.AnswerClose(flow);
            c.Record($"close.unread.{(isMessage ? "seqpacket" : "stream")}", clean ? "SHUTDOWN" : "RST");
            c.Fence();
            flow.ExpectNothingMore("answer-to-rst", "nothing after RST");
        }
    }

    [Case("VSC-2164", "VS-X-34", Title = "What a guest's application wrote before it closed comes whole and before SHUTDOWN, also when the device takes it late")]
    public static void GuestCloses_DataOnItsWay_ComesFirst(DriverContext c)
    {
        foreach ((string name, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            c.Device.TakesTx = false;
            byte[] up = guest.Send(5000);
            guest.Close().OrThrow("close");
            c.Device.TakesTx = true;
            Exchange.Same(flow.Id.Type == SocketType.Seqpacket ? flow.ReadMessage().Data : flow.Read(up.Length), up, $"guest to device before the close, {name}");
            DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Both);
            flow.Reset();
            c.Fence();
            flow.ExpectNothingMore("answer-to-rst", "nothing after RST");
        }
    }

    [Case("VSC-2165", "VS-X-34", Title = "close with SO_LINGER returns when the device has answered, long before its time is over")]
    public static void GuestCloses_Lingering_ReturnsWhenAnswered(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] up = guest.Send(1000);
        guest.SetLinger(60);
        Task<GuestResult> closing = c.Agent.Close(guest.Fd, DrivenEnd.Limit(c));
        Exchange.Same(flow.Read(1000), up, "guest to device before the close");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Both);
        c.Fence();
        c.Record("close.linger.waits", !closing.IsCompleted);
        flow.Reset();
        DriverContext.Require(
            c.Eventually(() => closing.IsCompleted, [closing]),
            "close-not-answered",
            "close returns when the device has answered SHUTDOWN with RST",
            $"it still waits after {c.Timeline.Patience.TotalSeconds:0.###} s");
        c.Await(closing).OrThrow("close");
    }

    [Case("VSC-2166", "B-24", "B-25", Title = "Data of a device after its own SHUTDOWN does no harm", Probe = true)]
    public static void DeviceSends_AfterItsShutdown_DoesNoHarm(DriverContext c)
    {
        foreach (ShutdownFlags flags in (ReadOnlySpan<ShutdownFlags>)[ShutdownFlags.Send, ShutdownFlags.Both])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            flow.SendShutdown(flags);
            c.Fence();
            int before = flow.Log.Count;
            byte[] late = c.RandomBytes(100);
            flow.Send(Op.Rw, late);
            c.Fence();
            GuestReceived received = guest.Receive(200, GuestMessage.DontWait);
            Exchange.Same(received.Data, late.AsSpan(0, received.Data.Length), "device to guest after its SHUTDOWN");
            string key = flags == ShutdownFlags.Send ? "after_send" : "after_both";
            c.Record($"shutdown.data_{key}.answer", DrivenEnd.Told(DrivenEnd.Since(flow, before)));
            c.Record($"shutdown.data_{key}.application", received.Data.Length == 100 ? "receives it" : received.Result.ToString());
        }

        DrivenEnd.EchoOnFresh(c);
    }

    [Case("VSC-2167", "VS-X-37", "VS-X-31", "VS-X-33", Title = "A message whose end never comes, because SHUTDOWN or RST does, is not received as if it were whole", Needs = VirtioFeatures.Seqpacket)]
    public static void DeviceEnds_MessageIncomplete_IsNotReceived(DriverContext c)
    {
        foreach (Op end in (ReadOnlySpan<Op>)[Op.Shutdown, Op.Rst])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.OpenFromDevice(c, SocketType.Seqpacket);
            byte[] whole = c.RandomBytes(200);
            flow.Send(Op.Rw, whole, (uint)SeqpacketFlags.EndOfMessage);
            Exchange.Same(guest.Receive(400).Data, whole, "device to guest");
            flow.Send(Op.Rw, c.RandomBytes(100));
            flow.Send(end, flags: end == Op.Shutdown ? (uint)ShutdownFlags.Send : 0);
            Task<GuestReceived> reader = DrivenEnd.BeginReceive(c, guest, 400);
            DriverContext.Require(
                c.Eventually(() => reader.IsCompleted, [reader]), "call-not-woken", $"a receive ends after {Names.Of(end)}", "it still waits");
            GuestResult result = c.Await(reader).Result;
            c.Record($"message.incomplete.{Names.Of(end).ToLowerInvariant()}", result.ToString());
            DriverContext.Require(result.Value <= 0, "half-a-message", "end of file or an error, and no part of a message", $"{result} bytes");
        }
    }

    private static void CloseAndReset(DriverContext c, GuestSocket guest, Flow flow)
    {
        guest.Close().OrThrow("close");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Both);
        flow.Reset();
        c.Fence();
        flow.ExpectNothingMore("answer-to-rst", "nothing after the device's RST");
        c.Device.Forget(flow);
    }
}
