using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>How a driver takes its device: features, configuration space, status and queues (virtio 1.4 sections 2.1, 2.2, 2.5, 3.1, 5.10.2 to 5.10.5 and 6).</summary>
[Area("driver-init")]
public static class DriverInitCases
{
    /// <summary>Bits of other device types, bits of this type that no version defines, and reserved ones: 3 to 23 and 44 to 63.</summary>
    private const VirtioFeatures Unknown = (VirtioFeatures)0xffff_f000_00ff_fff8;

    private const VirtioFeatures Wide =
        DeviceSetup.Usual | VirtioFeatures.NoImpliedStream | VirtioFeatures.IndirectDesc | VirtioFeatures.EventIdx | VirtioFeatures.RingPacked |
        VirtioFeatures.OrderPlatform | Unknown;

    private const int LongConfig = 64;

    [Case("VSC-2250", "FE-08", Title = "The driver accepts VERSION_1")]
    public static void Version1_Offered_IsAccepted(DriverContext c) => DriverContext.Require(
        c.Accepted.HasFlag(VirtioFeatures.Version1), "version-1-not-accepted", "feature bit 32 (VERSION_1) among the accepted", $"accepted 0x{(ulong)c.Accepted:x}");

    [Case("VSC-2251", "FE-07", Title = "Of a device that offers nothing but VERSION_1 the driver accepts nothing else")]
    [Offer(VirtioFeatures.None)]
    public static void Features_NotOffered_AreNotAccepted(DriverContext c) => RequireSubset(c);

    [Case("VSC-2252", "FE-09", "FE-07", Title = "A driver takes a device that offers bits unknown to it, accepts none of them, and works")]
    [Offer(Wide, ConfigSize = LongConfig)]
    public static void UnknownFeatures_Offered_AreIgnored(DriverContext c)
    {
        VirtioFeatures taken = c.Accepted & Unknown;
        DriverContext.Require(taken == 0, "unknown-bits-accepted", "none of bits 3 to 23 and 44 to 63 among the accepted", $"0x{(ulong)taken:x}");
        RequireSubset(c);
        DrivenRings.Echo(c);
        DrivenRings.EchoFromDevice(c);
    }

    [Case("VSC-2253", "VS-FEAT-DRV-1", Title = "The driver accepts NO_IMPLIED_STREAM")]
    [Offer(Wide, ConfigSize = LongConfig)]
    public static void NoImpliedStream_Offered_IsAccepted(DriverContext c)
    {
        DrivenRings.NeedEveryFeature(c);
        DriverContext.Require(
            c.Accepted.HasFlag(VirtioFeatures.NoImpliedStream),
            "no-implied-stream-not-accepted",
            "feature bit 2 (NO_IMPLIED_STREAM) among the accepted",
            $"accepted 0x{(ulong)c.Accepted:x}");
    }

    [Case("VSC-2254", "FE-10", Title = "The driver accepts RING_PACKED and ORDER_PLATFORM")]
    [Offer(Wide, ConfigSize = LongConfig)]
    public static void RingFeatures_Offered_AreAccepted(DriverContext c)
    {
        DrivenRings.NeedEveryFeature(c);
        VirtioFeatures missing = (VirtioFeatures.RingPacked | VirtioFeatures.OrderPlatform) & ~c.Accepted;
        DriverContext.Require(missing == 0, "ring-features-not-accepted", "RING_PACKED and ORDER_PLATFORM among the accepted", $"missing: {missing}");
    }

    [Case("VSC-2255", "CF-03", "VS-X-03", Title = "A configuration space longer than the driver knows is no obstacle, and the guest has the CID at its beginning")]
    [Offer(Wide, ConfigSize = LongConfig)]
    public static void ConfigSpace_LongerThanKnown_IsTaken(DriverContext c)
    {
        RequireCid(c);
        DrivenRings.Echo(c);
    }

    [Case("VSC-2256", "VS-FEAT-DRV-2", Title = "With none of bits 0 to 2 offered, stream sockets work in both directions")]
    [Offer(VirtioFeatures.None)]
    public static void NoSocketType_Offered_StreamWorks(DriverContext c)
    {
        DrivenRings.Echo(c);
        DrivenRings.EchoFromDevice(c);
    }

