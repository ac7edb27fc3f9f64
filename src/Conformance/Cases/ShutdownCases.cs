using System.Diagnostics;
using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;
using SocketShutdown = System.Net.Sockets.SocketShutdown;

namespace Vsockspec.Conformance.Cases;

/// <summary>SHUTDOWN, RST and what comes after (virtio 1.4 section 5.10.6.5).</summary>
[Area("shutdown")]
public static class ShutdownCases
{
    // No time is given for the RST that follows an ignored SHUTDOWN; Linux takes 8 s. Slower than this counts as never.
    private static readonly TimeSpan CloseBound = TimeSpan.FromSeconds(30);

    [Case(
        "VSC-0201",
        "VS-X-31",
        "B-19",
        Title = "SHUTDOWN(SEND): the host sees end of file after the data and can still write",
        Vary = Vary.Layouts,
        Regressions = ["KB-C8"])]
    public static void GuestShutsDownSend_HostReadsToTheEnd_CanStillWrite(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(5000);
        flow.Write(data);
        flow.SendShutdown(ShutdownFlags.Send);
        Exchange.Same(host.ReceiveExactly(5000), data, "guest to host before the half-close");
        host.ExpectEndOfFile();
        host.Send(data);
        Exchange.Same(flow.Read(5000), data, "host to guest after the half-close");
        c.Fence();
        flow.ExpectNothingMore("half-close-ends-the-flow", "no RST and no SHUTDOWN: the host has not closed");
    }

    [Case("VSC-0202", "VS-X-31", "B-20", Title = "SHUTDOWN(RECEIVE): no data comes any more, and the guest can still send", Regressions = ["KB-C8"])]
    public static void GuestShutsDownReceive_NoDataComes_CanStillSend(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.SendShutdown(ShutdownFlags.Receive);
        c.Fence();
        uint before = flow.RxCnt;
        _ = host.TrySend(c.RandomBytes(100), out _);
        c.Fence();
        CaseContext.Require(flow.RxCnt == before, "data-after-shutdown-receive", "no data for a guest that receives no more", $"{flow.RxCnt - before} bytes");
        if (!flow.TryTake([], out Packet? packet))
        {
            byte[] data = c.RandomBytes(100);
            flow.Write(data);
            Exchange.Same(host.ReceiveExactly(100), data, "guest to host after SHUTDOWN(RECEIVE)");
            return;
        }

        CaseContext.Require(packet.Op is Op.Shutdown or Op.Rst, "half-close-ignored", "SHUTDOWN or RST at most, as the host's write fails", packet.ToString());
    }

    [Case("VSC-0203", "VS-X-32", "B-23", Title = "Hints are sticky: SHUTDOWN(RECEIVE) then SHUTDOWN(SEND) is SHUTDOWN of both", Vary = Vary.Layouts)]
    public static void GuestShutsDown_OneThenTheOther_IsBoth(CaseContext c)
    {
        foreach (ShutdownFlags first in (ReadOnlySpan<ShutdownFlags>)[ShutdownFlags.Receive, ShutdownFlags.Send])
        {
            (Flow flow, HostConnection host) = c.Open();
            flow.SendShutdown(first);
            flow.SendShutdown(ShutdownFlags.Both & ~first);
            flow.Expect("hints-not-sticky", Op.Rst);
            host.ExpectClosed("host-not-closed", "the host application sees the end");
        }
    }

    [Case("VSC-0204", "VS-X-32", "B-18", Title = "SHUTDOWN without hints takes none back")]
    public static void GuestShutsDown_ThenNoHints_NothingReopens(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.SendShutdown(ShutdownFlags.Send);
        flow.SendShutdown(ShutdownFlags.None);
        host.ExpectEndOfFile();
        c.Fence();
        if (flow.TryTake([], out Packet? packet))
        {
            c.Record("shutdown.no_flags", Names.Of(packet.Op));
            return;
        }

        c.Record("shutdown.no_flags", "ignored");
        flow.SendShutdown(ShutdownFlags.Receive);
        flow.Expect("hints-not-sticky", Op.Rst);
    }

