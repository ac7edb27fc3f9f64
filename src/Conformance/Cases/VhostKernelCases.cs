using Vsockspec.Cases;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Peers;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>The ioctls of /dev/vhost-vsock, as linux/vhost.h and drivers/vhost/{vhost,vsock}.c have them.</summary>
[Area("vhost-kernel", Transport = "vhost-kernel")]
public static class VhostKernelCases
{
    private const int Permission = 1;
    private const int TooBig = 7;
    private const int Fault = 14;
    private const int Busy = 16;
    private const int Invalid = 22;
    private const int NotSupported = 95;
    private const int AddressInUse = 98;
    private const int NoBuffers = 105;

    /// <summary>VHOST_BACKEND_F_IOTLB_MSG_V2.</summary>
    private const ulong IotlbMessageV2 = 1 << 1;

    [Case("VSC-1301", "VK-01", Title = "The device has one owner, who alone may set up rings; CID and features need none")]
    public static void Owner_IsSetOnce_AndNeededForRings(CaseContext c)
    {
        VhostKernelDevice device = c.OpenKernel();
        Refused(device.Ask(VhostIoctl.SetVringNum, new VringState(0, 128)), Permission, "SET_VRING_NUM without an owner");
        Refused(device.Ask([]), Permission, "SET_MEM_TABLE without an owner");
        Refused(device.AskInt(VhostIoctl.VsockSetRunning, 1), Permission, "VSOCK_SET_RUNNING without an owner");
        Taken(device.Ask(VhostIoctl.VsockSetGuestCid, c.GuestCid), "VSOCK_SET_GUEST_CID without an owner");
        Taken(device.Ask(VhostIoctl.SetFeatures, (ulong)VirtioFeatures.Version1), "SET_FEATURES without an owner");
        Taken(device.Ask(VhostIoctl.SetOwner), "SET_OWNER");
        Refused(device.Ask(VhostIoctl.SetOwner), Busy, "SET_OWNER by the owner");
        Taken(device.Ask(VhostIoctl.SetVringNum, new VringState(0, 128)), "SET_VRING_NUM by the owner");
    }

    [Case("VSC-1302", "VK-02", Title = "Reserved guest CIDs, those that are no 32-bit number and one that is in use are refused; another may be taken while open")]
    public static void GuestCid_ReservedOrInUse_IsRefused(CaseContext c)
    {
        VhostKernelDevice device = c.OpenKernel();
        foreach (ulong cid in (ReadOnlySpan<ulong>)[Cid.Hypervisor, Cid.Local, Cid.Host, Cid.Any32, 1UL << 32, (1UL << 32) + c.GuestCid, Cid.Any64])
        {
            Refused(device.Ask(VhostIoctl.VsockSetGuestCid, cid), Invalid, $"VSOCK_SET_GUEST_CID {cid}");
        }

        Taken(device.Ask(VhostIoctl.VsockSetGuestCid, c.GuestCid), $"VSOCK_SET_GUEST_CID {c.GuestCid}");
        Taken(device.Ask(VhostIoctl.VsockSetGuestCid, c.GuestCid), "VSOCK_SET_GUEST_CID to what it is");
        using VhostKernelDevice second = c.OpenKernel();
        Refused(second.Ask(VhostIoctl.VsockSetGuestCid, c.GuestCid), AddressInUse, "VSOCK_SET_GUEST_CID to the CID of another device");
        device.Dispose();
        Taken(second.Ask(VhostIoctl.VsockSetGuestCid, c.GuestCid), "VSOCK_SET_GUEST_CID to the CID of a device that was closed");
    }