    [Case("VSC-2257", "VS-X-43", Title = "Without SEQPACKET accepted, connecting a seqpacket socket fails in the guest and no packet asks for it")]
    [Offer(VirtioFeatures.None)]
    public static void SeqpacketSocket_NotAccepted_FailsLocally(DriverContext c)
    {
        uint port = c.NewHostPort();
        GuestResult made = c.Await(c.Agent.Socket(SocketType.Seqpacket, false));
        GuestResult connected = made.Succeeded ? new GuestSocket(c, (int)made.Value).Connect(port) : made;
        DriverContext.Require(!connected.Succeeded, "seqpacket-connected", "an error in the guest", connected.ToString());
        c.Record("driver.seqpacket_not_accepted", connected);
        c.Fence();
        Packet? request = c.Device.TakeStray(p => p.Header.DstPort == port);
        DriverContext.Require(request is null, "seqpacket-requested", "no packet of the socket", $"{request}");
    }

    [Case("VSC-2258", "VS-X-43", "B-10", Title = "Without SEQPACKET accepted, a seqpacket REQUEST of the device is refused with RST, also where a stream socket listens")]
    [Offer(VirtioFeatures.None)]
    public static void SeqpacketRequest_NotAccepted_IsRefused(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        foreach (uint port in (uint[])[listener.Listen(), c.NewGuestPort()])
        {
            Flow flow = c.Device.NewFlow(c.NewHostPort(), port, SocketType.Seqpacket);
            flow.Send(Op.Request);
            flow.Expect("seqpacket-not-refused", Op.Rst);
        }

        DrivenRings.EchoFromDevice(c);
    }

    [Case("VSC-2259", "VS-FEAT-DRV-3", Title = "With SEQPACKET alone offered, seqpacket sockets work; whether stream sockets do is the driver's choice", Probe = true)]
    [Offer(VirtioFeatures.Seqpacket)]
    public static void SeqpacketAlone_Offered_WorksAndStreamIsAChoice(DriverContext c)
    {
        c.NeedAccepted(VirtioFeatures.Seqpacket);
        DrivenRings.Echo(c, SocketType.Seqpacket);
        uint port = c.NewHostPort();
        GuestSocket stream = GuestSocket.Create(c);
        Task<GuestResult> connecting = stream.BeginConnect(Cid.Host, port);
        Packet? request = null;
        DriverContext.Require(
            c.Eventually(() => connecting.IsCompleted || (request = c.Device.TakeStray(p => p.Op == Op.Request && p.Header.DstPort == port)) is not null),
            "stream-connect-stuck",
            "REQUEST of type 1, or an error in the guest",
            "neither");
        c.Record("driver.seqpacket_alone_implies_stream", request is not null);
        if (request is not null)
        {
            Flow flow = c.Device.Register(FlowId.OfGuestPacket(request.Header));
            DriverContext.Require(request.Header.Type == SocketType.Stream, "wrong-type", "a REQUEST of type 1", request.ToString());
            flow.Send(Op.Response);
        }

        GuestResult connected = c.Await(connecting);
        DriverContext.Require(connected.Succeeded == request is not null, "stream-half-there", "a connection for a REQUEST that was granted, an error otherwise", connected.ToString());
    }

    [Case("VSC-2260", "FE-10", Title = "The driver accepts ACCESS_PLATFORM, or leaves a device alone that needs what this machine does not have", Slow = true)]
    [Offer(DeviceSetup.Usual | VirtioFeatures.AccessPlatform, MayBeRefused = true)]
    public static void AccessPlatform_Offered_IsAccepted(DriverContext c)
    {
        RequireSubset(c);
        if (!c.Device.IsUp)
        {
            DriverContext.NotApplicable($"the driver has not started the device, as a machine without an IOMMU for it may: {c.Device.Journal}");
        }

        DrivenRings.NeedEveryFeature(c);
        DriverContext.Require(
            c.Accepted.HasFlag(VirtioFeatures.AccessPlatform),
            "access-platform-not-accepted",
            "feature bit 33 (ACCESS_PLATFORM) among the accepted",
            $"accepted 0x{(ulong)c.Accepted:x}");
        DrivenRings.Echo(c);
    }

    [Case("VSC-2261", "VS-X-06", "B-35", Title = "A device that gives its guest CID 0: whether the driver takes it is recorded, and the guest goes on", Probe = true, Slow = true)]
    [Offer(DeviceSetup.Usual, GuestCid = Cid.Hypervisor, MayBeRefused = true)]
    public static void GuestCid_Hypervisors_IsSurvived(DriverContext c) => RecordReserved(c, "0");

    [Case("VSC-2262", "VS-X-06", "B-35", Title = "A device that gives its guest CID 1: whether the driver takes it is recorded, and the guest goes on", Probe = true, Slow = true)]
    [Offer(DeviceSetup.Usual, GuestCid = Cid.Local, MayBeRefused = true)]
    public static void GuestCid_OfLoopback_IsSurvived(DriverContext c) => RecordReserved(c, "1");

