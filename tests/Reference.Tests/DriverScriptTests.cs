using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Reference.Driver;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>The reference driver at a device that does what it is told, right and wrong.</summary>
[TestFixture]
internal sealed class DriverScriptTests
{
    private static VirtioFeatures[] Layouts => [VirtioFeatures.None, VirtioFeatures.RingPacked | VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc];

    [TestCaseSource(nameof(Layouts))]
    public void TransportReset_EndsConnections_AndListenersStayOnTheNewCid(VirtioFeatures features)
    {
        using ScriptedBench bench = new(features);
        int listener = bench.Listen(80);
        (int fd, Flow flow) = bench.Open();
        for (ulong cid = 78; cid < 100; cid++)
        {
            // More events than there are buffers.
            bench.Device.GuestCid = cid;
            bench.Device.SendEvent(VsockEvent.TransportReset);
            bench.Device.SendEvent(5);
            bench.Device.SendEvent(VsockEvent.TransportReset, used: 3);
        }

        Assert.That(bench.Timeline.WaitUntil(() => bench.Await(bench.Agent.LocalCid()).Value == 99));
        Assert.That(bench.Await(bench.Agent.Receive(fd, 1)).Result.Errno, Is.EqualTo(LinuxErrno.ConnectionReset));
        flow.ExpectNothingMore("spoke", "nothing on a flow of before");
        Flow next = bench.Device.NewFlow(9, 80);
        _ = next.Connect();
        Assert.That(bench.Await(bench.Agent.Accept(listener)).Result.Succeeded);
        bench.ExpectAlive();
    }

    [Test]
    public void Packets_ThatAreNone_AreDropped()
    {
        using ScriptedBench bench = new();
        (int fd, Flow flow) = bench.Open();
        byte[] packet = new byte[60];
        flow.Header(Op.Rw).Write(packet);
        bench.Device.Send(packet, used: 43);
        bench.Device.Send(packet, used: 0);
        bench.Device.Send(packet, used: 1 << 30);
        bench.Device.Send((flow.Header(Op.Rw) with { DstCid = 4711, Len = 0 }), []);
        bench.Device.Send((flow.Header(Op.Rst) with { SrcCid = 4711 }), []);
        bench.Device.Send((flow.Header(Op.Rst) with { DstCid = ScriptedBench.Cid | (1UL << 40) }), []);
        bench.Device.Send((flow.Header((Op)9)), []);
        flow.Send(Op.Rw, [1, 2, 3]);
        Assert.That(bench.Await(bench.Agent.Receive(fd, 10)).Data, Is.EqualTo(new byte[] { 1, 2, 3 }));

        // A length that is more than what was written: the flow is broken.
        flow.Send(Op.Rw, [1], edit: h => h with { Len = 2 });
        _ = flow.Expect("no-reset", Op.Rst);
        Assert.That(bench.Await(bench.Agent.Receive(fd, 10)).Result.Errno, Is.EqualTo(LinuxErrno.ConnectionReset));
        bench.ExpectAlive();
    }

    [Test]
    public void Packets_OfNoFlow_AreAnsweredWithReset_ButForResets()
    {
        using ScriptedBench bench = new();
        foreach (Op op in (Op[])[Op.Response, Op.Shutdown, Op.Rw, Op.CreditUpdate, Op.CreditRequest])
        {
            Flow flow = bench.Device.NewFlow(5, 5);
            flow.Send(op);
            _ = flow.Expect("no-reset", Op.Rst);
            bench.Device.Forget(flow);
        }

        Flow unknown = bench.Device.NewFlow(6, 6);
        bench.Device.Send(unknown.Header(Op.Request) with { Type = (SocketType)7 });
        Packet reset = unknown.Expect("no-reset", Op.Rst);
        Assert.That(reset.Header.Type, Is.EqualTo((SocketType)7));
        bench.Device.Send(unknown.Header(Op.Rst));
        bench.Device.Send(unknown.Header(Op.Rst) with { Type = (SocketType)7 });
        bench.ExpectAlive();
        unknown.ExpectNothingMore("reset-answered", "nothing");
    }

