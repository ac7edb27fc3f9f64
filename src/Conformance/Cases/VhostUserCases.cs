using System.Runtime.InteropServices;
using Vsockspec.Cases;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>The vhost-user protocol as QEMU's document describes it (docs/interop/vhost-user.rst).</summary>
[Area("vhost-user", Transport = "vhost-user")]
public static class VhostUserCases
{
    private const uint RequestFlags = VhostUserHeader.Version;
    private const uint ReplyFlags = VhostUserHeader.Version | VhostUserHeader.Reply;

    [Case("VSC-1201", "VU-01", Title = "Every reply echoes the request, has version 1 and the reply bit, and the exact size")]
    public static void Reply_ToEveryQuestion_HasTheRightHeader(CaseContext c)
    {
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        ExpectReply(c, device, VhostUserRequest.GetFeatures, [], sizeof(ulong));
        if (device.OfferedFeatures.HasFlag(VirtioFeatures.VhostUserProtocolFeatures))
        {
            ExpectReply(c, device, VhostUserRequest.GetProtocolFeatures, [], sizeof(ulong));
        }

        if (device.Has(VhostUserProtocolFeatures.Mq))
        {
            ExpectReply(c, device, VhostUserRequest.GetQueueNum, [], sizeof(ulong));
        }

        if (device.Has(VhostUserProtocolFeatures.Config))
        {
            ExpectReply(c, device, VhostUserRequest.GetConfig, ConfigQuestion(0, 8, 8), VhostUserConfigAccess.Size + 8);
        }
    }

    [Case("VSC-1202", "VU-01", Title = "A message of another version is refused or ends the connection, and does no harm", Probe = true)]
    public static void Message_OfOtherVersion_DoesNoHarm(CaseContext c)
    {
        foreach (uint version in (ReadOnlySpan<uint>)[0, 2, 3])
        {
            using VhostUserFrontEnd device = c.Connect();
            device.SendRaw(new VhostUserHeader((uint)VhostUserRequest.GetFeatures, version, 0));
            using ReceivedMessage answer = device.TryReceive(c.Timeline.Patience);
            c.Record($"vhost_user.version_{version}", answer.Outcome);
        }

        c.Fence();
    }

    [Case("VSC-1203", "VU-02", Title = "The back end sends nothing that was not asked for")]
    public static void Session_WithoutAcknowledgements_IsSilent(CaseContext c)
    {
        VhostUserFrontEnd device = c.Connect(new VhostUserFrontEndOptions { AskForAcknowledgement = false });
        device.Negotiate();
        c.Start(device, c.DefaultOptions);
        Exchange.Echo(c);
        c.Fence();
        device.Flush();
        CaseContext.Require(!device.HasUnsolicitedBytes(), "unsolicited-bytes", "no bytes on the socket but replies to questions", "bytes that nobody asked for");
    }