    [Case("VSC-2263", "VS-X-06", "B-35", Title = "A device that gives its guest the host's CID 2: whether the driver takes it is recorded, and the guest goes on", Probe = true, Slow = true)]
    [Offer(DeviceSetup.Usual, GuestCid = Cid.Host, MayBeRefused = true)]
    public static void GuestCid_OfTheHost_IsSurvived(DriverContext c) => RecordReserved(c, "2");

    [Case("VSC-2264", "VS-X-06", "B-35", Title = "A device that gives its guest CID 0xffffffff: whether the driver takes it is recorded, and the guest goes on", Probe = true, Slow = true)]
    [Offer(DeviceSetup.Usual, GuestCid = Cid.Any32, MayBeRefused = true)]
    public static void GuestCid_OfAnybody_IsSurvived(DriverContext c) => RecordReserved(c, "any");

    [Case("VSC-2265", "VS-X-07", Title = "The order in which the driver brings its device up is recorded; the guest has the CID of configuration space", Probe = true)]
    public static void Initialisation_Steps_AreRecorded(DriverContext c)
    {
        c.Record("driver.initialisation", string.Join(", ", c.Device.Journal.Steps.Where(s => s.Act != DriverAct.StatusWritten).Take(20)));
        RequireCid(c);
    }

    [Case("VSC-2266", "VS-X-02", "VS-X-27", Title = "The driver sets up rx, tx and event queues and no others, and posts writable buffers in the first and the last", Vary = Vary.Rings)]
    public static void Queues_OfTheDriver_AreThree(DriverContext c)
    {
        int[] started = [.. c.Device.Journal.Steps.Where(s => s.Act == DriverAct.QueueStarted).Select(s => s.Queue).Distinct().Order()];
        int[] expected = c.Device.Event is null ? [VsockQueue.Rx, VsockQueue.Tx] : [VsockQueue.Rx, VsockQueue.Tx, VsockQueue.Event];
        DriverContext.Require(
            started.SequenceEqual(expected),
            "wrong-queues",
            "queues 0 (rx), 1 (tx) and 2 (event), the last where the machine does not keep it to itself",
            $"started: {string.Join(", ", started)}");
        RequireWritable(c, c.Device.Rx, VsockHeader.Size);
        if (c.Device.Event is { } events)
        {
            RequireWritable(c, events, VsockEvent.Size);
        }
    }

    [Case("VSC-2267", "ST-06", Title = "No queue is kicked before the driver's status says DRIVER_OK")]
    public static void Kick_BeforeDriverOk_DoesNotCome(DriverContext c)
    {
        _ = NeedStatus(c);
        int early = c.Device.Journal.IndexOf(DriverAct.KickedEarly);
        DriverContext.Require(early < 0, "kicked-before-driver-ok", "no notification of available buffers before DRIVER_OK", c.Device.Journal.ToString());
    }

    [Case("VSC-2268", "ST-04", Title = "The driver's status goes through ACKNOWLEDGE, DRIVER, FEATURES_OK and DRIVER_OK in this order, features before FEATURES_OK")]
    public static void Status_OfInitialisation_HasItsOrder(DriverContext c)
    {
        IReadOnlyList<DriverStep> steps = NeedStatus(c);
        int last = -1;
        foreach (DeviceStatus bit in (DeviceStatus[])[DeviceStatus.Acknowledge, DeviceStatus.Driver, DeviceStatus.FeaturesOk, DeviceStatus.DriverOk])
        {
            int at = steps.ToList().FindIndex(s => s.Act == DriverAct.StatusWritten && s.Status.HasFlag(bit));
            DriverContext.Require(at >= 0 && at >= last, "status-out-of-order", $"{bit} after the bits that come before it", c.Device.Journal.ToString());
            last = at;
        }

        int features = c.Device.Journal.IndexOf(DriverAct.FeaturesAccepted);
        int featuresOk = steps.ToList().FindIndex(s => s.Act == DriverAct.StatusWritten && s.Status.HasFlag(DeviceStatus.FeaturesOk));
        DriverContext.Require(features < featuresOk, "features-after-features-ok", "features are accepted before FEATURES_OK is set", c.Device.Journal.ToString());
    }

