using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Virtqueue flow control (virtio 1.4 section 5.10.6.1): neither queue may stop the other as long as there is memory elsewhere.</summary>
[Area("flow control")]
public static class FlowControlCases
{
    private const int FewBuffers = 4;

    [Case(
        "VSC-0701",
        "VS-FLOW-DEV-1",
        "B-62",
        Title = "Without rx buffers the device keeps taking packets that need answers, and gives every answer exactly once later",
        Vary = Vary.Layouts,
        Regressions = ["KB-D18"])]
    public static void RxEmpty_RequestsKeepComing_EveryAnswerComesOnce(CaseContext c)
    {
        const int Requests = 32;
        ExhaustRx(c);
        List<Flow> flows = [];
        List<Sent> sent = [];
        for (int i = 0; i < Requests; i++)
        {
            Flow flow = c.Driver.NewFlow(c.NewHostPort());
            flows.Add(flow);
            sent.Add(flow.Send(Op.Request));
        }

        bool progress = c.Eventually(() => sent.Any(c.Driver.Tx.IsReturned));
        CaseContext.Require(progress, "tx-stops-without-rx", "at least one packet is taken although there is no rx buffer", "none");
        c.Record("flow_control.answers_parked_at_once", $"{sent.Count(c.Driver.Tx.IsReturned)} of {Requests}");
        RestoreRx(c);
        foreach (Flow flow in flows)
        {
            flow.Expect("parked-answer-lost", Op.Rst);
        }

        foreach (Sent each in sent)
        {
            c.Driver.ExpectReturned(each);
        }

        c.Fence();
        foreach (Flow flow in flows)
        {
            flow.ExpectNothingMore("parked-answer-twice", "one RST for each REQUEST");
        }
    }

    [Case(
        "VSC-0702",
        "VS-FLOW-DEV-1",
        "B-62",
        Title = "Host data that waits for rx buffers does not keep the guest's data from the host",
        Vary = Vary.Layouts,
        Regressions = ["KB-D18"])]
    public static void RxEmpty_HostDataWaiting_GuestDataStillFlows(CaseContext c)
    {
        c.Start(o => o with { RxBuffers = FewBuffers });
        (Flow flow, HostConnection host) = c.Open();
        (Flow other, HostConnection otherHost) = c.Open();
        c.Canary.Open();
        DrainRx(c);
        byte[] down = c.RandomBytes(20_000);
        host.Send(down);
        otherHost.Send(down);
        byte[] up = c.RandomBytes(10_000);
        foreach ((Flow each, HostConnection end) in ((Flow, HostConnection)[])[(flow, host), (other, otherHost)])
        {
            for (int at = 0; at < up.Length; at += 1000)
            {
                each.Send(Op.Rw, up.AsSpan(at, 1000));
            }

            Exchange.Same(end.ReceiveExactly(up.Length), up, "guest to host without rx buffers");
        }

        RestoreRx(c);
        Exchange.Same(flow.Read(down.Length), down, "host to guest once there are buffers");
        Exchange.Same(other.Read(down.Length), down, "host to guest once there are buffers");
    }

    [Case(
        "VSC-0703",
        "VS-X-14",
        Title = "A flood of packets that need answers stops at a bound, and goes on by itself when rx buffers come",
        Slow = true,
        Regressions = ["KB-D18"])]
    public static void RxEmpty_Flood_StopsAndResumes(CaseContext c)
    {
        // No number is given for the bound; a device that parks more answers than this is taken to have none.
        const int Enormous = 65_536;
        ExhaustRx(c);
        Flow flow = c.Driver.NewFlow(c.NewHostPort());
        VsockHeader request = flow.Header(Op.Request);
        uint port = 1;
        int sent = 0;
        bool stalled = false;
        while (!stalled && sent <= Enormous)
        {
            if (c.Driver.Tx.TrySend(request with { SrcPort = port }, [], out _))
            {
                port++;
                sent++;
                continue;
            }

            c.Driver.Tx.Flush();
            int outstanding = c.Driver.Tx.Outstanding;
            stalled = !c.Timeline.WaitUntil(TimeSpan.FromMilliseconds(50), () => c.Driver.Tx.Outstanding < outstanding);
        }

        c.Driver.Tx.Flush();
        c.Record("flow_control.answers_parked_at_most", stalled ? $"{sent - c.Driver.Tx.Outstanding}" : $"more than {Enormous}");
        c.Discourage(!stalled, "parks-without-end", $"tx processing stops at some bound below {Enormous} parked answers", "it did not stop");
        RestoreRx(c);
        bool done = c.Eventually(() => c.Driver.Tx.Outstanding == 0 && c.Driver.Strays.Count >= sent);
        CaseContext.Require(
            done,
            "does-not-resume",
            $"all {sent} packets are taken and answered once there are rx buffers, without another kick",
            $"{c.Driver.Tx.Outstanding} chains still out, {c.Driver.Strays.Count} answers");
        Exchange.Echo(c);
    }