    [Case("VSC-0205", "VS-X-33", Title = "RST ends an established flow: the host application sees the end", Vary = Vary.Layouts)]
    public static void GuestResets_EstablishedFlow_HostSeesTheEnd(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.Reset();
        host.ExpectClosed("reset-ignored", "end of file or an error at the host application");
        c.Fence();
        flow.ExpectNothingMore("reset-answered", "no answer to RST");
    }

    [Case("VSC-0206", "VS-X-33", "B-03", Title = "Data after RST does not reach anybody and draws RST", Regressions = ["KB-C4"])]
    public static void GuestSends_AfterReset_IsRefused(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.Reset();
        flow.Send(Op.Rw, c.RandomBytes(10));
        flow.Expect("no-rst-for-unknown-flow", Op.Rst);
        host.ExpectClosed("reset-ignored", "end of file or an error at the host application");
        CaseContext.Require(host.BytesRead == 0, "data-after-reset", "no data after RST", $"{host.BytesRead} bytes");
    }

    // An answer to RST makes two peers send RST to each other for ever.
    [Case("VSC-0207", "VS-X-33", "B-04", Title = "RST of an unknown flow is not answered")]
    public static void GuestResets_UnknownFlow_IsSilent(CaseContext c)
    {
        Flow flow = c.Driver.NewFlow(c.NewHostPort());
        flow.Reset();
        c.Fence();
        flow.ExpectNothingMore("reset-answered", "no answer to RST");
    }

    [Case("VSC-0208", "VS-X-34", "B-21", Title = "SHUTDOWN of both directions with nothing pending is answered by RST", Vary = Vary.Rings)]
    public static void GuestShutsDown_NothingPending_IsAnsweredByRst(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.SendShutdown(ShutdownFlags.Both);
        flow.Expect("no-rst", Op.Rst);
        host.ExpectEndOfFile();
        c.Fence();
        flow.ExpectNothingMore("answer-after-rst", "nothing after RST");
    }

    [Case("VSC-0209", "VS-X-34", "B-22", Title = "SHUTDOWN with data that the application has not read loses none of it", Regressions = ["KB-C9"])]
    public static void GuestShutsDown_DataUnread_NothingIsLost(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = Exchange.FillWindow(c, flow);
        flow.SendShutdown(ShutdownFlags.Both);
        c.Fence();
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host, read after the guest's close");
        host.ExpectEndOfFile();

        // Whether the end of the data or the application's own close completes the disconnect is the device's choice.
        host.Close();
        flow.Expect("no-rst", Op.Rst);
    }

    [Case("VSC-0210", "VS-X-34", "B-26", Title = "When the host application closes, SHUTDOWN covers both directions, and the guest's RST frees the ends", Vary = Vary.Layouts)]
    public static void HostCloses_GuestResets_EndsAreFree(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        host.Close();
        ExpectShutdownOfBoth(flow);
        flow.Reset();
        c.Fence();
        flow.ExpectNothingMore("answer-to-rst", "nothing after the guest's RST");
    }

    [Case(
        "VSC-0211",
        "VS-X-31",
        "B-27",
        Title = "When the host application shuts down writing, SHUTDOWN(SEND) comes and the guest can still send",
        Regressions = ["KB-C8"])]
    public static void HostShutsDownWrite_GuestIsTold_CanStillSend(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(3000);
        host.Send(data);
        host.Shutdown(SocketShutdown.Send);
        Exchange.Same(flow.Read(3000), data, "host to guest before the half-close");
        Packet shutdown = flow.Expect("half-close-not-told", Op.Shutdown);
        ShutdownFlags flags = (ShutdownFlags)shutdown.Header.Flags;
        CaseContext.Require(flags == ShutdownFlags.Send, "half-close-is-close", "SHUTDOWN with SEND (mask 2) alone", shutdown.ToString());
        flow.Write(data);
        Exchange.Same(host.ReceiveExactly(3000), data, "guest to host after the host's half-close");
    }

