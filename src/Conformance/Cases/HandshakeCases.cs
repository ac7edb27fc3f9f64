using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>REQUEST, RESPONSE and their refusals (virtio 1.4 section 5.10.6.5).</summary>
[Area("handshake")]
public static class HandshakeCases
{
    [Case("VSC-0101", "VS-X-28", Title = "REQUEST to a listening host port draws exactly one RESPONSE with the ends swapped", Vary = Vary.Rings)]
    public static void Request_ToListener_IsAnsweredByOneResponse(CaseContext c)
    {
        using HostListener listener = c.Listen();
        Flow flow = c.Driver.NewFlow(listener.Port);

        flow.Send(Op.Request);
        VsockHeader response = flow.Expect("no-response", Op.Response).Header;
        using HostConnection host = listener.Accept();
        c.Fence();

        CaseContext.Require(response.Len == 0, "response-with-payload", "RESPONSE with len 0", response.ToString());
        CaseContext.Require(response.Type == SocketType.Stream, "wrong-type", "RESPONSE of the type of the REQUEST", response.ToString());
        CaseContext.Require(response.BufAlloc > 0, "no-window", "RESPONSE with buf_alloc above 0", response.ToString());
        flow.ExpectNothingMore("second-answer", "exactly one answer to the REQUEST");
        CaseContext.Require(listener.TryAccept() is null, "second-accept", "one connection at the host application", "a second connection");
    }

    [Case("VSC-0102", "VS-X-29", "B-01", Title = "REQUEST to a port on which nobody listens draws RST", Vary = Vary.Rings)]
    public static void Request_ToClosedPort_IsAnsweredByRst(CaseContext c)
    {
        Flow flow = c.Driver.NewFlow(c.NewHostPort());

        flow.Send(Op.Request);
        flow.Expect("no-rst", Op.Rst);

        c.Fence();
        flow.ExpectNothingMore("answer-after-rst", "nothing after RST");
    }

    [Case(
        "VSC-0103",
        "VS-X-28",
        Title = "A host connection reaches the guest as REQUEST and is established by RESPONSE",
        Vary = Vary.Layouts,
        Regressions = ["KB-E8"])]
    public static void HostConnect_AnsweredByResponse_IsEstablished(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.OpenFromHost();

        VsockHeader request = flow.Log[0].Header;
        CaseContext.Require(request.SrcCid == Cid.Host && request.DstCid == c.GuestCid, "wrong-cid", "REQUEST from CID 2 to the guest's CID", request.ToString());
        CaseContext.Require(request.Len == 0 && request.Type == SocketType.Stream, "bad-request", "REQUEST of type stream with len 0", request.ToString());

        byte[] data = c.RandomBytes(100);
        host.Send(data);
        CaseContext.Require(flow.Read(100).AsSpan().SequenceEqual(data), "wrong-data", "the host's bytes", "other bytes");
        flow.Write(data);
        CaseContext.Require(host.ReceiveExactly(100).AsSpan().SequenceEqual(data), "wrong-data", "the guest's bytes", "other bytes");
    }

    [Case("VSC-0104", "VS-X-30", "B-13", Title = "A host whose backlog is full refuses with RST; the flows that stand live on, and room is used again")]
    public static void Request_BacklogFull_IsRefusedAndRecovers(CaseContext c)
    {
        using HostListener listener = c.Listen(backlog: 1);
        List<Flow> accepted = [];
        Flow? refused = null;
        const int More = 8;
        for (int i = 0; i < More && refused is null; i++)
        {
            Flow flow = c.Driver.NewFlow(listener.Port);
            flow.Send(Op.Request);
            if (flow.Expect("no-answer", Op.Response, Op.Rst).Op == Op.Rst)
            {
                refused = flow;
            }
            else
            {
                accepted.Add(flow);
            }
        }

        c.Record("handshake.connections_beyond_backlog_1", refused is null ? "all accepted" : $"{accepted.Count} accepted");
        foreach (Flow flow in accepted)
        {
            Exchange.Echo(c, flow, listener.Accept());
        }

        Flow again = c.Driver.NewFlow(listener.Port);
        _ = again.Connect();
        Exchange.Echo(c, again, listener.Accept());
    }

