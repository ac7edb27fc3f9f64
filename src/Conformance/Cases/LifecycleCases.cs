using System.Security.Cryptography;
using Vsockspec.Cases;
using Vsockspec.Memory;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Start, reset and renegotiation of the device and of single queues (virtio 1.4 sections 2.1, 2.2, 2.4 and 2.6.1).</summary>
[Area("lifecycle")]
public static class LifecycleCases
{
    private const DeviceStatus BeforeDriverOk = DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk;

    [Case("VSC-1001", "ST-01", Title = "No buffer is used before the driver has started the rings; then all are", Vary = Vary.Layouts)]
    public static void Rings_BeforeStart_AreLeftAlone(CaseContext c)
    {
        RawDriver driver = c.Start(o => Small(o) with { Start = false });
        using HostListener listener = c.Listen();
        Flow flow = driver.NewFlow(listener.Port);
        driver.Rx.Refill();
        _ = flow.Send(Op.Request);
        byte[] before = Digest(driver.Memory);
        driver.Device.Settle();
        RequireUntouched(driver, before, "before the rings were started");
        CaseContext.Require(
            listener.TryAccept() is null,
            "used-before-start",
            "no connection at the host application before the start",
            "a connection");

        StartEnabled(driver);
        flow.Expect("no-response", Op.Response);
        Exchange.Echo(c, flow, listener.Accept());
    }

    [Case("VSC-1002", "ST-01", Title = "No buffer is used before DRIVER_OK where the front end passes the status on", Vary = Vary.Layouts)]
    public static void Rings_BeforeDriverOk_AreLeftAlone(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Status);
        c.NeedFeature(VirtioFeatures.VhostUserProtocolFeatures);
        RawDriver driver = c.Start(o => Small(o) with { Start = false });
        VhostUserFrontEnd device = c.FrontEnd;
        using HostListener listener = c.Listen();
        Flow flow = driver.NewFlow(listener.Port);
        driver.Rx.Refill();
        _ = flow.Send(Op.Request);
        byte[] before = Digest(driver.Memory);
        foreach (QueueSetup queue in (QueueSetup[])[driver.RxSetup, driver.TxSetup])
        {
            device.SetVringEnable((uint)queue.Index, true);
            device.SetVringKick((byte)queue.Index, queue.Kick);
            _ = queue.Kick!.Signal();
        }

        driver.Device.Settle();
        RequireUntouched(driver, before, "before DRIVER_OK");