    [Case("VSC-1303", "VK-03", Title = "VERSION_1 and LOG_ALL are offered; what is offered may be set, and nothing else")]
    public static void Features_NotOffered_AreRefused(CaseContext c)
    {
        VhostKernelDevice device = c.OpenKernel();
        VirtioFeatures offered = device.OfferedFeatures;
        c.Record("features.offered", $"0x{(ulong)offered:x}");
        foreach (VirtioFeatures needed in (ReadOnlySpan<VirtioFeatures>)[VirtioFeatures.Version1, VirtioFeatures.VhostLogAll, VirtioFeatures.IndirectDesc, VirtioFeatures.EventIdx])
        {
            CaseContext.Require(offered.HasFlag(needed), "feature-not-offered", $"{needed} is offered", $"offered 0x{(ulong)offered:x}");
        }

        for (int bit = 0; bit < 64; bit++)
        {
            ulong feature = 1UL << bit;
            if (((ulong)offered & feature) == 0)
            {
                Refused(device.Ask(VhostIoctl.SetFeatures, (ulong)VirtioFeatures.Version1 | feature), NotSupported, $"SET_FEATURES with bit {bit}, which is not offered");
            }
            else
            {
                Taken(device.Ask(VhostIoctl.SetFeatures, (ulong)VirtioFeatures.Version1 | feature), $"SET_FEATURES with bit {bit}, which is offered");
            }
        }
    }

    [Case("VSC-1304", "VK-04", Title = "Ring sizes that are no power of two up to 32768, bases above 65535 and rings that do not exist are refused")]
    public static void Ring_ImpossibleSizeBaseOrIndex_IsRefused(CaseContext c)
    {
        VhostKernelDevice device = Owned(c);
        foreach (uint size in (ReadOnlySpan<uint>)[0, 3, 255, 65_536, uint.MaxValue])
        {
            Refused(device.Ask(VhostIoctl.SetVringNum, new VringState(0, size)), Invalid, $"SET_VRING_NUM {size}");
        }

        foreach (uint size in (ReadOnlySpan<uint>)[1, 2, 128, 32_768])
        {
            Taken(device.Ask(VhostIoctl.SetVringNum, new VringState(0, size)), $"SET_VRING_NUM {size}");
        }

        Refused(device.Ask(VhostIoctl.SetVringBase, new VringState(0, 65_536)), Invalid, "SET_VRING_BASE 65536");
        foreach (uint position in (ReadOnlySpan<uint>)[0, 1, 65_535])
        {
            Taken(device.Ask(VhostIoctl.SetVringBase, new VringState(0, position)), $"SET_VRING_BASE {position}");
            VringState state = new(0, 0);
            Taken(device.Ask(VhostIoctl.GetVringBase, ref state), "GET_VRING_BASE");
            CaseContext.Require(state.Number == position, "base-not-kept", $"base {position} as it was set", $"{state.Number}");
        }

        foreach (uint index in (ReadOnlySpan<uint>)[VhostKernelDevice.QueueCount, 100, uint.MaxValue])
        {
            Refused(device.Ask(VhostIoctl.SetVringNum, new VringState(index, 128)), NoBuffers, $"SET_VRING_NUM of ring {index}");
        }
    }

    [Case("VSC-1305", "VK-04", Title = "Ring addresses that are not aligned and flags that nobody knows are refused")]
    public static void RingAddress_MisalignedOrUnknownFlags_IsRefused(CaseContext c)
    {
        VhostKernelDevice device = Owned(c);
        using GuestMemory memory = new([MemoryRegion.Create(0, 1 << 20)]);
        ulong at = memory.ToUserAddress(0);
        VringAddress good = new(0, 0, at, at + 8192, at + 4096, 0);
        Taken(device.Ask(good), "SET_VRING_ADDR with everything aligned");
        Refused(device.Ask(good with { Available = good.Available + 1 }), Invalid, "SET_VRING_ADDR with avail at an odd address");
        Refused(device.Ask(good with { Used = good.Used + 2 }), Invalid, "SET_VRING_ADDR with used at an address that 4 does not divide");
        Refused(device.Ask(good with { Log = 2 }), Invalid, "SET_VRING_ADDR with a log address that 4 does not divide");
        Refused(device.Ask(good with { Flags = 2 }), NotSupported, "SET_VRING_ADDR with flag 1, which nobody knows");
    }