    [Case("VSC-0105", "VS-X-30", "B-13", Title = "With its table full the device refuses with RST, the others live on, and a closed flow makes room", Slow = true)]
    public static void Request_TableFull_IsRefusedAndRecovers(CaseContext c)
    {
        // Devices of the field hold 1023 or 1024 connections; a larger table is not worth filling here.
        const int Limit = 1100;
        using HostListener listener = c.Listen(backlog: 4096);
        List<Flow> flows = [];
        List<HostConnection> hosts = [];
        Packet? answer = null;
        while (flows.Count < Limit)
        {
            Flow flow = c.Driver.NewFlow(listener.Port);
            flow.Send(Op.Request);
            answer = flow.Expect("no-answer", Op.Response, Op.Rst);
            if (answer.Op == Op.Rst)
            {
                break;
            }

            flows.Add(flow);
            hosts.Add(listener.Accept());
        }

        c.Record("handshake.connection_limit", answer!.Op == Op.Rst ? $"{flows.Count}" : $"more than {Limit}");
        if (answer.Op == Op.Rst)
        {
            Exchange.Echo(c, flows[0], hosts[0]);
            flows[^1].SendShutdown(ShutdownFlags.Both);
            flows[^1].Expect("no-rst", Op.Rst);
            Flow again = c.Driver.NewFlow(listener.Port);
            _ = again.Connect();
            Exchange.Echo(c, again, listener.Accept());
        }

        hosts.ForEach(h => h.Dispose());
    }

    [Case(
        "VSC-0106",
        "VS-RXTX-DEV-2",
        "B-09",
        Title = "A packet of unknown type draws RST, whatever its operation, and no flow is needed",
        Vary = Vary.Layouts,
        Regressions = ["KB-C4"])]
    public static void UnknownType_WithoutFlow_IsAnsweredByRst(CaseContext c)
    {
        foreach (ushort type in (ReadOnlySpan<ushort>)[0, 3, 4, 0x7fff, 0xffff])
        {
            foreach (Op op in (ReadOnlySpan<Op>)[Op.Request, Op.Response, Op.Shutdown, Op.Rw, Op.CreditUpdate, Op.CreditRequest])
            {
                Flow flow = c.Driver.NewFlow(c.NewHostPort());
                flow.Send(op, edit: h => h with { Type = (SocketType)type });
                Packet reset = flow.Expect("unknown-type-not-reset", Op.Rst);
                c.Record("handshake.type_of_rst_for_unknown_type", Names.Of(reset.Header.Type));
                CaseContext.Require(reset.Header.Len == 0, "rst-with-payload", "RST with len 0", reset.ToString());
            }
        }

        c.Fence();
    }

    [Case("VSC-0107", "VS-RXTX-DEV-2", Title = "A packet of unknown type to a listening port draws RST and reaches nobody", Regressions = ["KB-C4"])]
    public static void UnknownType_ToListener_IsAnsweredByRst(CaseContext c)
    {
        using HostListener listener = c.Listen();
        Flow flow = c.Driver.NewFlow(listener.Port);
        flow.Send(Op.Request, edit: h => h with { Type = (SocketType)3 });
        flow.Expect("unknown-type-not-reset", Op.Rst);
        c.Fence();
        CaseContext.Require(listener.TryAccept() is null, "unknown-type-accepted", "no host connection", "a connection");
    }