    [TestCaseSource(nameof(Layouts))]
    public void UsedId_ThatTheDeviceDoesNotHave_EndsTheDeviceAndNotTheDriver(VirtioFeatures features)
    {
        using ScriptedBench bench = new(features);
        (int fd, _) = bench.Open();
        bench.Device.Rx.Ring.Complete(500, 1, 44);
        bench.Device.Rx.Ring.PublishUsed();
        bench.Device.Rx.Call();
        Assert.That(bench.Await(bench.Agent.Receive(fd, 1)).Result.Errno, Is.EqualTo(LinuxErrno.ConnectionReset));
        Assert.That(bench.Log, Has.One.Contains("rx queue is broken"));
        Assert.That(bench.Await(bench.Agent.ReadKernelLog(0)).Lines, Has.One.Contains("rx queue is broken"));
        int other = bench.Await(bench.Agent.Socket(SocketType.Stream)).OrThrow("socket");
        Assert.That(bench.Await(bench.Agent.Connect(other, new VsockAddress(2, 1))).Errno, Is.EqualTo(LinuxErrno.NoDevice));
    }

    [Test]
    public void Device_HangingUp_EndsTheDeviceAndNotTheDriver()
    {
        using ScriptedBench bench = new();
        (int fd, _) = bench.Open();
        bench.Device.HangUp();
        Assert.That(bench.Await(bench.Agent.Receive(fd, 1)).Result.Errno, Is.EqualTo(LinuxErrno.ConnectionReset));
        Assert.That(bench.Log, Has.One.Contains("closed the connection"));
        Assert.That(bench.Driver.HasExited, Is.False);
    }

    /// <summary>VS-FLOW-DRV-1: the tx ring is full, and answers are parked; then VS-X-14: that has an end, and goes on.</summary>
    [TestCaseSource(nameof(Layouts))]
    public void TxRing_Full_ParksAnswersWithinBounds(VirtioFeatures features)
    {
        const int Parked = 200;
        using ScriptedBench bench = new(features, options: new DriverOptions { MaxParked = Parked });
        bench.Device.ReturnsTx = false;
        Flow flow = bench.Device.NewFlow(5, 5);
        int sent = 0;
        while (sent < 128 + Parked + 1000 && bench.Timeline.WaitUntil(TimeSpan.FromMilliseconds(300), () => bench.Device.Rx.HasAvailable))
        {
            flow.Send(Op.Rw);
            sent++;
        }

        Assert.That(sent, Is.InRange(128 + Parked, (2 * 128) + Parked + 1));
        bench.Device.ReturnsTx = true;
        bench.Device.ReturnHeldTx();
        Assert.That(bench.Timeline.WaitUntil(() => flow.Log.Count(p => p.Op == Op.Rst) == sent), $"{flow.Log.Count} of {sent} answers");
        bench.ExpectAlive();
    }

    [Test]
    public void Window_OfTheHost_IsKeptTo()
    {
        using ScriptedBench bench = new();
        (int fd, Flow flow) = bench.Open(bufAlloc: 1000);
        Task<GuestTransfer> sending = bench.Agent.BulkSend(fd, 3, 5000);
        int read = 0;
        while (read < 5000)
        {
            Assert.That(bench.Timeline.WaitUntil(() => flow.RxCnt > (uint)read), $"after {read} bytes");
            Assert.That(flow.RxCnt - flow.FwdCnt, Is.LessThanOrEqualTo(1000));

            // Below what is on the way: no credit at all.
            flow.BufAlloc = 500;
            flow.Send(Op.CreditUpdate);
            bench.Device.Fence();
            flow.BufAlloc = 1000;
            read = (int)flow.RxCnt;
            flow.Consume((uint)read - flow.FwdCnt);
            flow.Send(Op.CreditUpdate);
        }

        Assert.That(bench.Await(sending).Result, Is.EqualTo(new GuestResult(5000, 0)));
    }

