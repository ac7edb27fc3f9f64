using System.Diagnostics;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>How a driver opens connections, and how it answers a device that does (virtio 1.4 section 5.10.6.5).</summary>
[Area("driver-handshake")]
public static class DriverHandshakeCases
{
    /// <summary>Longer than a case has patience: a connect that ends earlier was ended by something else.</summary>
    private static readonly TimeSpan LongConnect = TimeSpan.FromSeconds(30);

    [Case("VSC-2001", "VS-X-28", Title = "A device's REQUEST to a listening guest port draws exactly one RESPONSE, and the application accepts one connection", Vary = Vary.Rings)]
    public static void Request_ToListener_IsAnsweredByOneResponse(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        Flow flow = c.Device.NewFlow(c.NewHostPort(), listener.Listen());

        VsockHeader response = flow.Connect().Header;
        c.Fence();

        DriverContext.Require(response.Len == 0, "response-with-payload", "RESPONSE with len 0", response.ToString());
        DriverContext.Require(response.Type == SocketType.Stream, "wrong-type", "RESPONSE of the type of the REQUEST", response.ToString());
        DriverContext.Require(response.BufAlloc > 0, "no-window", "RESPONSE with buf_alloc above 0", response.ToString());
        flow.ExpectNothingMore("second-answer", "exactly one answer to the REQUEST");
        GuestSocket accepted = listener.Accept();
        DriverContext.Require(
            (accepted.Peer().Cid, accepted.Peer().Port) == ((uint)Cid.Host, flow.Id.HostPort), "wrong-peer", $"a peer at {Cid.Host}:{flow.Id.HostPort}", accepted.Peer().ToString());
        GuestFlow.Echo(c, accepted, flow);
    }

    [Case("VSC-2002", "VS-X-29", "B-01", Title = "A device's REQUEST to a guest port at which nobody listens draws one RST", Vary = Vary.Rings)]
    public static void Request_ToClosedPort_IsAnsweredByRst(DriverContext c)
    {
        Flow flow = c.Device.NewFlow(c.NewHostPort(), c.NewGuestPort());
        flow.Send(Op.Request);
        _ = flow.Expect("no-rst", Op.Rst);
        c.Fence();
        flow.ExpectNothingMore("answer-after-rst", "nothing after RST");
    }

    [Case("VSC-2003", "VS-X-28", "VS-RXTX-DRV-1", Title = "A guest's connect sends one REQUEST from the guest's CID, and RESPONSE establishes the connection", Vary = Vary.Rings)]
    public static void Connect_AnsweredByResponse_IsEstablished(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        VsockHeader request = flow.Log[0].Header;
        DriverContext.Require(request.SrcCid == c.GuestCid && request.DstCid == Cid.Host, "wrong-cid", $"REQUEST from CID {c.GuestCid} to CID 2", request.ToString());
        DriverContext.Require(request is { Len: 0, Type: SocketType.Stream, FwdCnt: 0 }, "bad-request", "REQUEST of type stream with len 0 and fwd_cnt 0", request.ToString());
        c.Fence();
        flow.ExpectNothingMore("request-again", "nothing more of a connection that nobody uses");
        GuestFlow.Echo(c, guest, flow);
    }

    [Case(
        "VSC-2004",
        "VS-X-33",
        Title = "RST instead of RESPONSE makes the guest's connect fail, long before it would time out",
        Regressions = ["KB-C13"])]
    public static void Connect_AnsweredByRst_FailsAtOnce(DriverContext c)
    {
        GuestSocket guest = GuestSocket.Create(c);
        guest.SetConnectTimeout(LongConnect);
        uint port = c.NewHostPort();
        Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
        Flow flow = c.Device.ExpectRequest(port);
        long begin = Stopwatch.GetTimestamp();
        flow.Send(Op.Rst);
        DriverContext.Require(
            c.Eventually(() => connecting.IsCompleted), "reset-unnoticed", "connect fails when RST arrives", $"it still waited {c.Timeline.Patience.TotalSeconds:0.###} s later");
        GuestResult result = c.Await(connecting);
        c.Record("driver.connect.rst", result);
        c.Record("driver.connect.rst_ms", Math.Round(Stopwatch.GetElapsedTime(begin).TotalMilliseconds));
        DriverContext.Require(!result.Succeeded, "refused-and-connected", "connect fails (ECONNRESET)", result.ToString());
        c.Fence();
        flow.ExpectNothingMore("answer-to-rst", "no answer to RST");
    }