        device.SetStatus(BeforeDriverOk | DeviceStatus.DriverOk);
        driver.Timeline.Add(driver);
        flow.Expect("no-response", Op.Response);
        Exchange.Echo(c, flow, listener.Accept());
    }

    [Case("VSC-1003", "VU-04", "VQ-19", Title = "Packets that were there before the start are processed without a further kick", Vary = Vary.Layouts)]
    public static void Packets_PostedBeforeStart_AreProcessed(CaseContext c)
    {
        VhostUserFrontEnd device = c.Connect(new VhostUserFrontEndOptions { KickOnStart = false });
        device.Negotiate();
        RawDriver driver = c.Start(device, c.DefaultOptions with { Start = false });
        Flow[] flows = [.. Enumerable.Range(0, 10).Select(_ => driver.NewFlow(c.NewHostPort()))];
        using (driver.OneKick())
        {
            foreach (Flow flow in flows)
            {
                flow.Send(Op.Request);
            }
        }

        // The one kick is in the descriptor when the device gets it.
        StartEnabled(driver);
        foreach (Flow flow in flows)
        {
            flow.Expect("no-answer-to-early-packet", Op.Rst);
        }
    }

    [Case("VSC-1004", "ST-02", "VU-21", Title = "A ring that cannot be followed sets DEVICE_NEEDS_RESET, where the front end can read the status")]
    public static void Ring_Broken_NeedsReset(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Status);
        RawDriver driver = c.Start();
        c.Fence();
        c.ExpectAllReturned();
        c.Taint(VsockQueue.Tx);
        driver.ExposeHead((ushort)(driver.TxSetup.Ring.Size + 1));
        driver.Tx.Kick();
        VhostUserFrontEnd device = c.FrontEnd;
        DeviceStatus status = default;
        bool set = c.Eventually(() => (status = device.GetStatus()).HasFlag(DeviceStatus.NeedsReset));
        c.Record("ring.broken_err_fd", driver.ErrTx.Drain() > 0);
        c.Stop();
        CaseContext.Require(set, "needs-reset-missing", "DEVICE_NEEDS_RESET in the status", status.ToString());
    }

    [Case("VSC-1005", "RS-01", Title = "After a reset the device is negotiated afresh and rings are where the driver puts them", Vary = Vary.Layouts)]
    public static void Device_Reset_StartsAfresh(CaseContext c)
    {
        uint place = c.DefaultOptions.Layout == RingLayout.Packed ? RingBase.Packed(5, wrap: true) : 5;
        foreach (bool reconnects in (ReadOnlySpan<bool>)[true, false])
        {
            if (!reconnects && !Offers(c, VhostUserProtocolFeatures.ResetDevice))
            {
                continue;
            }

            c.Start();
            Exchange.Echo(c);
            RawDriver driver = StartAgain(c, reconnects, o => o with { Start = false, Base = place });
            foreach (int queue in (ReadOnlySpan<int>)[VsockQueue.Rx, VsockQueue.Tx])
            {
                uint told = driver.Device.StopQueue(queue);
                CaseContext.Require(
                    told == place,
                    "wrong-base",
                    $"base 0x{place:x} of the {VsockQueue.Name(queue)} queue as it was set",
                    $"0x{told:x}");
            }

            driver = StartAgain(c, reconnects, o => o);
            Exchange.Echo(c);
            c.Stop();
        }
    }

    [Case(
        "VSC-1006",
        "RS-02",
        Title = "With all rings stopped the device touches no memory and notifies nobody, whatever the host does",
        Vary = Vary.Layouts)]
    public static void Rings_Stopped_AreLeftAlone(CaseContext c)
    {
        RawDriver driver = c.Start(Small);
        (Flow _, HostConnection host) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        _ = driver.Device.StopQueue(VsockQueue.Tx);
        _ = driver.Device.StopQueue(VsockQueue.Rx);
        ExpectSilence(c, driver, host, "after GET_VRING_BASE of all rings");
    }

    [Case(
        "VSC-1007",
        "RS-02",
        "VU-24",
        Title = "After RESET_DEVICE the device touches no memory and notifies nobody, whatever the host does",
        Vary = Vary.Layouts)]
    public static void Device_AfterReset_LeavesMemoryAlone(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ResetDevice);
        RawDriver driver = c.Start(Small);
        (Flow _, HostConnection host) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        c.FrontEnd.ResetDevice();
        driver.Device.Settle();
        ExpectSilence(c, driver, host, "after RESET_DEVICE");
    }

    [Case(
        "VSC-1008",
        "RS-03",
        "VU-32",
        Title = "No flow survives a new connection of the front end: host applications see the end, the same addresses can be used again",
        Regressions = ["KB-C24"])]
    public static void Flows_OverReconnect_AreGone(CaseContext c) => ExpectFlowsGone(c, reconnects: true);

    [Case("VSC-1009", "RS-03", "VU-24", Title = "No flow survives RESET_DEVICE: host applications see the end, the same addresses can be used again")]
    public static void Flows_OverReset_AreGone(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ResetDevice);
        ExpectFlowsGone(c, reconnects: false);
    }

    [Case("VSC-1010", "RR-01", Title = "A tx queue that is stopped alone is left alone while the rx queue goes on", Vary = Vary.Layouts)]
    public static void TxQueue_StoppedAlone_IsLeftAlone(CaseContext c)
    {
        RawDriver driver = c.Start();
        c.NeedLoneQueues();
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        uint position = driver.Device.StopQueue(VsockQueue.Tx);
        byte[] outward = c.RandomBytes(100);
        byte[] inward = c.RandomBytes(5000);
        Sent sent = flow.Send(Op.Rw, outward);
        driver.Tx.Kick();
        host.Send(inward);
        Exchange.Same(flow.Read(inward.Length), inward, "host to guest while the tx queue is stopped");
        driver.Device.Settle();
        driver.Timeline.Pump();
        CaseContext.Require(!driver.Tx.IsReturned(sent), "stopped-queue-used", "nothing is used in a stopped queue", "a tx chain came back");
        CaseContext.Require(
            !host.TryReceive(new byte[1], out _),
            "stopped-queue-used",
            "nothing is read from a stopped queue",
            "its payload reached the host");

        driver.Device.SetUpQueue(driver.TxSetup with { Base = position });
        driver.Device.StartQueue(VsockQueue.Tx);
        Exchange.Same(host.ReceiveExactly(outward.Length), outward, "guest to host once the tx queue goes on");
        Exchange.Echo(c, flow, host);
    }

    [Case(
        "VSC-1011",
        "RR-01",
        Title = "An rx queue that is stopped alone is left alone while the tx queue goes on",
        Vary = Vary.Layouts,
        Regressions = ["KB-E11"])]
    public static void RxQueue_StoppedAlone_IsLeftAlone(CaseContext c)
    {
        RawDriver driver = c.Start();
        c.NeedLoneQueues();
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        uint position = driver.Device.StopQueue(VsockQueue.Rx);
        driver.Timeline.Pump();
        long taken = driver.Rx.Taken;

        // No more than any window has room for: there is no way to tell of more.
        byte[] outward = c.RandomBytes(1000);
        byte[] inward = c.RandomBytes(100);
        host.Send(inward);
        flow.Write(outward);
        Exchange.Same(host.ReceiveExactly(outward.Length), outward, "guest to host while the rx queue is stopped");
        driver.Device.Settle();
        driver.Timeline.Pump();
        CaseContext.Require(
            driver.Rx.Taken == taken,
            "stopped-queue-used",
            "nothing is used in a stopped queue",
            $"{driver.Rx.Taken - taken} rx buffers");

        driver.Device.SetUpQueue(driver.RxSetup with { Base = position });
        driver.Device.StartQueue(VsockQueue.Rx);
        Exchange.Same(flow.Read(inward.Length), inward, "host to guest once the rx queue goes on");
        Exchange.Echo(c, flow, host);
    }

    [Case("VSC-1012", "RR-02", Title = "A queue that was stopped starts at its beginning when the driver sets it up from scratch", Vary = Vary.Rings)]
    public static void Queue_RestartedFromScratch_Works(CaseContext c)
    {
        RawDriver driver = c.Start(Small);
        foreach (int queue in (ReadOnlySpan<int>)[VsockQueue.Tx, VsockQueue.Rx, VsockQueue.Tx])
        {
            Exchange.Echo(c);
            c.ExpectAllReturned();
            _ = driver.Device.StopQueue(queue);
            driver.Renew(queue, driver.TxSetup.Ring.Size);
            Exchange.Echo(c);
        }
    }

    [Case(
        "VSC-1013",
        "RR-03",
        Title = "A queue that is started again with another size and at another address is used there, and the old one is left alone",
        Vary = Vary.Layouts,
        Regressions = ["KB-D7"])]
    public static void Queue_RestartedElsewhere_IsUsedThere(CaseContext c)
    {
        RawDriver driver = c.Start(Small);
        ushort[] sizes = [16, 128, 4];
        foreach (ushort size in sizes)
        {
            foreach (int queue in (ReadOnlySpan<int>)[VsockQueue.Tx, VsockQueue.Rx])
            {
                Exchange.Echo(c);
                c.ExpectAllReturned();
                _ = driver.Device.StopQueue(queue);
                driver.Timeline.Pump();
                RingSetup old = (queue == VsockQueue.Tx ? driver.TxSetup : driver.RxSetup).Ring;
                byte[] before = BytesOf(driver.Memory, old);
                driver.Renew(queue, size);
                for (int i = 0; i < 5; i++)
                {
                    Exchange.Echo(c);
                }

                CaseContext.Require(
                    BytesOf(driver.Memory, old).AsSpan().SequenceEqual(before),
                    "old-ring-touched",
                    $"the memory of the {VsockQueue.Name(queue)} queue's old ring unchanged",
                    "it changed");
            }
        }
    }

    [Case(
        "VSC-1014",
        "VS-X-43",
        "RS-01",
        Title = "SEQPACKET that an earlier session accepted is not in force in one that does not accept it",
        Needs = VirtioFeatures.Seqpacket,
        Regressions = ["KB-C22"])]
    public static void Seqpacket_AcceptedByEarlierSession_IsForgotten(CaseContext c)
    {
        c.Start();
        Exchange.Echo(c, SocketType.Seqpacket);
        RawDriver driver = StartAgain(c, reconnects: true, WithoutSeqpacket);
        ExpectSeqpacketRefused(c, driver);
        c.Stop();
        c.Start();
        Exchange.Echo(c, SocketType.Seqpacket);
    }

    [Case(
        "VSC-1015",
        "VS-X-43",
        Title = "The features of the last SET_FEATURES hold, not those of an earlier one",
        Needs = VirtioFeatures.Seqpacket,
        Regressions = ["KB-C22"])]
    public static void Features_SetTwice_LastOnesHold(CaseContext c)
    {
        VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        device.AcceptFeatures(c.DefaultFeatures);
        device.Flush();
        RawDriver driver = c.Start(device, WithoutSeqpacket(c.DefaultOptions));
        ExpectSeqpacketRefused(c, driver);
        c.Stop();

        VhostUserFrontEnd other = c.Connect();
        other.Negotiate();
        other.AcceptFeatures(WithoutSeqpacket(c.DefaultOptions).Features);
        other.Flush();
        c.Start(other, c.DefaultOptions);
        Exchange.Echo(c, SocketType.Seqpacket);
    }

    [Case("VSC-1016", "FE-06", Title = "A set of features that was accepted once is accepted again and again")]
    public static void Features_NegotiatedOften_AreAccepted(CaseContext c)
    {
        const int Times = 20;
        for (int i = 0; i < Times; i++)
        {
            try
            {
                c.Start();
            }
            catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
            {
                throw new ExpectationException(
                    "renegotiation-refused",
                    "the features that were accepted before are accepted",
                    $"session {i + 1}: {e.Message}");
            }

            c.Fence();
            c.Stop();
        }
    }

    [Case("VSC-1017", "B-12", Title = "What becomes of a host connection that was made before the rings were started is recorded", Probe = true)]
    public static void HostConnection_BeforeStart_IsRecorded(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { Start = false });
        uint port = driver.NewGuestPort();
        using HostConnection host = c.Host.Connect(port);
        driver.Device.Settle();
        driver.Start();
        c.Fence();
        bool forwarded = driver.TakeStray(p => p.Op == Op.Request && p.Header.DstPort == port) is not null;
        _ = host.TryReceive(new byte[1], out _);
        c.Record("lifecycle.host_connection_before_start", forwarded ? "forwarded" : host.End == HostEnd.Open ? "kept waiting" : "closed");
    }

    [Case(
        "VSC-1018",
        "RS-03",
        "VS-X-35",
        Title = "A session that ends while closes wait for the guest's answer leaves nothing behind when their time runs out: the same ends connect again",
        Slow = true,
        Regressions = ["KB-C10"])]
    public static void Session_EndsWhileClosesAreWaiting_LeavesNothingBehind(CaseContext c)
    {
        const int Count = 10;
        using HostListener listener = c.Listen();
        c.Start();
        FlowId[] old = [.. Enumerable.Range(0, Count).Select(_ => CloseFromHost().Id)];
        c.Stop();
        c.Start();

        // The new session's close begins later than those of the old one, so their time is over when this one's is.
        Flow last = CloseFromHost();
        Packet? reset = null;
        TimeSpan bound = c.Timeline.Patience < TimeSpan.FromSeconds(1) ? c.Timeline.Patience * 3 : TimeSpan.FromSeconds(30);
        bool came = c.Timeline.WaitUntil(bound, () => last.TryTake([], out reset));
        CaseContext.Require(came && reset!.Op == Op.Rst, "no-rst-after-timeout", $"RST within {bound.TotalSeconds} s", reset?.ToString() ?? "nothing");
        c.Fence();
        CaseContext.Require(
            c.Driver.Strays.Count == 0,
            "stale-packet",
            "packets of the new session only",
            c.Driver.Strays.Count > 0 ? c.Driver.Strays[0].ToString() : "");
        foreach (FlowId id in old)
        {
            Flow flow = c.Driver.Register(id);
            _ = flow.Connect();
            using HostConnection host = listener.Accept();
            Exchange.Echo(c, flow, host);
            flow.Reset();
        }

        Flow CloseFromHost()
        {
            Flow flow = c.Driver.NewFlow(listener.Port);
            _ = flow.Connect();
            listener.Accept().Close();
            ShutdownFlags told = ShutdownFlags.None;
            while (told != ShutdownFlags.Both)
            {
                told |= (ShutdownFlags)flow.Expect("no-shutdown", Op.Shutdown).Header.Flags;
            }

            return flow;
        }
    }

    private static SessionOptions Small(SessionOptions options) => options with { QueueSize = 64, TxSlotSize = 1024, RxBufferSize = 1024 };

    private static SessionOptions WithoutSeqpacket(SessionOptions options) =>
        options with { Features = (options.Features & ~VirtioFeatures.DeviceType) | VirtioFeatures.Version1 };

    /// <summary>
    /// Starts rings that have packets in them already: enabled first, because what is in the tx ring while it is started and not enabled is
    /// lost (vhost-user.rst, ring states).
    /// </summary>
    private static void StartEnabled(RawDriver driver)
    {
        if (driver.Device is VhostUserFrontEnd device && device.AcceptedFeatures.HasFlag(VirtioFeatures.VhostUserProtocolFeatures))
        {
            device.SetVringEnable(VsockQueue.Rx, true);
            device.SetVringEnable(VsockQueue.Tx, true);
        }

        driver.Start();
    }

    private static bool Offers(CaseContext c, VhostUserProtocolFeatures feature) =>
        ((VhostUserProtocolFeatures)c.Facts.ProtocolFeatures).HasFlag(feature);

    /// <summary>Ends the session with a new connection or RESET_DEVICE and starts another.</summary>
    private static RawDriver StartAgain(CaseContext c, bool reconnects, Func<SessionOptions, SessionOptions> change)
    {
        if (reconnects)
        {
            c.Stop();
            return c.Start(change);
        }

        VhostUserFrontEnd device = c.FrontEnd;
        device.ResetDevice();
        device.Flush();
        c.Detach();
        return c.Start(device, change(c.DefaultOptions));
    }

    private static void ExpectSeqpacketRefused(CaseContext c, RawDriver driver)
    {
        using HostListener listener = c.Listen(SocketType.Seqpacket);
        Flow flow = driver.NewFlow(listener.Port, SocketType.Seqpacket);
        flow.Send(Op.Request);
        flow.Expect("seqpacket-not-refused", Op.Rst);
        c.Fence();
        CaseContext.Require(listener.TryAccept() is null, "seqpacket-reached-host", "no connection at the host application", "a connection");
    }

    private static void ExpectFlowsGone(CaseContext c, bool reconnects)
    {
        const int Count = 20;
        using HostListener listener = c.Listen();
        c.Start();
        List<(FlowId Id, HostConnection Host)> old = [];
        for (int i = 0; i < Count; i++)
        {
            Flow flow = c.Driver.NewFlow(listener.Port);
            _ = flow.Connect();
            old.Add((flow.Id, listener.Accept()));
        }

        RawDriver driver = StartAgain(c, reconnects, o => o);
        foreach ((FlowId id, HostConnection host) in old)
        {
            host.ExpectClosed("flow-survives-reset", "the host application's connection ends with the session of its flow");
            host.Dispose();
            Flow flow = driver.Register(id);
            _ = flow.Connect();
            using HostConnection fresh = listener.Accept();
            Exchange.Echo(c, flow, fresh);
            flow.Reset();
        }

        c.Fence();
        CaseContext.Require(
            driver.Strays.Count == 0,
            "stale-packet",
            "packets of the new session only",
            driver.Strays.Count > 0 ? driver.Strays[0].ToString() : "");
    }

    /// <summary>Makes traffic on the host's side that concerns a device whose rings must not be touched, and looks.</summary>
    private static void ExpectSilence(CaseContext c, RawDriver driver, HostConnection host, string when)
    {
        driver.Harvests = false;
        driver.Device.Settle();
        driver.DrainCalls();
        ulong calls = driver.RxCalls + driver.TxCalls;
        byte[] before = Digest(driver.Memory);
        for (int i = 0; i < 5; i++)
        {
            using HostConnection newcomer = c.Host.Connect(driver.NewGuestPort());
            _ = host.TrySend(c.RandomBytes(1000), out _);
            driver.Tx.Kick();
            driver.Rx.Kick();
            driver.Device.Settle();
        }

        driver.DrainCalls();
        CaseContext.Require(
            driver.RxCalls + driver.TxCalls == calls,
            "call-while-stopped",
            $"no notification {when}",
            $"{driver.RxCalls + driver.TxCalls - calls}");
        RequireUntouched(driver, before, when);
        c.Stop();
    }

    private static void RequireUntouched(RawDriver driver, byte[] before, string when)
    {
        bool used = driver.Tx.Ring.HasUsed || driver.Rx.Ring.HasUsed;
        CaseContext.Require(
            !used && Digest(driver.Memory).AsSpan().SequenceEqual(before),
            "memory-touched",
            $"guest memory unchanged {when}",
            used ? "a used buffer" : "other bytes");
    }

    private static byte[] Digest(GuestMemory memory)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (MemoryRegion region in memory.Regions)
        {
            hash.AppendData(memory.Slice(region.GuestAddress, (uint)region.Size));
        }

        return hash.GetHashAndReset();
    }

    private static byte[] BytesOf(GuestMemory memory, RingSetup ring)
    {
        bool packed = ring.Layout == RingLayout.Packed;
        return
        [
            .. memory.Slice(ring.DescriptorArea, packed ? PackedRingMemory.DescriptorBytes(ring.Size) : SplitRingMemory.DescriptorBytes(ring.Size)),
            .. memory.Slice(ring.DriverArea, packed ? EventSuppression.Size : SplitRingMemory.DriverBytes(ring.Size)),
            .. memory.Slice(ring.DeviceArea, packed ? EventSuppression.Size : SplitRingMemory.DeviceBytes(ring.Size)),
        ];
    }
}