    [Case("VSC-0212", "VS-X-35", "B-26", Title = "A guest that does not answer the host's SHUTDOWN is reset within the implementation's time", Slow = true)]
    public static void HostCloses_GuestIsSilent_IsReset(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        host.Close();
        ExpectShutdownOfBoth(flow);
        long start = Stopwatch.GetTimestamp();
        Packet? reset = null;
        TimeSpan bound = c.Timeline.Patience < TimeSpan.FromSeconds(1) ? c.Timeline.Patience * 3 : CloseBound;
        bool came = c.Timeline.WaitUntil(bound, () => flow.TryTake([], out reset));
        CaseContext.Require(came && reset!.Op == Op.Rst, "no-rst-after-timeout", $"RST within {bound.TotalSeconds} s", reset?.ToString() ?? "nothing");
        c.Record("close.timeout_ms", Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds));
        Exchange.Echo(c);
    }

    [Case(
        "VSC-0213",
        "VS-X-36",
        "B-29",
        Title = "After a clean close the same ends connect again, and no byte of the old connection appears",
        Vary = Vary.Layouts,
        Regressions = ["KB-C24"])]
    public static void Ends_ReusedAfterCleanClose_StartAfresh(CaseContext c)
    {
        const int Times = 50;
        using HostListener listener = c.Listen();
        uint guestPort = c.Driver.NewGuestPort();
        for (int i = 0; i < Times; i++)
        {
            Flow flow = c.Driver.NewFlow(listener.Port, guestPort: guestPort);
            _ = flow.Connect();
            using HostConnection host = listener.Accept();
            byte[] data = [(byte)i, .. c.RandomBytes(20)];
            flow.Write(data);
            host.Send(data);
            Exchange.Same(flow.Read(21), data, $"host to guest, connection {i}");
            Exchange.Same(host.ReceiveExactly(21), data, $"guest to host, connection {i}");
            flow.SendShutdown(ShutdownFlags.Both);
            flow.Expect("no-rst", Op.Rst);
        }
    }

    [Case("VSC-0214", "VS-X-40", Title = "The flags of SHUTDOWN are masks: SEND is 2 and both are 3")]
    public static void HostEnds_Flags_AreMasks(CaseContext c)
    {
        (Flow half, HostConnection halfHost) = c.Open();
        halfHost.Shutdown(SocketShutdown.Send);
        Packet first = half.Expect("half-close-not-told", Op.Shutdown);
        CaseContext.Require(first.Header.Flags is 2 or 3, "flags-not-masks", "flags 2 (SEND)", first.ToString());
        (Flow full, HostConnection fullHost) = c.Open();
        c.Fence();
        fullHost.Close();
        uint flags = 0;
        while (flags != 3)
        {
            Packet packet = full.Expect("no-shutdown", Op.Shutdown);
            CaseContext.Require(packet.Header.Flags is 1 or 2 or 3, "flags-not-masks", "flags 1, 2 or 3", packet.ToString());
            flags |= packet.Header.Flags;
        }
    }

    [Case("VSC-0215", "B-24", "B-25", Title = "Data after the guest's own SHUTDOWN(SEND) does no harm", Probe = true)]
    public static void GuestSends_AfterShutdownSend_DoesNoHarm(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.SendShutdown(ShutdownFlags.Send);
        flow.Send(Op.Rw, c.RandomBytes(10));
        c.Fence();
        bool answered = flow.TryTake([], out Packet? packet);
        c.Record("shutdown.data_after_send", answered ? Names.Of(packet!.Op) : "ignored");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0216", "VS-X-33", Title = "RST instead of RESPONSE fails the host's connection")]
    public static void HostConnects_GuestResets_ConnectionFails(CaseContext c)
    {
        uint port = c.Driver.NewGuestPort();
        using HostConnection host = c.Host.Connect(port);
        Flow flow = c.Driver.ExpectRequest(port);
        flow.Reset();
        HostOutcome outcome = host.Settle();
        CaseContext.Require(
            outcome == HostOutcome.Refused, "refusal-ignored", "the host's connection ends without having been established", outcome.ToString());
        c.Fence();
        flow.ExpectNothingMore("answer-to-rst", "nothing after RST");
    }

    [Case("VSC-0219", "VS-X-31", "VS-X-17", Title = "When the host application has shut down reading, a guest that sends on is told by SHUTDOWN(RECEIVE) or RST")]
    public static void HostShutsDownRead_GuestSends_IsTold(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        host.Shutdown(SocketShutdown.Receive);

        // A Unix socket tells its end of it only when something is written.
        flow.Send(Op.Rw, c.RandomBytes(100));
        Packet told = flow.Expect("data-lost-silently", Op.Shutdown, Op.Rst);
        CaseContext.Require(
            told.Op == Op.Rst || ((ShutdownFlags)told.Header.Flags).HasFlag(ShutdownFlags.Receive),
            "data-lost-silently",
            "SHUTDOWN(RECEIVE) or RST",
            told.ToString());
        c.Record("shutdown.of_host.receive", Names.Of(told.Op));
    }

    [Case(
        "VSC-0217",
        "VS-X-33",
        Title = "RST ends an established flow that the host opened: the host application sees the end",
        Regressions = ["KB-C5"])]
    public static void GuestResets_FlowOfTheHost_HostSeesTheEnd(CaseContext c)
    {
        const int Times = 10;
        for (int i = 0; i < Times; i++)
        {
            (Flow flow, HostConnection host) = c.OpenFromHost();
            Exchange.Echo(c, flow, host);
            flow.Reset();
            host.ExpectClosed("reset-ignored", "end of file or an error at the host application");
            c.Fence();
            flow.ExpectNothingMore("reset-answered", "no answer to RST");
        }
    }

    [Case(
        "VSC-0218",
        "VS-X-36",
        "B-14",
        Title = "While the guest has not answered a close, a new connection of the host to the same guest port has other ends, and late packets do it no harm",
        Regressions = ["KB-C24"])]
    public static void HostConnects_BeforeTheGuestAnsweredAClose_HasOtherEnds(CaseContext c)
    {
        const int Times = 20;
        uint port = c.Driver.NewGuestPort();
        List<Flow> closing = [];
        for (int i = 0; i < Times; i++)
        {
            (Flow flow, HostConnection closed) = Dial();
            closed.Close();
            ExpectShutdownOfBoth(flow);
            closing.Add(flow);
        }

        (Flow last, HostConnection host) = Dial();
        foreach (Flow old in closing)
        {
            old.SendShutdown(ShutdownFlags.Both);
            old.Reset();
        }

        c.Fence();
        last.ExpectNothingMore("late-packet-ends-flow", "nothing on the new flow for packets of those before it");
        Exchange.Echo(c, last, host);

        (Flow Flow, HostConnection Host) Dial()
        {
            HostConnection connection = c.Host.Connect(port);
            Flow flow = c.Driver.ExpectRequest(port);
            CaseContext.Require(
                !closing.Any(f => f.Id == flow.Id && f.Log.All(p => p.Op != Op.Rst)),
                "ends-used-again",
                "a host port of its own: the guest has not answered the close of the flow before",
                $"{flow.Id} again");
            flow.Send(Op.Response);
            _ = connection.ExpectEstablished();
            return (flow, connection);
        }
    }

    private static void ExpectShutdownOfBoth(Flow flow)
    {
        ShutdownFlags flags = ShutdownFlags.None;
        while (flags != ShutdownFlags.Both)
        {
            Packet packet = flow.Expect("no-shutdown", Op.Shutdown);
            flags |= (ShutdownFlags)packet.Header.Flags;
        }
    }
}