    [Case("VSC-2005", "VS-X-30", "B-13", Title = "A guest whose backlog is full refuses with RST; the connections that stand live on, and room is used again")]
    public static void Request_BacklogFull_IsRefusedAndRecovers(DriverContext c)
    {
        const int More = 64;
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen(backlog: 1);
        List<Flow> standing = [];
        bool refused = false;
        for (int i = 0; i < More && !refused; i++)
        {
            Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
            flow.Send(Op.Request);
            refused = flow.Expect("no-answer", Op.Response, Op.Rst).Op == Op.Rst;
            if (!refused)
            {
                standing.Add(flow);
            }
        }

        // How many a backlog of 1 takes is the guest's business; that each REQUEST is answered is not.
        c.Record("driver.backlog_1.accepted", refused ? standing.Count : $"at least {More}");
        foreach (Flow flow in standing)
        {
            GuestSocket accepted = listener.Accept();
            Flow own = standing.First(f => f.Id.HostPort == accepted.Peer().Port);
            GuestFlow.Echo(c, accepted, own);
        }

        Flow again = c.Device.NewFlow(c.NewHostPort(), port);
        _ = again.Connect();
        GuestFlow.Echo(c, listener.Accept(), again);
    }

    [Case("VSC-2006", "B-05", Probe = true, Title = "Recorded: what a driver does with REQUEST on a tuple that is established")]
    public static void Request_OnEstablishedTuple_IsRecorded(DriverContext c)
    {
        (_, Flow flow) = DrivenSocket.OpenFromDevice(c);
        flow.Send(Op.Request);
        c.Fence();
        c.Record("driver.request.established", GuestFlow.Answers(flow));
    }

    [Case("VSC-2007", "B-02", Probe = true, Title = "Recorded: what a driver does with REQUEST to a port that is bound and does not listen")]
    public static void Request_ToBoundPort_IsRecorded(DriverContext c)
    {
        GuestSocket bound = GuestSocket.Create(c);
        bound.Bind((uint)Cid.Any32).OrThrow("bind");
        Flow flow = c.Device.NewFlow(c.NewHostPort(), bound.Name().Port);
        flow.Send(Op.Request);
        c.Fence();
        c.Record("driver.request.bound", GuestFlow.Answers(flow));
    }

    [Case("VSC-2008", "B-06", Probe = true, Title = "Recorded: what a driver does with a second RESPONSE; the connection still carries data, or ends")]
    public static void Response_Twice_IsRecorded(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        flow.Send(Op.Response);
        c.Fence();
        string answers = GuestFlow.Answers(flow);
        c.Record("driver.response.twice", answers);
        if (answers.Length == 0)
        {
            GuestFlow.Echo(c, guest, flow);
        }
    }

    [Case("VSC-2009", "B-11", Probe = true, Title = "Recorded: what a driver does with data before RESPONSE; its connect ends either way")]
    public static void Connect_AnsweredByData_IsRecorded(DriverContext c)
    {
        GuestSocket guest = GuestSocket.Create(c);
        guest.SetConnectTimeout(LongConnect);
        uint port = c.NewHostPort();
        Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
        Flow flow = c.Device.ExpectRequest(port);
        flow.Send(Op.Rw, "early"u8);
        c.Fence();
        string answers = GuestFlow.Answers(flow);
        c.Record("driver.connecting.rw", answers);
        if (!connecting.IsCompleted && answers.Length == 0)
        {
            flow.Send(Op.Response);
        }

        DriverContext.Require(
            c.Eventually(() => connecting.IsCompleted), "connect-stuck", "connect ends", $"it still waited {c.Timeline.Patience.TotalSeconds:0.###} s later");
        c.Record("driver.connecting.rw.connect", connecting.Result);
    }

    [Case(
        "VSC-2010",
        "VS-X-28",
        Slow = true,
        Title = "A RESPONSE that comes when the guest's connect has timed out establishes nothing: it is reset, or left alone",
        Regressions = ["KB-C14"])]
    public static void Response_AfterTimeout_EstablishesNothing(DriverContext c)
    {
        // The shortest time that the option takes (it counts in jiffies) and a RESPONSE as near to its end as can be: many times, on both sides of it.
        const int Connects = 40;
        TimeSpan time = TimeSpan.FromMilliseconds(20);
        int connected = 0;
        for (int i = 0; i < Connects; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.SetConnectTimeout(time);
            uint port = c.NewHostPort();
            Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
            Flow flow = c.Device.ExpectRequest(port);
            int requests = flow.Log.Count;
            TimeSpan late = time * (0.8 + (0.4 * i / Connects));
            long begin = Stopwatch.GetTimestamp();
            _ = c.Timeline.WaitUntil(late, () => connecting.IsCompleted || Stopwatch.GetElapsedTime(begin) > late);
            flow.Send(Op.Response);
            GuestResult result = c.Await(connecting);
            if (result.Succeeded)
            {
                connected++;
                GuestFlow.Echo(c, guest, flow);
            }

            guest.Close().OrThrow("close");
            if (!result.Succeeded)
            {
                c.Fence();
                List<Op> answers = DrivenEnd.Since(flow, requests);
                DriverContext.Require(
                    answers.TrueForAll(op => op == Op.Rst), "failed-connect-goes-on", $"nothing but RST after a connect that failed with {result}", DrivenEnd.Told(answers));
            }

            flow.Send(Op.Rst);
            c.Device.Forget(flow);
        }

        c.Record("driver.response.late.connected", connected);
        c.Fence();
    }