    [Case(
        "VSC-0704",
        "B-17",
        Title = "A host connection made before the rings start: what becomes of it is recorded",
        Probe = true,
        Regressions = ["KB-D10"])]
    public static void HostConnects_BeforeRingsStart_IsRecorded(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { Start = false });
        uint port = driver.NewGuestPort();
        using HostConnection host = c.Host.Connect(port);
        driver.Start();

        // Nothing kicks a ring until the fence does: a device that delivers only then was waiting for a kick that it must not need.
        Packet? request = null;
        bool answered = false;
        _ = c.Timeline.WaitUntil(TimeSpan.FromMilliseconds(100), IsDecided);
        string outcome = request is not null ? "delivered at start" : "";
        c.Fence();
        if (request is null && IsDecided())
        {
            outcome = request is not null ? "delivered after a kick" : answered ? "answered" : host.End.ToString();
        }

        c.Record("flow_control.host_connect_before_start", outcome.Length > 0 ? outcome : "kept waiting");

        bool IsDecided()
        {
            request ??= driver.TakeStray(p => p.Op == Op.Request && p.Header.DstPort == port);
            answered |= host.TryReceive(new byte[1], out _);
            return request is not null || answered || host.End != HostEnd.Open;
        }
    }

    [Case("VSC-0705", "VS-X-14", "VS-X-17", Title = "Rx buffers that come one at a time carry everything in the end", Vary = Vary.Layouts)]
    public static void RxBuffers_OneAtATime_CarryEverything(CaseContext c)
    {
        c.Start(o => o with { RxBuffers = 1 });
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(50_000);
        host.Send(data);
        Exchange.Same(flow.Read(data.Length), data, "host to guest through one rx buffer");
        Exchange.Echo(c, flow, host);
    }

    [Case(
        "VSC-0706",
        "VS-X-14",
        "B-55",
        Title = "Without rx buffers the device takes only so much of the host's data, however large a window the guest gives",
        Regressions = ["KB-A2"])]
    public static void RxEmpty_EnormousWindow_HostIsHeldBack(CaseContext c)
    {
        // No number is given for the bound; a device that takes more than this is taken to have none.
        const int Enormous = 32 << 20;
        const int Compared = 1 << 20;
        c.Start(o => o with { RxBuffers = FewBuffers });
        (Flow flow, HostConnection host) = c.Open(bufAlloc: uint.MaxValue);
        c.Canary.Open();
        DrainRx(c);
        byte[] data = c.RandomBytes(Compared);
        int taken = 0;
        bool heldBack = false;
        while (!heldBack && taken <= Enormous)
        {
            int n = 0;
            heldBack = !c.Timeline.WaitUntil(
                TimeSpan.FromMilliseconds(100),
                () => host.TrySend(data.AsSpan(taken % Compared, Math.Min(64 * 1024, Compared - (taken % Compared))), out n) && n > 0,
                new Interop.PollEntry(host.Fd, Interop.PollEvents.Writable));
            taken += n;
        }

        c.Record("flow_control.host_data_taken_without_buffers", heldBack ? $"{taken}" : $"more than {Enormous}");
        c.Discourage(!heldBack, "takes-without-end", $"the host application is held back at some bound below {Enormous} bytes", "it was not");
        RestoreRx(c);
        int compared = Math.Min(taken, Compared);
        Exchange.Same(flow.Read(compared), data.AsSpan(0, compared), "host to guest once there are rx buffers");
        flow.Reset();
        Exchange.Echo(c);
    }

    /// <summary>A session whose few rx buffers are all used up.</summary>
    private static void ExhaustRx(CaseContext c)
    {
        c.Start(o => o with { RxBuffers = FewBuffers });
        c.Canary.Open();
        DrainRx(c);
    }

    /// <summary>Makes the device use the rx buffers that it has, and posts no others.</summary>
    private static void DrainRx(CaseContext c)
    {
        c.Fence();
        c.Driver.Rx.Target = 0;
        for (int i = 0; c.Driver.Rx.Posted > 0; i++)
        {
            CaseContext.Require(i < FewBuffers * 4, "rx-buffers-not-used", "every answer uses one of the posted rx buffers", $"{c.Driver.Rx.Posted} are still out after {i} answers");
            Flow flow = c.Driver.NewFlow(c.NewHostPort());
            flow.Send(Op.Request);
            flow.Expect("no-rst", Op.Rst);
        }
    }

    private static void RestoreRx(CaseContext c)
    {
        c.Driver.Rx.Target = int.MaxValue;
        c.Driver.Rx.Refill();
    }
}