    [Case("VSC-1306", "VK-05", Title = "A memory table with its padding set, with far too many regions or with one that wraps around is refused")]
    public static void MemoryTable_Impossible_IsRefused(CaseContext c)
    {
        VhostKernelDevice device = Owned(c);
        using GuestMemory memory = new([MemoryRegion.Create(0, 1 << 20)]);
        VhostUserRegion good = VhostUserFrontEnd.DescriptionOf(memory.Regions[0]);
        Taken(device.Ask([good]), "SET_MEM_TABLE with one region");
        Taken(device.Ask([]), "SET_MEM_TABLE without regions");
        Refused(device.Ask([good], padding: 1), NotSupported, "SET_MEM_TABLE with padding 1");

        // The limit is a parameter of the module, of 16 bits.
        VhostUserRegion[] many = new VhostUserRegion[65_536];
        Array.Fill(many, good);
        Refused(device.Ask(many), TooBig, $"SET_MEM_TABLE with {many.Length} regions");
        Refused(device.Ask([good with { GuestAddress = ulong.MaxValue - 4095, Length = 8192 }]), Fault, "SET_MEM_TABLE with a region that wraps around");
    }

    [Case("VSC-1307", "VK-06", Title = "The device does not run without rings, and runs with them")]
    public static void Running_WithoutRings_IsRefused(CaseContext c)
    {
        VhostKernelDevice device = Owned(c);
        Refused(device.AskInt(VhostIoctl.VsockSetRunning, 1), Fault, "VSOCK_SET_RUNNING 1 with no ring set up");
        Taken(device.AskInt(VhostIoctl.VsockSetRunning, 0), "VSOCK_SET_RUNNING 0 of a device that does not run");
    }

    [Case("VSC-1308", "VK-06", Title = "A host application that connects before the start reaches the guest once it runs, or is refused at once")]
    public static void HostConnects_BeforeStart_IsServedAfterIt(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { Start = false });
        uint port = driver.NewGuestPort();
        HostConnection host;
        try
        {
            host = c.Host.Connect(port);
        }
        catch (ExpectationException e) when (e.Code == "host-connect-refused")
        {
            c.Record("connect.before_start", "refused");
            return;
        }