    [Case("VSC-2011", "VS-X-33", Title = "RST to a connection that the application has not accepted yet ends it, and the listener lives on")]
    public static void Rst_BeforeAccept_EndsTheConnection(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow first = c.Device.NewFlow(c.NewHostPort(), port);
        _ = first.Connect();
        first.Send(Op.Rst);
        c.Fence();
        first.ExpectNothingMore("answer-to-rst", "no answer to RST");
        Flow second = c.Device.NewFlow(c.NewHostPort(), port);
        _ = second.Connect();

        // Whether the application still sees the first is open; that it is over is not.
        GuestSocket accepted = listener.Accept();
        bool sawFirst = accepted.Peer().Port == first.Id.HostPort;
        c.Record("driver.rst.before_accept.accepted", sawFirst);
        if (sawFirst)
        {
            GuestReceived end = accepted.Receive(1);
            DriverContext.Require(end.Result.Value <= 0, "reset-unnoticed", "an end or an error on a connection that was reset", end.Result.ToString());
            accepted = listener.Accept();
        }

        GuestFlow.Echo(c, accepted, second);
    }

    [Case("VSC-2012", "B-12", Probe = true, Slow = true, Title = "Recorded: after what time a guest's connect gives up that nobody answers, and what it tells the device")]
    public static void Connect_NeverAnswered_IsRecorded(DriverContext c)
    {
        GuestSocket guest = GuestSocket.Create(c);
        uint port = c.NewHostPort();
        long begin = Stopwatch.GetTimestamp();
        Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
        Flow flow = c.Device.ExpectRequest(port);
        GuestResult result = c.Await(connecting);
        c.Record("driver.connect.unanswered", result);
        c.Record("driver.connect.unanswered_ms", Math.Round(Stopwatch.GetElapsedTime(begin).TotalMilliseconds));
        c.Fence();
        c.Record("driver.connect.unanswered.sent", GuestFlow.Answers(flow));
    }

    [Case("VSC-2013", "VS-X-15", Title = "Many connections both ways at once each carry their own bytes")]
    public static void Connections_ManyBothWays_CarryTheirOwnBytes(DriverContext c)
    {
        const int Each = 20;
        List<(GuestSocket Guest, Flow Flow)> open = [];
        for (int i = 0; i < Each; i++)
        {
            open.Add(DrivenSocket.Open(c));
            open.Add(DrivenSocket.OpenFromDevice(c));
        }

        foreach ((_, Flow flow) in open)
        {
            flow.Send(Op.Rw, BitConverter.GetBytes(flow.Id.HostPort));
        }

        foreach ((GuestSocket guest, Flow flow) in open)
        {
            uint got = BitConverter.ToUInt32(guest.ReceiveExactly(sizeof(uint)));
            DriverContext.Require(got == flow.Id.HostPort, "wrong-flow", $"the bytes of host port {flow.Id.HostPort}", $"those of {got}");
        }

        // The end of one is the end of no other.
        open[0].Flow.Send(Op.Rst);
        c.Fence();
        GuestFlow.Echo(c, open[1].Guest, open[1].Flow);
        GuestFlow.Echo(c, open[^1].Guest, open[^1].Flow);
    }

    [Case("VSC-2014", "VS-X-15", Title = "One guest port serves connections of several host ports, and one host port several guest ports")]
    public static void Flows_ThatShareAPort_AreApart(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        GuestSocket other = GuestSocket.Create(c);
        (uint port, uint otherPort) = (listener.Listen(), other.Listen());
        (uint host, uint otherHost) = (c.NewHostPort(), c.NewHostPort());
        List<(Flow Flow, GuestSocket Guest)> flows = [];
        foreach ((uint from, uint to) in ((uint, uint)[])[(host, port), (host, otherPort), (otherHost, port), (otherHost, otherPort)])
        {
            Flow flow = c.Device.NewFlow(from, to);
            _ = flow.Connect();
            flows.Add((flow, (to == port ? listener : other).Accept()));
        }

        flows[0].Flow.Send(Op.Rst);
        c.Fence();
        foreach ((Flow flow, GuestSocket guest) in flows.Skip(1))
        {
            GuestFlow.Echo(c, guest, flow);
        }
    }
}