    [Case("VSC-2269", "ST-05", Title = "The driver never clears a bit of its status but by a reset")]
    public static void Status_Bits_AreNotCleared(DriverContext c)
    {
        DeviceStatus before = DeviceStatus.None;
        foreach (DriverStep step in NeedStatus(c).Where(s => s.Act == DriverAct.StatusWritten))
        {
            DriverContext.Require(
                step.Status == DeviceStatus.None || (before & ~step.Status) == 0,
                "status-bit-cleared",
                $"{before} and more, or 0",
                $"{step.Status}");
            before = step.Status;
        }
    }

    [Case("VSC-2270", "VQ-01", Title = "Descriptor table, available ring and used ring lie at multiples of 16, 2 and 4", Vary = Vary.Rings)]
    [Offer(DeviceSetup.Usual, MayBeRefused = true)]
    public static void Rings_OfTheDriver_AreAligned(DriverContext c)
    {
        // A queue that is not is refused by the transport, and never starts.
        string? refused = c.Device.Journal.Steps.Where(s => s.Act == DriverAct.Refused && s.Detail.Contains("not aligned", StringComparison.Ordinal)).Select(s => s.Detail).FirstOrDefault();
        DriverContext.Require(refused is null, "ring-misaligned", "every part of every ring at its alignment", $"{refused}");
        c.RequireUp();
        foreach (ScriptedQueue queue in (ScriptedQueue?[])[c.Device.Rx, c.Device.Tx, c.Device.Event] is var all ? all.OfType<ScriptedQueue>() : [])
        {
            RingSetup ring = queue.Ring.Setup;
            uint driver = ring.Layout == RingLayout.Packed ? PackedRingMemory.EventAlignment : SplitRingMemory.DriverAlignment;
            DriverContext.Require(
                ring.DescriptorArea % SplitRingMemory.DescriptorAlignment == 0 && ring.DriverArea % driver == 0 && ring.DeviceArea % SplitRingMemory.DeviceAlignment == 0,
                "ring-misaligned",
                $"areas of the {VsockQueue.Name(queue.Index)} queue at multiples of 16, {driver} and 4",
                $"0x{ring.DescriptorArea:x}, 0x{ring.DriverArea:x}, 0x{ring.DeviceArea:x}");
            c.Record($"driver.queue_size.{VsockQueue.Name(queue.Index)}", ring.Size);
        }
    }

    private static void RequireSubset(DriverContext c)
    {
        VirtioFeatures extra = c.Accepted & ~c.Device.Setup.Offered;
        DriverContext.Require(extra == 0, "accepts-what-is-not-offered", $"a part of 0x{(ulong)c.Device.Setup.Offered:x}", $"0x{(ulong)extra:x} too");
    }

    private static void RequireCid(DriverContext c)
    {
        GuestValue<uint> cid = c.Await(c.Agent.LocalCid());
        DriverContext.Require(cid.Result.Succeeded && cid.Value == c.GuestCid, "wrong-cid", $"local CID {c.GuestCid} in the guest", cid.Result.Succeeded ? $"{cid.Value}" : cid.Result.ToString());
    }

    private static void RequireWritable(DriverContext c, ScriptedQueue queue, int bytes)
    {
        DriverContext.Require(c.Eventually(() => queue.HasAvailable), "no-buffers", $"buffers in the {VsockQueue.Name(queue.Index)} queue", "none");
        HeldChain chain = queue.Peek()!;
        DriverContext.Require(
            chain.WritableBytes >= (uint)bytes && chain.ReadableBytes == 0,
            "wrong-buffers",
            $"buffers of at least {bytes} bytes that the device may write, and none that it reads",
            $"{chain.WritableBytes} bytes that it writes, {chain.ReadableBytes} that it reads");
    }

    /// <summary>What the driver did, with its status; ends the case where the transport does not pass that on.</summary>
    private static IReadOnlyList<DriverStep> NeedStatus(DriverContext c)
    {
        IReadOnlyList<DriverStep> steps = c.Device.Journal.Steps;
        if (!steps.Any(s => s.Act == DriverAct.StatusWritten && s.Status.HasFlag(DeviceStatus.Driver)))
        {
            DriverContext.NotApplicable("the driver's front end does not pass its status on");
        }

        return steps;
    }

    private static void RecordReserved(DriverContext c, string name)
    {
        c.DriverGoesOn = false;
        c.Record($"driver.guest_cid_{name}", c.Device.IsUp ? "taken" : $"refused: {c.Device.Journal}");
        c.Record($"driver.guest_cid_{name}.local", c.Await(c.Agent.LocalCid()).Value);
        DrivenRings.Survives(c, $"driver.guest_cid_{name}.after");
    }
}