        c.Record("connect.before_start", "waits");
        driver.Start();
        Flow flow = driver.ExpectRequest(port);
        flow.Send(Op.Response);
        _ = host.ExpectEstablished();
        Exchange.Echo(c, flow, host);
    }

    [Case("VSC-1309", "VK-06", Title = "After a stop the device goes on where it stopped, with the flows that there were", Vary = Vary.Rings)]
    public static void Device_StoppedAndStarted_GoesOn(CaseContext c)
    {
        RawDriver driver = c.Start();
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < 5; i++)
        {
            Exchange.Echo(c, flow, host);
            c.ExpectAllReturned();
            uint rx = driver.Device.StopQueue(VsockQueue.Rx);
            uint tx = driver.Device.StopQueue(VsockQueue.Tx);
            byte[] inward = c.RandomBytes(100);
            byte[] outward = c.RandomBytes(100);
            host.Send(inward);
            flow.Send(Op.Rw, outward);
            driver.Device.Settle();
            CaseContext.Require(!host.TryReceive(new byte[1], out _), "works-while-stopped", "nothing reaches the host while the device is stopped", "data");
            driver.Device.SetUpQueue(driver.RxSetup with { Base = rx });
            driver.Device.SetUpQueue(driver.TxSetup with { Base = tx });
            driver.Device.StartQueue(VsockQueue.Rx);
            driver.Device.StartQueue(VsockQueue.Tx);
            Exchange.Same(host.ReceiveExactly(outward.Length), outward, "guest to host, posted while stopped");
            Exchange.Same(flow.Read(inward.Length), inward, "host to guest, written while stopped");
        }
    }

    [Case("VSC-1310", "VK-07", Title = "GET_VRING_BASE tells the next index and does not stop the ring")]
    public static void VringBase_Asked_RingGoesOn(CaseContext c)
    {
        VhostKernelDevice device = c.Kernel;
        Exchange.Echo(c);
        c.ExpectAllReturned();
        uint before = device.GetVringBase(VsockQueue.Tx);
        Sent sent = c.Driver.NewFlow(c.NewHostPort()).Send(Op.Rst);
        c.Driver.ExpectReturned(sent);
        uint after = device.GetVringBase(VsockQueue.Tx);
        CaseContext.Require(after == before + 1, "wrong-base", $"{before + 1} after one more chain", $"{after}");
        Exchange.Echo(c);
    }

    [Case("VSC-1311", "VK-04", Title = "A ring that runs keeps its size and base")]
    public static void RunningRing_SizeOrBase_IsRefused(CaseContext c)
    {
        VhostKernelDevice device = c.Kernel;
        c.Fence();
        Refused(device.Ask(VhostIoctl.SetVringNum, new VringState(VsockQueue.Tx, 128)), Busy, "SET_VRING_NUM of a ring that runs");
        Refused(device.Ask(VhostIoctl.SetVringBase, new VringState(VsockQueue.Tx, 0)), Busy, "SET_VRING_BASE of a ring that runs");
        Exchange.Echo(c);
    }

    [Case("VSC-1312", "VK-08", Title = "Descriptor -1 unbinds call and kick: no interrupt, and no chain taken, until one is bound again")]
    public static void Descriptors_Unbound_AreNotUsed(CaseContext c)
    {
        VhostKernelDevice device = c.Kernel;
        RawDriver driver = c.Driver;
        c.Fence();
        c.ExpectAllReturned();
        Taken(device.Ask(VhostIoctl.SetVringCall, VsockQueue.Tx, null), "SET_VRING_CALL -1");
        device.Settle();
        driver.DrainCalls();
        ulong calls = driver.TxCalls;
        c.Fence();
        c.ExpectAllReturned();
        device.Settle();
        driver.DrainCalls();
        CaseContext.Require(driver.TxCalls == calls, "call-after-unbind", "no interrupt of the tx queue without a call descriptor", $"{driver.TxCalls - calls}");
        Taken(device.Ask(VhostIoctl.SetVringCall, VsockQueue.Tx, driver.TxSetup.Call), "SET_VRING_CALL");

        Taken(device.Ask(VhostIoctl.SetVringKick, VsockQueue.Tx, null), "SET_VRING_KICK -1");
        Sent sent = driver.NewFlow(c.NewHostPort()).Send(Op.Rst);
        device.Settle();
        driver.Timeline.Pump();
        CaseContext.Require(!driver.Tx.IsReturned(sent), "kick-after-unbind", "no chain is taken for a kick whose descriptor was unbound", "it came back");
        Taken(device.Ask(VhostIoctl.SetVringKick, VsockQueue.Tx, driver.TxSetup.Kick), "SET_VRING_KICK");
        driver.Tx.Kick();
        driver.ExpectReturned(sent);
        Exchange.Echo(c);
    }

    [Case("VSC-1313", "VK-09", "VS-X-33", Title = "Closing the device resets the connections of its guest")]
    public static void Device_Closed_ConnectionsAreReset(CaseContext c)
    {
        (_, HostConnection opened) = c.Open();
        (_, HostConnection accepted) = c.OpenFromHost();
        c.Fence();
        c.Stop();
        foreach (HostConnection host in (HostConnection[])[opened, accepted])
        {
            host.ExpectClosed("survives-its-device", "the host application's connection is reset when the device is closed");
            CaseContext.Require(host.End == HostEnd.Error, "no-reset", "ECONNRESET at the host application", "end of file");
        }
    }

    [Case("VSC-1314", "VK-10", Title = "RESET_OWNER is refused")]
    public static void ResetOwner_IsRefused(CaseContext c)
    {
        int errno = Owned(c).Ask(VhostIoctl.ResetOwner);
        c.Record("vhost.reset_owner", ErrnoException.Describe(errno));
        CaseContext.Require(errno != 0, "reset-owner-taken", "RESET_OWNER is refused", "it was taken");
    }

    [Case("VSC-1315", "VK-11", Title = "Backend features that are offered may be set, and nothing else")]
    public static void BackendFeatures_NotOffered_AreRefused(CaseContext c)
    {
        VhostKernelDevice device = Owned(c);
        ulong offered = 0;
        Taken(device.Ask(VhostIoctl.GetBackendFeatures, ref offered), "GET_BACKEND_FEATURES");
        c.Record("vhost.backend_features", $"0x{offered:x}");
        CaseContext.Require((offered & IotlbMessageV2) != 0, "iotlb-v2-not-offered", "IOTLB_MSG_V2 (bit 1) is offered", $"0x{offered:x}");
        for (int bit = 0; bit < 64; bit++)
        {
            ulong feature = 1UL << bit;
            if ((offered & feature) == 0)
            {
                Refused(device.Ask(VhostIoctl.SetBackendFeatures, feature), NotSupported, $"SET_BACKEND_FEATURES with bit {bit}, which is not offered");
            }
        }

        Taken(device.Ask(VhostIoctl.SetBackendFeatures, offered), "SET_BACKEND_FEATURES with all that is offered");
    }

    [Case("VSC-1316", "VK-12", "VK-08", Title = "A chain that cannot be followed signals the error descriptor; set right, the ring works again after a stop")]
    public static void Chain_CannotBeFollowed_ErrorIsSignalledAndRingRecovers(CaseContext c)
    {
        RawDriver driver = c.Driver;
        c.Fence();
        c.ExpectAllReturned();
        _ = driver.ErrTx.Drain();
        driver.ExposeHead((ushort)(driver.TxSetup.Ring.Size + 1));
        driver.Tx.Kick();
        driver.Device.Settle();
        CaseContext.Require(driver.ErrTx.Drain() > 0, "error-not-signalled", "the error descriptor is signalled for a head beyond the table", "it was not");

        uint position = driver.Device.StopQueue(VsockQueue.Tx);
        driver.SplitTx().AvailIdx--;
        CaseContext.Require(
            position == driver.SplitTx().AvailIdx, "bad-chain-passed", $"base {driver.SplitTx().AvailIdx}: the chain that cannot be followed is not counted as taken", $"{position}");
        driver.Device.SetUpQueue(driver.TxSetup with { Base = position });
        driver.Device.StartQueue(VsockQueue.Tx);
        Exchange.Echo(c);
    }

    [Case("VSC-1317", "VK-04", Title = "The busy-loop timeout is kept as it was set")]
    public static void BusyloopTimeout_IsKept(CaseContext c)
    {
        VhostKernelDevice device = Owned(c);
        foreach (uint time in (ReadOnlySpan<uint>)[50, 0])
        {
            Taken(device.Ask(VhostIoctl.SetVringBusyloopTimeout, new VringState(0, time)), $"SET_VRING_BUSYLOOP_TIMEOUT {time}");
            VringState state = new(0, 77);
            Taken(device.Ask(VhostIoctl.GetVringBusyloopTimeout, ref state), "GET_VRING_BUSYLOOP_TIMEOUT");
            CaseContext.Require(state.Number == time, "timeout-not-kept", $"{time} as it was set", $"{state.Number}");
        }
    }

    [Case("VSC-1318", "VK-03", Title = "With LOG_ALL and a ring's log flag set while it runs, the pages of both used rings are marked")]
    public static void UsedRings_Logged_AreMarked(CaseContext c)
    {
        using DirtyLog log = StartLogging(c, out Flow flow, out HostConnection host);
        Exchange.Echo(c, flow, host);
        c.ExpectAllReturned();
        CaseContext.Require(
            log.IsMarked(c.Driver.RxSetup.Ring.DeviceArea) && log.IsMarked(c.Driver.TxSetup.Ring.DeviceArea),
            "used-ring-not-logged",
            "marks for the pages of both used rings",
            "at least one is missing");
        c.Stop();
    }

    [Case("VSC-1319", "VK-03", Title = "With LOG_ALL, which logs all write descriptors, every page of an rx buffer that is written is marked")]
    public static void RxBuffers_Logged_AreMarked(CaseContext c)
    {
        using DirtyLog log = StartLogging(c, out Flow flow, out HostConnection host);
        c.Driver.ExhaustBuffers(flow, host);
        log.Clear();
        ulong start = DirtyPages.Fill(c.Driver, flow, host, c.RandomBytes(DirtyPages.Bytes));
        c.Driver.Device.Settle();
        DirtyPages.RequireMarked(c.Driver, log, start);
        c.Stop();
    }

    [Case("VSC-1320", "VS-X-20", Title = "The buffer that a host application gives its socket is what the guest is told as buf_alloc, on both sides of a connect")]
    public static void HostSocket_BufferSize_IsTold(CaseContext c)
    {
        VsockHostPeer peer = (VsockHostPeer)c.Host;
        foreach (uint size in (ReadOnlySpan<uint>)[8 * 1024, 1 << 20])
        {
            peer.BufferSize = size;
            (Flow opened, _) = c.Open();
            CaseContext.Require(opened.PeerBufAlloc == size, "wrong-buf-alloc", $"buf_alloc {size} in RESPONSE, as SO_VM_SOCKETS_BUFFER_SIZE was set", $"{opened.PeerBufAlloc}");
            (Flow accepted, _) = c.OpenFromHost();
            CaseContext.Require(accepted.PeerBufAlloc == size, "wrong-buf-alloc", $"buf_alloc {size} in REQUEST, as SO_VM_SOCKETS_BUFFER_SIZE was set", $"{accepted.PeerBufAlloc}");
        }

        peer.BufferSize = null;
    }

    [Case(
        "VSC-1321",
        "VS-X-23",
        Title = "An application that waits for a whole buffer of data (SO_RCVLOWAT) is served: the guest is told of what was read",
        Regressions = ["KB-A4", "KB-A5"])]
    public static void HostWaits_ForAWholeBuffer_CreditIsTold(CaseContext c)
    {
        // As many as the packets hold that fill the window: a packet of which a part was read need not count yet.
        const int Read = 32 * 1024;
        (Flow flow, HostConnection host) = c.Open();
        byte[] sent = Exchange.FillWindow(c, flow);
        Exchange.Same(host.ReceiveExactly(Read), sent.AsSpan(0, Read), "guest to host");
        host.SetReceiveLowWater((int)flow.PeerBufAlloc);
        bool told = c.Eventually(() => host.IsReadable || flow.PeerFree >= Read);

        // The specification does not say when a receiver has to tell of credit, so that both ends sleep for ever breaks none of its rules.
        c.Discourage(
            !told,
            "no-credit",
            $"credit for the {Read} bytes that were read, as the application waits for {flow.PeerBufAlloc}",
            $"credit for {flow.PeerFree}; both ends sleep");
        if (!told)
        {
            return;
        }

        flow.Send(Op.Rw, c.RandomBytes((int)Math.Min(flow.PeerFree, Read)));
        CaseContext.Require(c.Eventually(() => host.IsReadable), "reader-not-woken", $"the application is woken once {flow.PeerBufAlloc} bytes are there", "it sleeps");
    }

    /// <summary>As a VMM begins a migration: while the rings run.</summary>
    private static DirtyLog StartLogging(CaseContext c, out Flow flow, out HostConnection host)
    {
        VhostKernelDevice device = c.Kernel;
        RawDriver driver = c.Driver;
        (flow, host) = c.Open();
        c.Fence();
        c.ExpectAllReturned();
        DirtyLog log = DirtyLog.Create(driver.Memory.Regions.Max(r => r.GuestAddress + r.Size));
        Taken(device.Ask(VhostIoctl.SetLogBase, log.UserAddress), "SET_LOG_BASE");
        Taken(device.Ask(VhostIoctl.SetFeatures, (ulong)(device.AcceptedFeatures | VirtioFeatures.VhostLogAll)), "SET_FEATURES with LOG_ALL while the rings run");
        foreach (QueueSetup queue in (QueueSetup[])[driver.RxSetup, driver.TxSetup])
        {
            VringAddress address = VhostUserFrontEnd.AddressOf((uint)queue.Index, queue.Ring, driver.Memory);
            Taken(device.Ask(address with { Flags = VringAddress.LogsUsedRing, Log = queue.Ring.DeviceArea }), "SET_VRING_ADDR with the log flag");
        }

        return log;
    }

    private static VhostKernelDevice Owned(CaseContext c)
    {
        VhostKernelDevice device = c.OpenKernel();
        Taken(device.Ask(VhostIoctl.SetOwner), "SET_OWNER");
        return device;
    }

    private static void Taken(int errno, string what) =>
        CaseContext.Require(errno == 0, "ioctl-refused", $"{what} is taken", ErrnoException.Describe(errno));

    private static void Refused(int errno, int expected, string what) =>
        CaseContext.Require(
            errno == expected,
            errno == 0 ? "ioctl-taken" : "ioctl-wrong-errno",
            $"{what} is refused: {ErrnoException.Describe(expected)}",
            errno == 0 ? "it was taken" : ErrnoException.Describe(errno));
}