    [Test]
    public void Window_OfTheGuest_IsToldInTime_AndWhenAsked()
    {
        using ScriptedBench bench = new();
        (int fd, Flow flow) = bench.Open();
        Assert.That(flow.PeerBufAlloc, Is.EqualTo(256 * 1024));
        for (int i = 0; i < 64; i++)
        {
            flow.Send(Op.Rw, new byte[4000]);
        }

        flow.Send(Op.CreditRequest);
        Packet update = flow.Expect("no-update", Op.CreditUpdate);
        Assert.That((update.Header.BufAlloc, update.Header.FwdCnt), Is.EqualTo((256u * 1024, 0u)));
        Assert.That(bench.Await(bench.Agent.BulkReceive(fd, 0, 256_000)).Result.Value, Is.EqualTo(256_000));
        Assert.That(bench.Timeline.WaitUntil(() => flow.PeerFree > 128 * 1024));
        flow.Send(Op.Rw, new byte[300]);

        // More than the window: what came is lost to both.
        (int small, Flow narrow) = bench.Open(900);
        Assert.That(bench.Await(bench.Agent.SetOption(small, VsockAddress.Family, 0, BitConverter.GetBytes(200ul))).Succeeded);
        Assert.That(narrow.Expect("no-update", Op.CreditUpdate).Header.BufAlloc, Is.EqualTo(200));
        for (int i = 0; i < 66; i++)
        {
            narrow.Send(Op.Rw, new byte[4000]);
        }

        _ = narrow.Expect("no-reset", Op.Rst);
        bench.ExpectAlive();
    }

    [Test]
    public void Messages_WithoutBytes_DoNotFillMemory()
    {
        using ScriptedBench bench = new();
        (int fd, Flow flow) = bench.Open(type: SocketType.Seqpacket);
        flow.Send(Op.Rw, [1], (uint)SeqpacketFlags.None);
        flow.Send(Op.Rw, [2], (uint)(SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord));
        GuestReceived message = bench.Await(bench.Agent.Receive(fd, 10));
        Assert.That((message.Data, message.MessageFlags), Is.EqualTo((new byte[] { 1, 2 }, 0x80)));
        for (int i = 0; i <= ReceiveBuffer.MaxMessages; i++)
        {
            flow.Send(Op.Rw, [], (uint)SeqpacketFlags.EndOfMessage);
        }

        _ = flow.Expect("no-reset", Op.Rst);
        bench.ExpectAlive();
    }

    [Test]
    public void Message_LargerThanTheWindow_GoesInPieces()
    {
        using ScriptedBench bench = new();
        (int fd, Flow flow) = bench.Open(type: SocketType.Seqpacket, bufAlloc: 1000);
        Assert.That(bench.Await(bench.Agent.Send(fd, new byte[1001])).Errno, Is.EqualTo(LinuxErrno.MessageTooLong));
        Assert.That(bench.Await(bench.Agent.Send(fd, new byte[600])).Value, Is.EqualTo(600));
        Assert.That(bench.Await(bench.Agent.Send(fd, new byte[600], 0x40)).Errno, Is.EqualTo(LinuxErrno.WouldBlock));
        Task<GuestResult> second = bench.Agent.Send(fd, new byte[600], 0x80);
        Assert.That(bench.Timeline.WaitUntil(() => flow.RxCnt == 1000));
        Assert.That(second.IsCompleted, Is.False);
        flow.Consume(600);
        flow.Send(Op.CreditUpdate);
        Assert.That(bench.Await(second).Value, Is.EqualTo(600));
        List<Packet> pieces = [.. flow.Log.Where(p => p.Op == Op.Rw)];
        Assert.That(pieces.Select(p => (p.Header.Len, p.Header.Flags)), Is.EqualTo(new[] { (600u, 1u), (400u, 0u), (200u, 3u) }));
    }