    [Case("VSC-1204", "VU-03", Title = "Protocol features can be negotiated before SET_FEATURES and without bit 30 being accepted")]
    public static void ProtocolFeatures_BeforeFeatures_AreNegotiated(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.VhostUserProtocolFeatures);
        VhostUserFrontEnd device = c.Connect();
        _ = device.GetFeatures();
        VhostUserProtocolFeatures offered = device.GetProtocolFeatures();
        device.SetProtocolFeatures(offered & VhostUserProtocolFeatures.ReplyAck);
        device.SetOwner();
        device.SetFeatures(VirtioFeatures.Version1);
        device.Flush();
    }

    [Case("VSC-1205", "VU-04", Title = "A ring works whether it is kicked before or after it is enabled", Vary = Vary.Layouts)]
    public static void Ring_KickedBeforeOrAfterEnable_Works(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.VhostUserProtocolFeatures);
        foreach (bool kickFirst in (ReadOnlySpan<bool>)[true, false])
        {
            RawDriver driver = c.Start(o => o with { Start = false });
            VhostUserFrontEnd device = c.FrontEnd;
            driver.Rx.Refill();
            QueueSetup[] queues = [driver.RxSetup, driver.TxSetup];
            foreach (QueueSetup queue in queues)
            {
                byte index = (byte)queue.Index;
                if (kickFirst)
                {
                    device.SetVringKick(index, queue.Kick);
                    _ = queue.Kick!.Signal();
                    device.Flush();
                    device.SetVringEnable(index, true);
                }
                else
                {
                    device.SetVringEnable(index, true);
                    device.Flush();
                    device.SetVringKick(index, queue.Kick);
                    _ = queue.Kick!.Signal();
                }
            }

            SetDriverOk(device);
            device.Flush();
            c.Timeline.Add(driver);
            Exchange.Echo(c);
            c.Stop();
        }
    }

    [Case("VSC-1233", "VU-04", Title = "A ring is disabled until it is enabled", Vary = Vary.Layouts)]
    public static void Ring_NotYetEnabled_HasNoEffect(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.VhostUserProtocolFeatures);
        RawDriver driver = c.Start(o => o with { Start = false });
        VhostUserFrontEnd device = c.FrontEnd;
        driver.Rx.Refill();
        using HostListener listener = c.Listen();
        Flow flow = driver.NewFlow(listener.Port);
        flow.Send(Op.Request);
        foreach (QueueSetup queue in (QueueSetup[])[driver.RxSetup, driver.TxSetup])
        {
            device.SetVringKick((byte)queue.Index, queue.Kick);
            _ = queue.Kick!.Signal();
        }

        SetDriverOk(device);
        device.Flush();

        AskSeveralTimes(device);
        CaseContext.Require(listener.TryAccept() is null, "disabled-ring-has-effects", "no effect before SET_VRING_ENABLE", "a connection at the host application");
        device.SetVringEnable(VsockQueue.Rx, true);
        device.SetVringEnable(VsockQueue.Tx, true);
        device.Flush();
        c.Timeline.Add(driver);
        driver.Tx.Kick();
        c.Fence();
        c.Record("vhost_user.request_before_enable", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "discarded");
    }

    [Case("VSC-1206", "VU-05", Title = "Without bit 30 accepted all rings are enabled from the start", Vary = Vary.Layouts)]
    public static void Rings_WithoutProtocolFeatures_AreEnabled(CaseContext c)
    {
        VhostUserFrontEnd device = c.Connect();
        device.SetOwner();
        _ = device.GetFeatures();
        c.Start(device, c.DefaultOptions);
        Exchange.Echo(c);
    }

    [Case("VSC-1207", "VU-06", "B-68", Title = "A disabled tx ring has no effect; what becomes of its packets is recorded; enabled again, it works")]
    public static void DisabledTx_ThenEnabled_Works(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.VhostUserProtocolFeatures);
        VhostUserFrontEnd device = c.FrontEnd;
        c.Fence();
        device.SetVringEnable(VsockQueue.Tx, false);
        device.Flush();
        using HostListener listener = c.Listen();
        Flow flow = c.Driver.NewFlow(listener.Port);
        Sent request = flow.Send(Op.Request);
        AskSeveralTimes(device);
        c.Timeline.Pump();
        bool consumed = c.Driver.Tx.IsReturned(request);
        CaseContext.Require(
            listener.TryAccept() is null && flow.Log.Count == 0,
            "disabled-ring-has-effects",
            "no effect of a packet in a disabled ring",
            flow.Log.Count > 0 ? flow.Log[0].ToString() : "a connection at the host application");
        device.SetVringEnable(VsockQueue.Tx, true);
        device.Flush();
        c.Driver.Tx.Kick();
        c.Fence();
        bool answered = flow.TryTake([], out _);
        c.Record("vhost_user.disabled_tx", $"{(consumed ? "consumed" : "kept")}, {(answered ? "answered once enabled" : "not answered")}");
        Exchange.Echo(c);
    }

    [Case("VSC-1208", "VU-07", Title = "The call descriptor of a running ring can be replaced")]
    public static void CallDescriptor_Replaced_IsUsed(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        VhostUserFrontEnd device = c.FrontEnd;
        using EventFd call = new();
        device.SetVringCall(VsockQueue.Rx, call);
        device.Flush();
        _ = call.Drain();
        host.Send(c.RandomBytes(10));
        _ = flow.Read(10);
        CaseContext.Require(c.Eventually(() => call.Drain() > 0), "new-call-fd-silent", "a notification on the new call descriptor", "none");
    }

    [Case("VSC-1209", "VU-07", Title = "The kick descriptor of a running ring can be replaced")]
    public static void KickDescriptor_Replaced_IsHeard(CaseContext c)
    {
        c.Fence();
        VhostUserFrontEnd device = c.FrontEnd;
        using EventFd kick = new();
        device.SetVringKick(VsockQueue.Tx, kick);
        device.Flush();
        Flow flow = c.Driver.NewFlow(c.NewHostPort());
        _ = c.Driver.Tx.TrySend(flow.Header(Op.Request), [], out _);
        c.Driver.Tx.Flush();
        _ = kick.Signal();
        flow.Expect("new-kick-fd-ignored", Op.Rst);
        c.Stop();
    }

    [Case("VSC-1210", "VU-07", Title = "The memory table can be replaced by one with a further region while traffic flows", Vary = Vary.Layouts)]
    public static void MemoryTable_Replaced_LosesNothing(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        VhostUserFrontEnd device = c.FrontEnd;
        using MemoryRegion extra = MemoryRegion.Create(0x10_0000_0000, 1 << 20);
        using GuestMemory wider = new([extra]);
        byte[] data = c.RandomBytes(1000);
        flow.Write(data);
        ShareMore(device, c.Driver.Memory, extra);
        device.Flush();
        flow.Write(data);
        Exchange.Same(host.ReceiveExactly(2000), (byte[])[.. data, .. data], "guest to host across the replacement");
        Exchange.Echo(c, flow, host);
    }

    [Case(
        "VSC-1211",
        "VU-08",
        Title = "GET_VRING_BASE tells how far the device has come, and the ring resumes there without loss or repetition",
        Vary = Vary.Layouts,
        Regressions = ["KB-E11"])]
    public static void Ring_StoppedAndResumed_LosesNothing(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        IVsockDevice device = c.Driver.Device;
        List<byte> sent = [];
        for (int i = 0; i < 20; i++)
        {
            byte[] piece = c.RandomBytes(c.Random.Next(1, 500));
            sent.AddRange(piece);
            flow.Write(piece);
            uint tx = device.StopQueue(VsockQueue.Tx);
            c.Timeline.Pump();
            if (c.Driver.Tx.Ring is SplitDriverRing split)
            {
                ushort available = split.Raw.AvailIdx;
                CaseContext.Require(
                    (ushort)(available - tx) == c.Driver.Tx.Outstanding && tx <= ushort.MaxValue,
                    "wrong-base",
                    $"the next available index: avail.idx {available} less the {c.Driver.Tx.Outstanding} chains that were not used",
                    $"{tx}");
            }

            device.SetUpQueue(c.Driver.TxSetup with { Base = tx });
            device.StartQueue(VsockQueue.Tx);
        }

        Exchange.Same(host.ReceiveExactly(sent.Count), sent.ToArray(), "guest to host over 20 stops");
        Exchange.Echo(c, flow, host);
    }

    [Case("VSC-1212", "VU-09", "VQ-23", Title = "A split ring starts at the base it is given, also just below the wrap of the index")]
    public static void Ring_StartedAtBase_BeginsThere(CaseContext c)
    {
        foreach (uint start in (ReadOnlySpan<uint>)[5, 0xfff0])
        {
            c.Start(o => o with { Base = start });
            for (int i = 0; i < 20; i++)
            {
                Exchange.Echo(c);
            }

            c.Stop();
        }
    }

    [Case("VSC-1213", "VU-10", Title = "With all rings stopped the back end still answers and sends nothing by itself")]
    public static void Suspended_HostConnects_OnlyRepliesAreSent(CaseContext c)
    {
        c.Fence();
        VhostUserFrontEnd device = c.FrontEnd;
        _ = device.StopQueue(VsockQueue.Rx);
        _ = device.StopQueue(VsockQueue.Tx);
        using HostConnection host = c.Host.Connect(c.Driver.NewGuestPort());
        _ = device.GetFeatures();
        _ = device.GetFeatures();
        CaseContext.Require(!device.HasUnsolicitedBytes(), "unsolicited-bytes", "no message while all rings are stopped", "bytes that nobody asked for");
        c.Stop();
    }

    [Case("VSC-1214", "VU-11", "VU-12", Title = "Eight regions with offsets and holes: header and payload in different ones, none where the front end's addresses are")]
    public static void Memory_EightRegions_AllUsable(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        VhostUserFrontEnd device = c.FrontEnd;
        const int Extra = 5;
        const ulong Size = 64 * 1024;
        MemoryRegion[] extra = [.. Enumerable.Range(0, Extra).Select(i => MemoryRegion.Create(0x20_0000_0000 + ((ulong)i * 0x4000_0000), Size, (ulong)i * 0x1000))];
        using GuestMemory more = new(extra);
        ShareMore(device, c.Driver.Memory, extra);
        device.Flush();
        foreach (MemoryRegion region in extra)
        {
            byte[] data = c.RandomBytes(300);
            ulong headerAt = c.Driver.Arena.Allocate(VsockHeader.Size, region: RawDriver.HighRegion);
            VsockHeader header = flow.Header(Op.Rw) with { Len = 300 };
            header.Write(c.Driver.Memory.Slice(headerAt, VsockHeader.Size));
            more.Write(region.GuestAddress + Size - 300, data);
            c.Driver.ExpectReturned(c.Driver.PostChain(
                RingBuffer.Readable(headerAt, VsockHeader.Size),
                RingBuffer.Readable(region.GuestAddress + Size - 300, 300)));
            Exchange.Same(host.ReceiveExactly(300), data, $"guest to host from the region at 0x{region.GuestAddress:x}");
        }
    }

    [Case(
        "VSC-1215",
        "VU-13",
        "VU-21",
        Title = "Descriptors that point outside memory do not crash the back end; whether it signals the error is recorded",
        Isolation = Isolation.Process,
        Vary = Vary.Layouts)]
    public static void Descriptor_OutsideMemory_DoesNoHarm(CaseContext c)
    {
        RingBuffer[] bad =
        [
            RingBuffer.Readable(0x7000_0000_0000, 100),
            RingBuffer.Readable(ulong.MaxValue - 10, 100),
            RingBuffer.Readable(0, uint.MaxValue),
            RingBuffer.Readable(ulong.MaxValue, 1),
        ];
        for (int i = 0; i < bad.Length; i++)
        {
            RawDriver driver = c.Start();
            c.Taint(VsockQueue.Tx);
            Sent sent = driver.PostChain(bad[i]);

            // Any answer of a later question proves that the back end has outlived the chain or closed the connection over it.
            driver.MindsClosing = false;
            bool returned = c.Timeline.WaitUntil(TimeSpan.FromMilliseconds(100), () => driver.Tx.IsReturned(sent) || driver.DeviceGone);
            c.Record($"ring.bad_address_{i}", driver.DeviceGone ? "closed" : returned ? "returned" : "kept");
            c.Record($"ring.bad_address_{i}_err_fd", driver.ErrTx.Drain() > 0);
            c.Stop();
        }

        c.Fence();
    }

    [Case("VSC-1234", "VU-21", Title = "A ring that cannot be followed is reported on its error descriptor", Isolation = Isolation.Process)]
    public static void Ring_Broken_SignalsItsErrorDescriptor(CaseContext c)
    {
        RawDriver driver = c.Start();
        c.Fence();
        c.ExpectAllReturned();
        c.Taint(VsockQueue.Tx);
        driver.MindsClosing = false;
        driver.ExposeHead((ushort)(driver.TxSetup.Ring.Size + 1));
        driver.Tx.Kick();
        bool signalled = false;
        _ = c.Timeline.WaitUntil(
            () => (signalled |= driver.ErrTx.Drain() > 0) || driver.DeviceGone,
            new PollEntry(driver.ErrTx.Fd, PollEvents.Readable));
        CaseContext.Require(
            signalled,
            "error-not-signalled",
            "the error descriptor of the tx ring is signalled: its available ring names a descriptor that is not there",
            driver.DeviceGone ? "the connection was closed without" : $"nothing within {c.Timeline.Patience.TotalSeconds:0.###} s");
        c.Stop();
    }

    [Case("VSC-1216", "VU-14", Title = "GET_CONFIG answers with as many bytes as asked for, or with none to say that the range is not there")]
    public static void GetConfig_AnyRange_AnswersAllOrNothing(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        (uint Offset, uint Size)[] ranges = [(0, 8), (0, 4), (4, 4), (0, 9), (8, 1), (4, 8), (0, 256), (100, 8)];
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        foreach ((uint offset, uint size) in ranges)
        {
            device.SendRaw(
                new VhostUserHeader((uint)VhostUserRequest.GetConfig, RequestFlags, VhostUserConfigAccess.Size + size),
                ConfigQuestion(offset, size, (int)size));
            using ReceivedMessage reply = device.TryReceive(c.Timeline.Patience);
            bool inside = offset + size <= VsockConfig.Size;
            bool whole = reply.Outcome == ReceiveOutcome.Message && reply.Header.Size == VhostUserConfigAccess.Size + size;
            bool nothing = reply.Outcome == ReceiveOutcome.Message && reply.Header.Size == 0;
            CaseContext.Require(
                whole || (nothing && !inside),
                "bad-config-reply",
                inside ? $"{VhostUserConfigAccess.Size + size} bytes for offset {offset} size {size}" : $"all or no bytes for offset {offset} size {size}",
                reply.Outcome == ReceiveOutcome.Message ? $"{reply.Header.Size} bytes" : reply.Outcome.ToString());
        }
    }

    [Case("VSC-1217", "VU-14", Title = "GET_CONFIG for an impossible range does no harm", Probe = true)]
    public static void GetConfig_ImpossibleRange_DoesNoHarm(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        foreach ((uint offset, uint size) in ((uint, uint)[])[(0, 0), (uint.MaxValue, 1), (uint.MaxValue, uint.MaxValue), (8, uint.MaxValue)])
        {
            using VhostUserFrontEnd device = c.Connect();
            device.Negotiate();
            device.SendRaw(new VhostUserHeader((uint)VhostUserRequest.GetConfig, RequestFlags, VhostUserConfigAccess.Size), ConfigQuestion(offset, size, 0));
            using ReceivedMessage reply = device.TryReceive(c.Timeline.Patience);
            c.Record($"config.get_{offset:x}_{size:x}", reply.Outcome == ReceiveOutcome.Message ? $"{reply.Header.Size} bytes" : reply.Outcome.ToString());
        }

        c.Fence();
    }

    [Case("VSC-1218", "VU-15", Title = "guest_cid cannot be written by the front end")]
    public static void SetConfig_OfGuestCid_IsRefused(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        c.NeedProtocol(VhostUserProtocolFeatures.ReplyAck);
        using VhostUserFrontEnd device = c.Connect(new VhostUserFrontEndOptions { Pipelined = false });
        device.Negotiate();
        byte[] before = device.ReadConfig(0, VsockConfig.Size)!;
        bool refused = false;
        try
        {
            device.SetConfig(0, [77, 0, 0, 0, 0, 0, 0, 0]);
        }
        catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
        {
            refused = true;
        }

        CaseContext.Require(refused, "config-write-accepted", "SET_CONFIG of a read-only field is refused", "it was acknowledged as done");
        using VhostUserFrontEnd again = c.Connect();
        if (!device.IsClosed())
        {
            byte[] after = device.ReadConfig(0, VsockConfig.Size)!;
            CaseContext.Require(after.AsSpan().SequenceEqual(before), "config-changed", Convert.ToHexString(before), Convert.ToHexString(after));
        }
    }

    [Case("VSC-1219", "VU-18", Title = "need_reply draws exactly one u64 for a message without an answer, and changes nothing for one that has an answer")]
    public static void NeedReply_OnAnyMessage_DrawsOneReply(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ReplyAck);
        using VhostUserFrontEnd device = c.Connect();
        device.SetOwner();
        _ = device.GetFeatures();
        device.SetProtocolFeatures(device.GetProtocolFeatures() & VhostUserProtocolFeatures.ReplyAck);
        const uint NeedReply = RequestFlags | VhostUserHeader.NeedReply;
        byte[] features = new byte[sizeof(ulong)];
        MemoryMarshal.Write(features, (ulong)VirtioFeatures.Version1);
        ExpectReply(c, device, VhostUserRequest.SetFeatures, features, sizeof(ulong), NeedReply, zero: true);
        ExpectReply(c, device, VhostUserRequest.GetFeatures, [], sizeof(ulong), NeedReply);
        byte[] size = new byte[VringState.Size];
        new VringState(0, 128).Write(size);
        ExpectReply(c, device, VhostUserRequest.SetVringNum, size, sizeof(ulong), NeedReply, zero: true);
        ExpectReply(c, device, VhostUserRequest.GetFeatures, [], sizeof(ulong));
        CaseContext.Require(!device.HasUnsolicitedBytes(), "second-reply", "one reply each", "more bytes on the socket");
    }

    [Case("VSC-1220", "VU-19", "B-69", Title = "Without a kick descriptor the back end polls the ring", Vary = Vary.Layouts)]
    public static void Session_WithoutKickDescriptor_MakesProgress(CaseContext c)
    {
        c.Start(o => o with { KickFd = false });
        Exchange.Echo(c);
    }

    [Case("VSC-1221", "VU-20", Title = "Without a call descriptor the back end works all the same", Vary = Vary.Layouts)]
    public static void Session_WithoutCallDescriptor_Works(CaseContext c)
    {
        c.Start(o => o with { CallFd = false });
        Exchange.Echo(c);
    }

    [Case("VSC-1222", "VU-22", Title = "The back end offers MQ and at least the two queues of packets")]
    public static void QueueNumber_IsOffered_AtLeastTwo(CaseContext c)
    {
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        CaseContext.Require(device.Has(VhostUserProtocolFeatures.Mq), "mq-not-offered", "protocol feature MQ", "it is not offered");
        CaseContext.Require(device.QueueCount >= 2, "too-few-queues", "at least 2 queues", $"{device.QueueCount}");
    }

    [Case("VSC-1223", "VU-23", Title = "RESET_OWNER does not break the connection")]
    public static void ResetOwner_DuringTraffic_KeepsTheConnection(CaseContext c)
    {
        c.Fence();
        VhostUserFrontEnd device = c.FrontEnd;
        device.ResetOwner();
        try
        {
            device.Flush();
            c.Record("vhost_user.reset_owner", "acknowledged");
        }
        catch (TransportException e) when (e.Fault == TransportFault.Refused)
        {
            c.Record("vhost_user.reset_owner", "refused");
        }

        _ = device.GetFeatures();
    }

    [Case("VSC-1224", "VU-24", "RS-03", Title = "RESET_DEVICE ends all flows and the same connection can be set up anew", Vary = Vary.Layouts)]
    public static void ResetDevice_WithOpenFlows_StartsAfresh(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ResetDevice);
        (_, HostConnection host) = c.Open();
        c.Fence();
        VhostUserFrontEnd device = c.FrontEnd;
        device.ResetDevice();
        device.Flush();
        host.ExpectClosed("flow-survives-reset", "the host application of an old flow sees its end");
        c.Detach();
        c.Start(device, c.DefaultOptions);
        Exchange.Echo(c);
    }

    [Case("VSC-1225", "VU-25", Title = "Status bits read back as they were set, and writing 0 resets")]
    public static void Status_SetAndRead_IsTheSame(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Status);
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        const DeviceStatus Known = DeviceStatus.Acknowledge | DeviceStatus.Driver;
        device.SetStatus(Known);
        DeviceStatus first = device.GetStatus();
        CaseContext.Require(first == Known, "status-lost", $"{Known}", $"{first}");
        device.SetFeatures(c.DefaultFeatures | VirtioFeatures.VhostUserProtocolFeatures);
        device.SetStatus(Known | DeviceStatus.FeaturesOk);
        DeviceStatus second = device.GetStatus();
        CaseContext.Require(second == (Known | DeviceStatus.FeaturesOk), "features-not-ok", "FEATURES_OK for a set that was offered", $"{second}");
        device.SetStatus(DeviceStatus.None);
        DeviceStatus last = device.GetStatus();
        CaseContext.Require(last == DeviceStatus.None, "status-not-reset", "0 after reset", $"{last}");
    }

    [Case("VSC-1226", "VU-26", Title = "A region can be added, used and removed while the device runs", Vary = Vary.Layouts)]
    public static void MemoryRegion_AddedWhileRunning_IsUsable(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ConfigureMemSlots);
        (Flow flow, HostConnection host) = c.Open();
        VhostUserFrontEnd device = c.FrontEnd;
        using MemoryRegion extra = MemoryRegion.Create(0x30_0000_0000, 1 << 20, 0x2000);
        using GuestMemory more = new([extra]);
        device.AddMemRegion(extra);
        device.Flush();
        byte[] data = c.RandomBytes(200);
        VsockHeader header = flow.Header(Op.Rw) with { Len = 200 };
        byte[] packet = [.. new byte[VsockHeader.Size], .. data];
        header.Write(packet);
        more.Write(extra.GuestAddress, packet);
        c.Driver.ExpectReturned(c.Driver.PostChain(RingBuffer.Readable(extra.GuestAddress, (uint)packet.Length)));
        Exchange.Same(host.ReceiveExactly(200), data, "guest to host from the added region");
        device.RemoveMemRegion(extra);
        device.Flush();
        Exchange.Echo(c);
    }

    [Case("VSC-1227", "VU-30", Title = "In-band notifications without a back-end channel and acknowledgements end the connection")]
    public static void InBandNotifications_WithoutWhatTheyNeed_AreRefused(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.InbandNotifications);
        using VhostUserFrontEnd device = c.Connect();
        device.SetOwner();
        _ = device.GetFeatures();
        _ = device.GetProtocolFeatures();
        device.SetProtocolFeatures(VhostUserProtocolFeatures.InbandNotifications);
        CaseContext.Require(
            device.WaitClosed(c.Timeline.Patience),
            "inband-accepted",
            "the connection is closed: INBAND_NOTIFICATIONS needs BACKEND_REQ and REPLY_ACK",
            "it stayed open");
    }

    [Case("VSC-1235", "VU-30", Title = "With in-band notifications VRING_KICK is heard and VRING_CALL tells of used buffers", Vary = Vary.Layouts)]
    public static void InBandNotifications_WithWhatTheyNeed_CarryTraffic(CaseContext c)
    {
        const VhostUserProtocolFeatures Needed =
            VhostUserProtocolFeatures.InbandNotifications | VhostUserProtocolFeatures.BackendReq | VhostUserProtocolFeatures.ReplyAck;
        c.NeedProtocol(Needed);
        VhostUserFrontEnd device = c.Connect();
        device.Negotiate(Needed);
        BackEndChannel channel = device.OpenBackEndChannel();
        RawDriver driver = c.Start(device, c.DefaultOptions with { KickFd = false, CallFd = false });
        AnsweredCalls calls = new(channel);
        c.Timeline.Add(calls);
        using HostListener listener = c.Listen();
        Flow flow = driver.NewFlow(listener.Port);
        driver.Harvests = false;
        _ = driver.Rx.Ring.EnableCalls();
        SendWithKick(Op.Request, []);
        _ = c.Eventually(() => calls.Rx > 0 && driver.Rx.Ring.HasUsed);
        CaseContext.Require(driver.Rx.Ring.HasUsed, "inband-kick-ignored", "an answer to the REQUEST that VRING_KICK told of", "none");
        CaseContext.Require(calls.Rx > 0, "inband-call-missing", "VRING_CALL for the rx ring: the answer to a REQUEST is in it", "none");
        driver.Harvests = true;
        flow.Expect("no-response", Op.Response);
        using HostConnection host = listener.Accept();
        byte[] data = c.RandomBytes(100);
        SendWithKick(Op.Rw, data);
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host with in-band kicks");
        host.Send(data);
        Exchange.Same(flow.Read(data.Length), data, "host to guest");
        c.Stop();

        void SendWithKick(Op op, byte[] payload)
        {
            flow.Send(op, payload);
            device.VringKick(VsockQueue.Tx);
            device.Flush();
        }
    }

    [Case("VSC-1236", "VU-28", Title = "Every page that the device writes is marked in the log of dirty pages, and none once the rings are stopped", Vary = Vary.Layouts)]
    public static void Page_Written_IsLogged(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.VhostLogAll);
        c.NeedProtocol(VhostUserProtocolFeatures.LogShmFd);
        VhostUserFrontEndOptions usual = new();
        VhostUserFrontEnd device = c.Connect(usual);
        device.Negotiate(usual.Wanted | VhostUserProtocolFeatures.LogShmFd);
        RawDriver driver = c.Start(device, c.DefaultOptions);
        (Flow flow, HostConnection host) = c.Open();
        c.Fence();
        driver.ExhaustBuffers(flow, host);

        using DirtyLog log = DirtyLog.Create(driver.Memory.Regions.Max(r => r.GuestAddress + r.Size), mmapOffset: 0x2000);
        StartLogging(device, driver, log);
        byte[] data = c.RandomBytes(DirtyPages.Bytes);
        ulong start = DirtyPages.Fill(driver, flow, host, data);
        _ = driver.Device.StopQueue(VsockQueue.Tx);
        _ = driver.Device.StopQueue(VsockQueue.Rx);

        DirtyPages.RequireMarked(driver, log, start);
        bool usedRings = log.IsMarked(driver.RxSetup.Ring.DeviceArea) && log.IsMarked(driver.TxSetup.Ring.DeviceArea);
        if (driver.TxSetup.Ring.Layout == RingLayout.Packed)
        {
            // Of packed rings the document does not say what the used ring is.
            c.Record("vhost_user.logs_device_areas_of_packed_rings", usedRings);
        }
        else
        {
            CaseContext.Require(
                usedRings,
                "used-ring-not-logged",
                "marks for the pages of both used rings, which were to be logged with VHOST_VRING_F_LOG",
                "at least one is missing");
        }

        log.Clear();
        host.Send(data);
        driver.Device.Settle();
        CaseContext.Require(
            log.FirstMarked() is null,
            "logged-while-stopped",
            "no mark once the rings are stopped",
            $"the page at 0x{log.FirstMarked():x}");
        c.Stop();
    }

    [Case("VSC-1228", "VU-32", Title = "After the front end disconnects another one finds a clean device, many times over")]
    public static void FrontEnd_ReconnectsOften_FindsCleanDevice(CaseContext c)
    {
        const int Times = 30;
        for (int i = 0; i < Times; i++)
        {
            _ = c.Start();
            Exchange.Echo(c);
            CaseContext.Require(c.Driver.Strays.Count == 0, "stale-packet", "packets of the new session only", c.Driver.Strays.Count > 0 ? c.Driver.Strays[0].ToString() : "");
            c.Stop();
        }
    }

    [Case("VSC-1229", "VU-32", Title = "Sessions that come and go leak no descriptors in the back end")]
    public static void FrontEnd_ReconnectsOften_LeaksNoDescriptors(CaseContext c)
    {
        if (c.Target.ProcessId is not { } process)
        {
            CaseContext.NotApplicable("the back end's process is not known");
            return;
        }

        string descriptors = $"/proc/{process}/fd";
        const int Times = 20;
        Session(c);
        int before = Directory.GetFileSystemEntries(descriptors).Length;
        for (int i = 0; i < Times; i++)
        {
            Session(c);
        }

        // The last session's descriptors may still be on their way to being closed.
        const int Slack = 8;
        int after = 0;
        bool settled = c.Eventually(() => (after = Directory.GetFileSystemEntries(descriptors).Length) <= before + Slack);
        CaseContext.Require(settled, "descriptors-leak", $"about {before} open descriptors after {Times} more sessions", $"{after}");
    }

    [Case("VSC-1230", "VU-33", "B-70", Title = "Unknown requests, wrong sizes and truncated messages are refused or end the connection, and do no harm", Isolation = Isolation.Process)]
    public static void Message_Malformed_DoesNoHarm(CaseContext c)
    {
        const int Times = 40;
        for (int i = 0; i < Times; i++)
        {
            using VhostUserFrontEnd device = c.Connect();
            byte[] payload = c.RandomBytes(c.Random.Next(64));
            uint request = c.Random.Next(3) == 0 ? (uint)c.Random.Next() : (uint)c.Random.Next(50);
            uint size = c.Random.Next(3) switch { 0 => (uint)payload.Length, 1 => (uint)c.Random.Next(300), _ => uint.MaxValue >> c.Random.Next(8) };
            try
            {
                device.SendRaw(new VhostUserHeader(request, RequestFlags, size), payload);
                using ReceivedMessage answer = device.TryReceive(TimeSpan.FromMilliseconds(1));
            }
            catch (TransportException e) when (e.Fault == TransportFault.Closed)
            {
                c.Record("vhost_user.malformed_message", "ends the connection at least once");
            }
        }

        c.Fence();
        Exchange.Echo(c);
    }

    [Case("VSC-1231", "VU-34", "VU-18", Title = "Impossible rings are refused or end the connection, and do no harm")]
    public static void Ring_Impossible_IsRefused(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.ReplyAck);
        ExpectRefusal(c, "index 200", d => d.SetVringNum(200, 128));
        ExpectRefusal(c, "size 0", d => d.SetVringNum(0, 0));
        ExpectRefusal(c, "size 65536", d => d.SetVringNum(0, 65536));
        c.Fence();
    }

    [Case("VSC-1232", "VU-16", Title = "The messages that QEMU sends to a vhost-user-vsock device suffice")]
    public static void Session_WithTheFewMessagesOfQemu_Works(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.VhostUserProtocolFeatures);
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        VhostUserFrontEnd device = c.Connect();
        device.Negotiate(VhostUserProtocolFeatures.Config);
        byte[]? config = device.ReadConfig(0, VsockConfig.Size);
        CaseContext.Require(config is not null, "config-not-readable", "8 bytes of configuration space", "none");
        c.Start(device, c.DefaultOptions with { Features = VirtioFeatures.Version1 });
        Exchange.Echo(c);
    }

    /// <summary>
    /// Nothing fences a ring that must stay silent; answers to later questions show that a back end which serves its sockets and rings
    /// in turn has come past the ring. One that does not can at worst have its mistake overlooked.
    /// </summary>
    private static void AskSeveralTimes(VhostUserFrontEnd device)
    {
        const int Times = 10;
        for (int i = 0; i < Times; i++)
        {
            _ = device.GetFeatures();
        }
    }

    /// <summary>As a front end begins a migration: while the rings are processed.</summary>
    private static void StartLogging(VhostUserFrontEnd device, RawDriver driver, DirtyLog log)
    {
        device.SetLogBase(new VhostUserLog(log.Size, log.MmapOffset), log.File);
        device.SetFeatures(device.AcceptedFeatures | VirtioFeatures.VhostLogAll);
        foreach (QueueSetup queue in (QueueSetup[])[driver.RxSetup, driver.TxSetup])
        {
            VringAddress address = VhostUserFrontEnd.AddressOf((uint)queue.Index, queue.Ring, driver.Memory);
            device.SetVringAddr(address with { Flags = VringAddress.LogsUsedRing, Log = queue.Ring.DeviceArea });
        }

        device.Flush();
    }

    private static void Session(CaseContext c)
    {
        c.Start();
        Exchange.Echo(c);
        c.Stop();
    }

    private static void SetDriverOk(VhostUserFrontEnd device)
    {
        if (device.Has(VhostUserProtocolFeatures.Status))
        {
            device.SetStatus(DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk | DeviceStatus.DriverOk);
        }
    }

    private static void ShareMore(VhostUserFrontEnd device, GuestMemory memory, params MemoryRegion[] extra)
    {
        MemoryRegion[] all = [.. memory.Regions, .. extra];
        device.SetMemTable([.. all.Select(VhostUserFrontEnd.DescriptionOf)], [.. all.Select(r => r.File)]);
    }

    private static void ExpectRefusal(CaseContext c, string what, Action<VhostUserFrontEnd> ask)
    {
        using VhostUserFrontEnd device = c.Connect(new VhostUserFrontEndOptions { Pipelined = false });
        device.Negotiate();
        device.AcceptFeatures(c.DefaultFeatures);
        try
        {
            ask(device);
            device.Flush();
        }
        catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
        {
            c.Record($"vhost_user.refuses {what}", e.Fault);
            return;
        }

        throw new ExpectationException("impossible-ring-accepted", $"{what}: a failure status, or the connection closed", "it was acknowledged as done");
    }

    private static byte[] ConfigQuestion(uint offset, uint size, int room)
    {
        byte[] payload = new byte[VhostUserConfigAccess.Size + room];
        new VhostUserConfigAccess(offset, size, 0).Write(payload);
        return payload;
    }

    private static void ExpectReply(CaseContext c, VhostUserFrontEnd device, VhostUserRequest request, byte[] payload, uint size, uint flags = RequestFlags, bool zero = false)
    {
        device.Flush();
        device.SendRaw(new VhostUserHeader((uint)request, flags, (uint)payload.Length), payload);
        using ReceivedMessage reply = device.TryReceive(c.Timeline.Patience);
        CaseContext.Require(reply.Outcome == ReceiveOutcome.Message, "no-reply", $"a reply to {request}", reply.Outcome.ToString());
        CaseContext.Require(
            reply.Header == new VhostUserHeader((uint)request, ReplyFlags, size),
            "bad-reply-header",
            $"request {(uint)request}, flags 0x{ReplyFlags:x}, size {size}",
            $"request {reply.Header.Request}, flags 0x{reply.Header.Flags:x}, size {reply.Header.Size}");
        CaseContext.Require(!zero || MemoryMarshal.Read<ulong>(reply.Payload) == 0, "valid-message-nacked", $"{request} succeeds", "a failure status");
    }

    /// <summary>Answers what the back end says on its channel, so that one that waits for answers goes on, and counts its calls.</summary>
    private sealed class AnsweredCalls(BackEndChannel channel) : IPumped
    {
        /// <summary>VRING_CALLs for the rx ring.</summary>
        public int Rx { get; private set; }

        public void Pump()
        {
            while (channel.TryReceive(TimeSpan.Zero) is { } notice)
            {
                Rx += notice is { Request: VhostUserBackEndRequest.VringCall, Ring: VsockQueue.Rx } ? 1 : 0;
                if (notice.NeedsReply)
                {
                    channel.Reply(notice.Request);
                }
            }
        }

        public int PrepareToSleep(Span<PollEntry> entries)
        {
            entries[0] = new PollEntry(channel.Fd, PollEvents.Readable);
            return 1;
        }

        public void Woken(ReadOnlySpan<PollEntry> entries)
        {
            // The next Pump looks at the channel in any case.
        }
    }
}