    [Case("VSC-0108", "VS-RXTX-DEV-2", Title = "A packet of unknown type between the ends of a living flow draws RST", Regressions = ["KB-C4"])]
    public static void UnknownType_OnLivingFlow_IsAnsweredByRst(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.Send(Op.CreditUpdate, edit: h => h with { Type = (SocketType)0x7fff });
        flow.Expect("unknown-type-not-reset", Op.Rst);

        // Whether the flow between the same ends goes with it is not said.
        flow.Send(Op.CreditRequest);
        c.Fence();
        c.Record("handshake.flow_after_unknown_type", flow.TryTake([Op.CreditUpdate], out Packet? packet) ? Names.Of(packet.Op) : "silent");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0109", "B-09", Title = "RST of unknown type: whether it is answered is recorded", Probe = true)]
    public static void UnknownType_Rst_IsRecorded(CaseContext c)
    {
        Flow flow = c.Driver.NewFlow(c.NewHostPort());
        flow.Send(Op.Rst, edit: h => h with { Type = (SocketType)3 });
        c.Fence();
        c.Record("handshake.rst_of_unknown_type", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "silent");
    }

    [Case("VSC-0110", "VS-X-16", "B-10", Title = "Every packet of a flow has the type of its REQUEST; one of the other type is recorded")]
    public static void Type_OfTheFlow_IsConstant(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        Exchange.Echo(c, flow, host);
        flow.Send(Op.CreditRequest);
        flow.Expect("no-credit-update", Op.CreditUpdate);
        foreach (Packet packet in flow.Log)
        {
            CaseContext.Require(packet.Header.Type == SocketType.Stream, "type-changes", "type stream, as in REQUEST", packet.ToString());
        }

        flow.Send(Op.Rw, [1], edit: h => h with { Type = SocketType.Seqpacket });
        c.Fence();
        c.Record("handshake.data_of_other_type", flow.TryTake([], out Packet? answer) ? Names.Of(answer.Op) : "ignored");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0111", "VS-X-15", Title = "Flows that share a port on one side are flows of their own", Vary = Vary.Layouts)]
    public static void Flows_SharingAPort_AreApart(CaseContext c)
    {
        using HostListener p = c.Listen();
        using HostListener q = c.Listen();
        uint first = c.Driver.NewGuestPort();
        uint second = c.Driver.NewGuestPort();
        List<(Flow Flow, HostConnection Host)> all = [];
        foreach ((uint guest, HostListener listener) in ((uint, HostListener)[])[(first, p), (second, p), (first, q), (second, q)])
        {
            Flow flow = c.Driver.NewFlow(listener.Port, guestPort: guest);
            _ = flow.Connect();
            all.Add((flow, listener.Accept()));
        }

        foreach ((Flow flow, HostConnection host) in all)
        {
            Exchange.Echo(c, flow, host);
        }

        all[0].Flow.Reset();
        all[0].Host.ExpectClosed("reset-ignored", "the host application sees the end");
        foreach ((Flow flow, HostConnection host) in all.Skip(1))
        {
            Exchange.Echo(c, flow, host);
        }
    }

    [Case(
        "VSC-0121",
        "VS-X-15",
        "B-03",
        Title = "Packets from another guest port to the host's end of a living flow do not touch the flow",
        Regressions = ["KB-C1"])]
    public static void Stranger_ToTheEndOfAFlow_DoesNotTouchIt(CaseContext c)
    {
        Op[] operations = [Op.Response, Op.Rw, Op.CreditUpdate, Op.CreditRequest, Op.Shutdown, Op.Rst];
        foreach (bool fromHost in (ReadOnlySpan<bool>)[true, false])
        {
            (Flow flow, HostConnection host) = fromHost ? c.OpenFromHost() : c.Open();
            foreach (Op op in operations)
            {
                Flow stranger = c.Driver.NewFlow(flow.Id.HostPort);
                c.Driver.ExpectReturned(stranger.Send(op, op == Op.Rw ? c.RandomBytes(30) : [], op == Op.Shutdown ? (uint)ShutdownFlags.Both : 0));
                c.Fence();
                flow.ExpectNothingMore("stranger-reaches-flow", $"nothing on {flow.Id} for a {Names.Of(op)} from guest port {stranger.Id.GuestPort}");
                Exchange.Echo(c, flow, host);
            }
        }
    }

    [Case(
        "VSC-0122",
        "VS-X-28",
        Title = "RESPONSE is the first packet of a flow, also when the application sends at once and the guest gives no credit",
        Regressions = ["KB-C6"])]
    public static void Response_ApplicationSendsAtOnce_ComesFirst(CaseContext c)
    {
        const int Times = 30;
        using HostListener listener = c.Listen();
        for (int i = 0; i < Times; i++)
        {
            Flow flow = c.Driver.NewFlow(listener.Port);
            flow.BufAlloc = i % 2 == 0 ? 0 : flow.BufAlloc;
            flow.Send(Op.Request);
            using HostConnection host = listener.Accept();
            _ = host.TrySend(c.RandomBytes(100), out _);
            CaseContext.Require(c.Eventually(() => flow.Log.Count > 0), "no-response", "RESPONSE", "nothing");
            CaseContext.Require(flow.Log[0].Op == Op.Response, "response-not-first", "RESPONSE before any other packet of the flow", flow.Log[0].ToString());
            flow.Reset();
        }
    }

    [Case("VSC-0112", "B-03", "B-06", Title = "Packets of unknown flows: the answers are recorded", Probe = true)]
    public static void UnknownFlow_EveryOperation_IsRecorded(CaseContext c)
    {
        foreach (Op op in (ReadOnlySpan<Op>)[Op.Response, Op.Shutdown, Op.Rw, Op.CreditUpdate, Op.CreditRequest])
        {
            Flow flow = c.Driver.NewFlow(c.NewHostPort());
            c.Driver.ExpectReturned(flow.Send(op));
            c.Fence();
            c.Record($"handshake.unknown_flow.{Names.Of(op)}", flow.TryTake([Op.CreditUpdate], out Packet? packet) ? Names.Of(packet.Op) : "silent");
        }
    }

    [Case("VSC-0113", "B-05", Title = "REQUEST between the ends of a living flow: the answer is recorded", Probe = true)]
    public static void Request_OnLivingFlow_IsRecorded(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.Send(Op.Request);
        c.Fence();
        c.Record("handshake.request_on_living_flow", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "ignored");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0114", "B-07", "B-08", Title = "Undefined operations: the answers are recorded", Probe = true)]
    public static void UndefinedOperation_IsRecorded(CaseContext c)
    {
        foreach (ushort op in (ReadOnlySpan<ushort>)[0, 8, 99, 0xffff])
        {
            (Flow flow, HostConnection host) = c.Open();
            c.Driver.ExpectReturned(flow.Send((Op)op));
            c.Fence();
            c.Record($"handshake.operation_{op}", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "ignored");
            host.Dispose();
        }

        c.Fence();
    }

    [Case("VSC-0115", "B-11", Title = "Data before the guest's RESPONSE: the answer is recorded", Probe = true)]
    public static void HostConnects_DataBeforeResponse_IsRecorded(CaseContext c)
    {
        uint port = c.Driver.NewGuestPort();
        using HostConnection host = c.Host.Connect(port);
        Flow flow = c.Driver.ExpectRequest(port);
        c.Driver.ExpectReturned(flow.Send(Op.Rw, [1, 2, 3]));
        c.Fence();
        c.Record("handshake.data_before_response", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "silent");
    }

    // Seen in the field: the control connection closed early, came byte by byte or was malformed, and the backend crashed or hung.
    [Case("VSC-0116", "B-16", Title = "A broken handshake on the host's control socket does no harm", Probe = true)]
    public static void HostHandshake_Malformed_DoesNoHarm(CaseContext c)
    {
        c.Canary.Open();
        string[] lines = ["", "\n", "CONNECT\n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "connect 5\n", "HELLO 5\n", new string('A', 5000), "CONNECT 5"];
        foreach (string line in lines)
        {
            using HostConnection host = c.OpenHostControl();
            _ = host.TrySend(System.Text.Encoding.ASCII.GetBytes(line), out _);
        }

        c.Fence();
        Exchange.Echo(c);
    }

    [Case("VSC-0117", "VS-X-28", "B-16", Title = "The host's CONNECT line may come byte by byte")]
    public static void HostHandshake_ByteByByte_IsUnderstood(CaseContext c)
    {
        uint port = c.Driver.NewGuestPort();
        using HostConnection host = c.OpenHostControl();
        foreach (byte b in System.Text.Encoding.ASCII.GetBytes($"CONNECT {port}\n"))
        {
            host.Send([b]);
            c.Fence();
        }

        Flow flow = c.Driver.ExpectRequest(port);
        flow.Send(Op.Response);
        _ = host.ExpectEstablished();
        Exchange.Echo(c, flow, host);
    }

    [Case("VSC-0118", "VS-X-28", "B-14", Title = "Two host connections at once to one guest port are two flows")]
    public static void HostConnects_TwiceAtOnce_AreTwoFlows(CaseContext c)
    {
        uint port = c.Driver.NewGuestPort();
        using HostConnection one = c.Host.Connect(port);
        Flow first = c.Driver.ExpectRequest(port);
        using HostConnection two = c.Host.Connect(port);
        Flow second = c.Driver.ExpectRequest(port);
        CaseContext.Require(first.Id.HostPort != second.Id.HostPort, "same-host-port", "a host port of its own for each connection", $"{first.Id.HostPort} twice");
        c.Record("handshake.host_port", first.Id.HostPort);
        first.Send(Op.Response);
        second.Send(Op.Response);
        _ = one.ExpectEstablished();
        _ = two.ExpectEstablished();
        Exchange.Echo(c, first, one);
        Exchange.Echo(c, second, two);
    }

    [Case("VSC-0119", "B-15", Title = "Ports 0 and 0xffffffff in a REQUEST: the answers are recorded", Probe = true)]
    public static void Request_WithOddPorts_IsRecorded(CaseContext c)
    {
        foreach ((uint guest, uint host) in ((uint, uint)[])[(0, 5), (uint.MaxValue, 5), (5, 0), (5, uint.MaxValue)])
        {
            Flow flow = c.Driver.NewFlow(host, guestPort: guest);
            c.Driver.ExpectReturned(flow.Send(Op.Request));
            c.Fence();
            c.Record($"handshake.ports_{guest}_to_{host}", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "silent");
        }
    }

    [Case("VSC-0120", "B-12", Title = "A host connection that the guest never answers does no harm", Probe = true)]
    public static void HostConnects_GuestIsSilent_DoesNoHarm(CaseContext c)
    {
        uint port = c.Driver.NewGuestPort();
        using HostConnection host = c.Host.Connect(port);
        _ = c.Driver.ExpectRequest(port);
        Exchange.Echo(c);
        c.Record("handshake.unanswered", host.TryReceive(new byte[1], out _) ? "answered" : host.End.ToString());
        c.Fence();
    }
}