    [Test]
    public void Close_Unanswered_EndsWithReset()
    {
        using ScriptedBench bench = new(options: new DriverOptions { CloseTimeout = TimeSpan.FromMilliseconds(100) });
        (int fd, Flow flow) = bench.Open();
        Assert.That(bench.Await(bench.Agent.Close(fd)).Succeeded);
        Assert.That(flow.Expect("no-shutdown", Op.Shutdown).Header.Flags, Is.EqualTo((uint)ShutdownFlags.Both));
        _ = flow.Expect("no-reset", Op.Rst);

        (fd, flow) = bench.Open(800);
        flow.Send(Op.Rw, [1]);
        flow.SendShutdown(ShutdownFlags.Send);
        flow.SendShutdown(ShutdownFlags.Receive);
        bench.Device.Fence();
        flow.ExpectNothingMore("reset-early", "no RST before the data was read");
        Assert.That(bench.Await(bench.Agent.Receive(fd, 10)).Data, Is.EqualTo(new byte[] { 1 }));
        _ = flow.Expect("no-reset", Op.Rst);
        Assert.That(bench.Await(bench.Agent.Receive(fd, 10)).Result, Is.EqualTo(new GuestResult(0, 0)));
        Assert.That(bench.Await(bench.Agent.Send(fd, [1])).Errno, Is.EqualTo(LinuxErrno.BrokenPipe));
    }

    [Test]
    public void Connect_Unanswered_TimesOutAndTakesItsRequestBack()
    {
        using ScriptedBench bench = new();
        int fd = bench.Await(bench.Agent.Socket(SocketType.Stream)).OrThrow("socket");
        bench.Await(bench.Agent.SetOption(fd, VsockAddress.Family, 6, [.. BitConverter.GetBytes(0L), .. BitConverter.GetBytes(50_000L)])).OrThrow("timeout");
        Task<GuestResult> connecting = bench.Agent.Connect(fd, new VsockAddress(2, 44));
        Flow flow = bench.Device.ExpectRequest(44);
        Assert.That(bench.Await(connecting).Errno, Is.EqualTo(LinuxErrno.TimedOut));
        _ = flow.Expect("no-reset", Op.Rst);
        flow.Send(Op.Response);
        _ = flow.Expect("no-reset", Op.Rst);

        connecting = bench.Agent.Connect(fd, new VsockAddress(2, 45));
        flow = bench.Device.ExpectRequest(45);
        flow.Send(Op.Rst);
        Assert.That(bench.Await(connecting).Errno, Is.EqualTo(LinuxErrno.ConnectionReset));
    }

    [Test]
    public void Buffers_OfTheRings_AreNeverExhausted()
    {
        using ScriptedBench bench = new();
        (int fd, Flow flow) = bench.Open();
        for (int i = 0; i < 1000; i++)
        {
            flow.Send(Op.Rw, [(byte)i]);
        }

        bench.Device.Rx.Call();
        bench.Device.Tx.Call();
        bench.Device.Event!.Call();
        Assert.That(bench.Await(bench.Agent.Receive(fd, 2000)).Data, Is.EqualTo(Enumerable.Range(0, 1000).Select(i => (byte)i).ToArray()).Or.Length.LessThan(1000));
        bench.ExpectAlive();
    }

    [Test]
    public void Device_WithAReservedCid_IsNotDriven()
    {
        using ScriptedBench bench = new(waits: false);
        bench.Device.GuestCid = Cid.Host;
        ExpectNoDevice(bench, "guest_cid 2");
    }

    [Test]
    public void Device_BehindAnIommu_IsNotDriven()
    {
        using ScriptedBench bench = new(VirtioFeatures.AccessPlatform, waits: false);
        ExpectNoDevice(bench, "features 0x");
    }

    private static void ExpectNoDevice(ScriptedBench bench, string reason)
    {
        bench.Await(bench.Agent.Hello);
        Assert.That(bench.Device.IsUp, Is.False);
        Assert.That(bench.Log, Has.One.Contains(reason));
        int fd = bench.Await(bench.Agent.Socket(SocketType.Stream)).OrThrow("socket");
        Assert.That(bench.Await(bench.Agent.Connect(fd, new VsockAddress(2, 1))).Errno, Is.EqualTo(LinuxErrno.NoDevice));
    }
}
