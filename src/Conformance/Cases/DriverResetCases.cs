using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>RST, packets of flows that are not, and ends that are used again, as a driver sees them (virtio 1.4 section 5.10.6.5).</summary>
[Area("driver-reset")]
public static class DriverResetCases
{
    [Case("VSC-2170", "VS-X-33", "B-04", Title = "RST ends an established flow and is not answered: the application reads to the end or gets an error, and cannot write", Vary = Vary.Rings)]
    public static void DeviceResets_EstablishedFlow_GuestSeesTheEnd(DriverContext c)
    {
        foreach ((string name, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            GuestFlow.Echo(c, guest, flow);
            flow.Reset();
            c.Fence();
            flow.ExpectNothingMore("reset-answered", "no answer to RST");
            GuestResult received = guest.Receive(10, GuestMessage.DontWait).Result;
            DriverContext.Require(
                received is { Succeeded: true, Value: 0 } or { Errno: not 0 and not GuestErrno.WouldBlock },
                "reset-ignored",
                $"end of file or an error on a {name}",
                received.ToString());
            GuestResult sent = guest.TrySend([10], GuestMessage.DontWait).Result;
            DriverContext.Require(
                sent is { Succeeded: false, Errno: not GuestErrno.WouldBlock }, "write-into-the-void", $"a write fails on a {name} that was reset", sent.ToString());
            c.Record($"reset.established.{(flow.Id.Type == SocketType.Seqpacket ? "seqpacket" : "stream")}", $"receive {received}, send {sent}");
        }
    }

    [Case("VSC-2171", "VS-X-33", Title = "RST wakes the guest's calls that wait: a reader, a poller and a writer without credit")]
    public static void DeviceResets_CallsWait_AreWoken(DriverContext c)
    {
        const int Window = 4096;
        List<(Flow Flow, Action<EffectTimes> Await)> all = [];
        foreach ((string name, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            Task<GuestReceived> reader = DrivenEnd.BeginReceive(c, guest);
            all.Add((flow, e => e.Await($"reader, {name}", reader, r => r.Result.ToString())));
        }

        (GuestSocket polled, Flow pollFlow) = DrivenSocket.OpenFromDevice(c);
        Task<GuestReadiness> poller = DrivenEnd.BeginPoll(c, polled, PollEvents.Readable | PollEvents.PeerClosed);
        all.Add((pollFlow, e => e.Await("poller", poller, r => r.Ready[0].ToString())));
        (GuestSocket writing, Flow writeFlow) = DrivenSocket.Open(c, bufAlloc: Window);
        Task<GuestTransfer> writer = writing.BulkSend(c.Seed, 8 * Window);
        all.Add((writeFlow, e => e.Await("writer", writer, r => r.Result.ToString())));
        DriverContext.Require(c.Eventually(() => writeFlow.RxCnt == Window), "guest-cannot-send", $"{Window} bytes, for which there is credit", $"{writeFlow.RxCnt}");
        c.Fence();
        EffectTimes effects = new(c);
        foreach ((Flow flow, Action<EffectTimes> wait) in all)
        {
            flow.Reset();
            wait(effects);
        }

        IReadOnlyList<string> missing = effects.Missing();
        c.Record("reset.wakes", effects);
        DriverContext.Require(missing.Count == 0, "call-not-woken", "every call that waits ends", $"not so: {string.Join(", ", missing)}");
        DriverContext.Require(c.Await(writer).Result.Value < 8 * Window, "write-into-the-void", "a write ends on a flow that was reset", c.Await(writer).Result.ToString());
    }

    [Case("VSC-2172", "VS-X-33", "B-03", Title = "Data after RST does not reach the application, and draws RST as of a flow that is not known")]
    public static void DeviceSends_AfterReset_IsRefused(DriverContext c)
    {
        foreach ((_, GuestSocket guest, Flow flow) in DrivenEnd.OpenEvery(c))
        {
            flow.Reset();
            c.Fence();
            int before = flow.Log.Count;
            flow.Send(Op.Rw, c.RandomBytes(10), flow.Id.Type == SocketType.Seqpacket ? (uint)SeqpacketFlags.EndOfMessage : 0);
            c.Fence();
            DrivenEnd.ExpectNoData(guest, "RST");
            List<Op> answer = DrivenEnd.Since(flow, before);
            c.Record("reset.data_after", DrivenEnd.Told(answer));
            DriverContext.Require(answer.Count <= 1 && answer.All(op => op == Op.Rst), "answer-after-reset", "RST, or nothing", DrivenEnd.Told(answer));
            c.Discourage(answer.Count == 0, "no-rst-for-unknown-flow", "RST for data of a flow that was reset", "nothing");
        }
    }

    // An answer to RST makes two peers send RST to each other for ever.
    [Case("VSC-2173", "VS-X-33", "B-04", Title = "RST of an unknown flow is not answered, whoever is at the port")]
    public static void DeviceResets_UnknownFlow_IsSilent(DriverContext c)
    {
        (GuestSocket connected, Flow other) = DrivenSocket.OpenFromDevice(c);
        GuestSocket bound = GuestSocket.Create(c);
        uint boundPort = c.NewGuestPort();
        bound.Bind(boundPort).OrThrow("bind");
        foreach (uint port in (ReadOnlySpan<uint>)[c.NewGuestPort(), other.Id.GuestPort, boundPort])
        {
            Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
            flow.Reset();
            c.Fence();
            flow.ExpectNothingMore("reset-answered", "no answer to RST");
        }

        GuestFlow.Echo(c, connected, other);
    }

    [Case("VSC-2174", "VS-X-33", "VS-X-34", Title = "A device's RST that crosses the guest's close is not answered and frees the ends")]
    public static void DeviceResets_WhileGuestCloses_EndsAreFree(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        uint hostPort = c.NewHostPort();
        for (int i = 0; i < 5; i++)
        {
            Flow flow = c.Device.NewFlow(hostPort, port);
            _ = flow.Connect();
            GuestSocket guest = listener.Accept();
            GuestFlow.Echo(c, guest, flow);
            int before = flow.Log.Count;
            c.Device.TakesTx = false;
            guest.Close().OrThrow("close");
            flow.Reset();
            c.Device.TakesTx = true;
            c.Fence();
            List<Op> told = DrivenEnd.Since(flow, before);
            c.Record("reset.crossing_close", DrivenEnd.Told(told));

            // A driver may close with RST, but says so once.
            DriverContext.Require(told.Count(op => op == Op.Rst) <= 1 && !told.SkipWhile(op => op != Op.Rst).Skip(1).Any(), "reset-answered", "the guest's SHUTDOWN or RST, and nothing for the device's RST", DrivenEnd.Told(told));
        }
    }

    [Case("VSC-2175", "VS-X-33", "B-28", Title = "RST with data unread at the guest's application: it gets the beginning of that data or none, and then the end")]
    public static void DeviceResets_DataUnread_NothingIsMadeUp(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        byte[] down = c.RandomBytes(900);
        flow.Write(down, pieceSize: 300);
        flow.Reset();
        c.Fence();
        List<byte> read = [];
        GuestReceived part;
        while ((part = guest.Receive(200, GuestMessage.DontWait)).Result.Value > 0 && read.Count <= down.Length)
        {
            read.AddRange(part.Data);
        }

        c.Record("reset.unread", $"{(read.Count == down.Length ? "all" : read.Count == 0 ? "nothing" : "some")}, then {part.Result}");
        Exchange.Same([.. read], down.AsSpan(0, Math.Min(read.Count, down.Length)), "device to guest before RST");
        DriverContext.Require(part.Result.Errno != GuestErrno.WouldBlock, "reset-ignored", "end of file or an error", part.Result.ToString());
    }

    [Case("VSC-2176", "B-03", "B-06", Title = "Packets of unknown flows, whatever they are and whoever is at the port, draw one RST each and do no harm", Probe = true)]
    public static void DeviceSends_UnknownFlow_IsRefused(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint listening = listener.Listen();
        GuestSocket bound = GuestSocket.Create(c);
        uint boundPort = c.NewGuestPort();
        bound.Bind(boundPort).OrThrow("bind");
        foreach ((string where, uint port) in (ReadOnlySpan<(string, uint)>)[("nobody", c.NewGuestPort()), ("listener", listening), ("bound", boundPort)])
        {
            foreach (Op op in (ReadOnlySpan<Op>)[Op.Response, Op.Rw, Op.Shutdown, Op.CreditUpdate, Op.CreditRequest])
            {
                Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
                flow.Send(op, op == Op.Rw ? c.RandomBytes(20) : [], op == Op.Shutdown ? (uint)ShutdownFlags.Both : 0);
                c.Fence();
                List<Op> answer = [.. flow.Log.Select(p => p.Op)];
                c.Record($"unknown_flow.{where}.{Names.Of(op).ToLowerInvariant()}", DrivenEnd.Told(answer));
                DriverContext.Require(answer.Count <= 1, "answered-twice", $"one answer at most to {Names.Of(op)}", DrivenEnd.Told(answer));
                c.Discourage(answer is not [Op.Rst], "no-rst-for-unknown-flow", $"RST for {Names.Of(op)} of an unknown flow", DrivenEnd.Told(answer));
            }
        }

        Flow late = c.Device.NewFlow(c.NewHostPort(), listening);
        _ = late.Connect();
        GuestFlow.Echo(c, listener.Accept(), late);
    }

    [Case("VSC-2177", "B-05", "B-06", Title = "A second REQUEST or RESPONSE on an established flow leaves it as it is or ends it with RST", Probe = true)]
    public static void DeviceSends_HandshakeOnEstablishedFlow_IsConsistent(DriverContext c)
    {
        foreach (Op op in (ReadOnlySpan<Op>)[Op.Request, Op.Response])
        {
            foreach ((string name, GuestSocket guest, Flow flow) in (ReadOnlySpan<(string, GuestSocket, Flow)>)[Named("guest", DrivenSocket.Open(c)), Named("device", DrivenSocket.OpenFromDevice(c))])
            {
                GuestFlow.Echo(c, guest, flow);
                int before = flow.Log.Count;
                flow.Send(op);
                c.Fence();
                List<Op> answer = DrivenEnd.Since(flow, before);
                c.Record($"established.{Names.Of(op).ToLowerInvariant()}.flow_of_{name}", DrivenEnd.Told(answer));
                if (answer.Contains(Op.Rst))
                {
                    GuestResult end = guest.Receive(10, GuestMessage.DontWait).Result;
                    DriverContext.Require(
                        end.Value <= 0 && end.Errno != GuestErrno.WouldBlock, "dead-connection", "the application sees the end of a flow that its driver has reset", end.ToString());
                    continue;
                }

                while (flow.TryTake([], out _))
                {
                }

                GuestFlow.Echo(c, guest, flow);
            }
        }

        static (string, GuestSocket, Flow) Named(string name, (GuestSocket Guest, Flow Flow) ends) => (name, ends.Guest, ends.Flow);
    }

    [Case(
        "VSC-2178",
        "VS-X-36",
        "B-29",
        Title = "Right behind the RST that completes a guest's close a REQUEST with the same ends is accepted, again and again, and no byte of the old connections appears")]
    public static void Ends_ReusedByDeviceAfterGuestsClose_StartAfresh(DriverContext c)
    {
        const int Times = 40;
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        uint hostPort = c.NewHostPort();
        for (int i = 0; i < Times; i++)
        {
            Flow flow = c.Device.NewFlow(hostPort, port);
            _ = flow.Connect();
            GuestSocket guest = listener.Accept();
            Afresh(c, guest, flow, i);
            guest.Close().OrThrow("close");
            _ = DrivenEnd.AnswerClose(flow);
        }
    }

    [Case(
        "VSC-2179",
        "VS-X-36",
        "B-29",
        Title = "A guest's application connects from the same port again and again once the device has answered its close, and no byte of the old connections appears")]
    public static void Ends_ReusedByGuestAfterItsClose_StartAfresh(DriverContext c)
    {
        const int Times = 30;
        uint guestPort = c.NewGuestPort();
        uint hostPort = c.NewHostPort();
        for (int i = 0; i < Times; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            GuestResult bound = guest.Bind(guestPort);
            if (i > 0 && bound.Errno == GuestErrno.AddressInUse)
            {
                c.Discourage(true, "port-kept", "the guest's port is free once the close was answered", bound.ToString());
                return;
            }

            bound.OrThrow("bind");
            Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, hostPort);
            Flow flow = c.Device.ExpectRequest(hostPort);
            DriverContext.Require(flow.Id.GuestPort == guestPort, "port-not-kept", $"REQUEST from port {guestPort}, to which the socket is bound", flow.Id.ToString());
            flow.Send(Op.Response);
            c.Await(connecting).OrThrow("connect");
            Afresh(c, guest, flow, i);
            guest.Close().OrThrow("close");
            _ = DrivenEnd.AnswerClose(flow);
            c.Fence();
            c.Device.Forget(flow);
        }
    }

    [Case(
        "VSC-2180",
        "VS-X-36",
        "B-29",
        Title = "When a guest has answered a device's SHUTDOWN with RST, the device connects again with the same ends, although the old application still holds its socket")]
    public static void Ends_ReusedByDeviceAfterItsClose_AreFree(DriverContext c)
    {
        (GuestSocket old, GuestSocket listener, Flow fresh, bool accepted) = CloseAndConnectAgain(c);
        DriverContext.Require(accepted, "ends-kept-after-close", "RESPONSE: the guest's RST said that it is done with the old connection", "RST");
        GuestFlow.Echo(c, listener.Accept(), fresh);
        old.ExpectEndOfFile();
    }

    [Case(
        "VSC-2181",
        "VS-X-36",
        "VS-X-33",
        Title = "When a guest's application closes its end of a connection that was over before, a new connection with the same ends goes on")]
    public static void OldSocketCloses_EndsAreUsedAgain_NewConnectionGoesOn(DriverContext c)
    {
        (GuestSocket old, GuestSocket listener, Flow fresh, bool accepted) = CloseAndConnectAgain(c);
        if (!accepted)
        {
            DriverContext.NotApplicable("the driver keeps the ends of a connection that it has ended with RST, so they cannot be used again (VSC-2180)");
        }

        GuestSocket guest = listener.Accept();
        GuestFlow.Echo(c, guest, fresh);
        old.Close().OrThrow("close");
        c.Fence();
        fresh.ExpectNothingMore("late-packet-ends-flow", "nothing on the new connection when the old application closes");
        GuestFlow.Echo(c, guest, fresh);
    }

    [Case("VSC-2182", "B-29", Title = "A REQUEST with the same ends right behind the device's own RST is accepted or refused, and accepted when the old application has closed", Probe = true)]
    public static void Ends_ReusedByDeviceAfterItsReset_AreFreeInTheEnd(DriverContext c)
    {
        const int Times = 20;
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        uint hostPort = c.NewHostPort();
        for (int i = 0; i < Times; i++)
        {
            Flow flow = c.Device.NewFlow(hostPort, port);
            _ = flow.Connect();
            GuestSocket guest = listener.Accept();
            Afresh(c, guest, flow, i);
            flow.Reset();
            Flow next = c.Device.NewFlow(hostPort, port);
            bool accepted = DrivenEnd.TryConnect(next);
            c.Record("reuse.after_reset.while_held", accepted ? "RESPONSE" : "RST");
            if (accepted)
            {
                GuestSocket second = listener.Accept();
                GuestFlow.Echo(c, second, next);
                guest.Close().OrThrow("close");
                c.Fence();
                bool survives = !next.TryTake([], out Packet? packet);
                c.Record("reuse.after_reset.old_application_closes", survives ? "the new connection goes on" : Names.Of(packet!.Op));
                second.Close().OrThrow("close");
                if (survives)
                {
                    _ = DrivenEnd.AnswerClose(next);
                }
            }
            else
            {
                guest.Close().OrThrow("close");
            }

            // What the old application's close sends must not be taken for an answer to the next REQUEST.
            c.Fence();
        }
    }

    [Case(
        "VSC-2183",
        "VS-X-35",
        "B-78",
        Title = "When the device is gone for good, the guest's calls still end and its kernel goes on",
        Isolation = Isolation.Process,
        Probe = true,
        Slow = true)]
    public static void DeviceGoesAway_GuestCalls_End(DriverContext c)
    {
        (GuestSocket reading, _) = DrivenSocket.Open(c);
        (GuestSocket writing, _) = DrivenSocket.OpenFromDevice(c);
        (GuestSocket closing, _) = DrivenSocket.Open(c);
        (GuestSocket closed, Flow unanswered) = DrivenSocket.Open(c);
        GuestSocket connecting = GuestSocket.Create(c);
        Task<GuestReceived> reader = DrivenEnd.BeginReceive(c, reading);
        closed.Close().OrThrow("close");
        DrivenEnd.ExpectShutdown(unanswered, ShutdownFlags.Both);
        c.Fence();
        c.DriverGoesOn = false;
        c.Device.HangUp();

        // Linux gives a connect two seconds by itself.
        c.Timeline.Patience += TimeSpan.FromSeconds(5);

        // What becomes of a machine whose device is gone is its monitor's matter: user-mode Linux goes on, others may end.
        try
        {
            EffectTimes effects = new(c);
            effects.Await("connect", connecting.BeginConnect(Cid.Host, c.NewHostPort()), r => r.ToString());
            effects.Await("send", writing.BulkSend(c.Seed, 1000, flags: GuestMessage.DontWait), r => r.Result.ToString());
            effects.Await("close", c.Agent.Close(closing.Fd, DrivenEnd.Limit(c)), r => r.ToString());
            IReadOnlyList<string> missing = effects.Missing();
            c.Record("device_gone.calls", effects);
            c.Record("device_gone.reader", reader.IsCompleted ? c.Await(reader).Result.ToString() : "waits");
            DriverContext.Require(missing.Count == 0, "call-outlives-device", "connect, send without waiting and close end", $"not so: {string.Join(", ", missing)}");
            IReadOnlyList<KernelReport> reports = c.KernelReports();
            c.Record("device_gone.kernel_reports", reports.Count == 0 ? "none" : string.Join("; ", reports.Select(r => r.Headline).Distinct()));
            KernelReport? own = reports.FirstOrDefault(r => !IsOfFrontEnd(r));
            DriverContext.Require(own is null, "guest-kernel-report", "the guest's kernel has no complaint but of its lost front end", own?.Headline ?? "");
        }
        catch (GuestLostException) when (c.GuestIsGone)
        {
            c.Record("device_gone.machine", "ended");
        }
    }

    /// <summary>User-mode Linux is guest and front end in one, and its front end warns of every message that it cannot send.</summary>
    private static bool IsOfFrontEnd(KernelReport report) =>
        report.Kind == KernelReportKind.Warning && report.Headline.Contains("arch/um/drivers/virtio_uml.c", StringComparison.Ordinal);

    /// <summary>The device closes a connection that it opened, the guest answers, and the device connects again with the same ends.</summary>
    private static (GuestSocket Old, GuestSocket Listener, Flow Fresh, bool Accepted) CloseAndConnectAgain(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
        _ = flow.Connect();
        GuestSocket old = listener.Accept();
        GuestFlow.Echo(c, old, flow);
        flow.SendShutdown(ShutdownFlags.Both);
        _ = flow.Expect("no-rst", Op.Rst);
        Flow fresh = c.Device.Register(flow.Id);
        return (old, listener, fresh, DrivenEnd.TryConnect(fresh));
    }

    /// <summary>Bytes of this connection alone go each way, and some stay unread.</summary>
    private static void Afresh(DriverContext c, GuestSocket guest, Flow flow, int number)
    {
        byte[] down = [(byte)number, .. c.RandomBytes(20)];
        flow.Write(down);
        Exchange.Same(guest.ReceiveExactly(down.Length), down, $"device to guest, connection {number}");
        byte[] up = guest.Send(20);
        Exchange.Same(flow.Read(20), up, $"guest to device, connection {number}");

        // These are there, unread, when the connection ends.
        flow.Write(c.RandomBytes(50));
        c.Fence();
    }
}
