using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;
using static Vsockspec.Harness.Tests.Transports.BackEndBench;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>
/// The message sequences of the front ends that people use, in the order of their sources and as seen from Debian's QEMU 7.2.22 and
/// user-mode Linux 6.1.176.
/// </summary>
public sealed class ForeignFrontEndTests
{
    /// <summary>QEMU 7.2: hw/virtio/vhost-user.c, vhost.c, vhost-vsock-common.c and vhost-user-vsock.c.</summary>
    private const VhostUserProtocolFeatures Qemu =
        VhostUserProtocolFeatures.Mq |
        VhostUserProtocolFeatures.ReplyAck |
        VhostUserProtocolFeatures.BackendReq |
        VhostUserProtocolFeatures.Config |
        VhostUserProtocolFeatures.ResetDevice |
        VhostUserProtocolFeatures.ConfigureMemSlots |
        VhostUserProtocolFeatures.Status;

    /// <summary>Linux 6.1: arch/um/drivers/vhost_user.h.</summary>
    private const VhostUserProtocolFeatures UserModeLinux =
        VhostUserProtocolFeatures.ReplyAck |
        VhostUserProtocolFeatures.BackendReq |
        VhostUserProtocolFeatures.Config |
        VhostUserProtocolFeatures.InbandNotifications;

    [Test]
    public void Qemu_StartStopAndStartAgain_RunsTwoQueues()
    {
        using TestQueues queues = new(128);
        using BackEndBench bench = new();
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using BackEndChannel channel = new(ours);
        using EventFd masked = new();
        using EventFd error = new();

        // vhost_user_backend_init, then vhost_dev_init.
        Assert.That((VirtioFeatures)bench.AskNumber(VhostUserRequest.GetFeatures) & VirtioFeatures.VhostUserProtocolFeatures, Is.Not.Zero);
        Assert.That((VhostUserProtocolFeatures)bench.AskNumber(VhostUserRequest.GetProtocolFeatures) & Qemu, Is.EqualTo(Qemu));
        bench.Send(VhostUserRequest.SetProtocolFeatures, Number((ulong)Qemu));
        Assert.That(bench.AskNumber(VhostUserRequest.GetQueueNum), Is.GreaterThanOrEqualTo(2));
        Assert.That(bench.AskNumber(VhostUserRequest.GetMaxMemSlots), Is.GreaterThanOrEqualTo(8));
        using (theirs)
        {
            Assert.That(bench.Acknowledge(VhostUserRequest.SetBackendReqFd, null, theirs.Handle), Is.Zero);
        }

        bench.Send(VhostUserRequest.SetOwner);
        bench.AskNumber(VhostUserRequest.GetFeatures);
        foreach (int queue in new[] { VsockQueue.Rx, VsockQueue.Tx })
        {
            bench.Send(VhostUserRequest.SetVringCall, Number((ulong)queue), 0, masked.Handle);
            bench.Send(VhostUserRequest.SetVringErr, Number((ulong)queue), 0, error.Handle);
        }

        Assert.That(VsockConfig.Read(bench.Ask(VhostUserRequest.GetConfig, Config(0, 8, 8)).AsSpan(12)), Is.EqualTo(new VsockConfig(42)));
        RingSetup[] rings = [queues.Ring(), queues.Ring()];
        uint[] positions = [0, 0];
        for (int round = 0; round < 3; round++)
        {
            StartQemu(bench, queues, rings, positions, firstTime: round == 0);
            Assert.That(bench.Handler.Take().Count(entry => entry.StartsWith("started", StringComparison.Ordinal)), Is.EqualTo(2));
            Assert.That(
                bench.Handler.Queues.Values,
                Has.All.Matches<BackEndQueue>(queue => queue is { Enabled: true, Kick: not null, Call: not null }));

            // vhost_dev_stop
            for (int i = 0; i < 2; i++)
            {
                bench.Send(VhostUserRequest.SetVringEnable, State((uint)i, 0));
            }

            for (int i = 0; i < 2; i++)
            {
                positions[i] = bench.Stop(i).Number;
            }

            Assert.That(bench.Handler.Queues, Is.Empty);
            bench.Handler.Take();
        }

        bench.AssertSilent();
        Assert.That(channel.TryReceive(TimeSpan.Zero), Is.Null);
        Assert.That(bench.Log, Is.Empty);
    }

    /// <summary>vhost_dev_start and the unmasking in vhost_vsock_common_start.</summary>
    private static void StartQemu(BackEndBench bench, TestQueues queues, RingSetup[] rings, uint[] positions, bool firstTime)
    {
        const VirtioFeatures Features =
            VirtioFeatures.Version1 | VirtioFeatures.IndirectDesc | VirtioFeatures.EventIdx | VirtioFeatures.VhostUserProtocolFeatures;
        bench.Send(VhostUserRequest.SetFeatures, Number((ulong)Features));

        // vhost_user_add_status(FEATURES_OK). ACKNOWLEDGE, DRIVER and DRIVER_OK never come: vq_index_end of the vsock device is 0.
        ulong status = bench.AskNumber(VhostUserRequest.GetStatus);
        if ((status & 8) == 0)
        {
            bench.Send(VhostUserRequest.SetStatus, Number(status | 8));
        }

        if (firstTime)
        {
            foreach (MemoryRegion region in queues.Memory.Regions)
            {
                Assert.That(bench.Acknowledge(VhostUserRequest.AddMemReg, Single(VhostUserFrontEnd.DescriptionOf(region)), region.File), Is.Zero);
            }
        }

        for (int i = 0; i < rings.Length; i++)
        {
            bench.Send(VhostUserRequest.SetVringNum, State((uint)i, rings[i].Size));
            bench.Send(VhostUserRequest.SetVringBase, State((uint)i, positions[i]));
            bench.Send(VhostUserRequest.SetVringAddr, Address(VhostUserFrontEnd.AddressOf((uint)i, rings[i], queues.Memory)));
            bench.Send(VhostUserRequest.SetVringKick, Number((ulong)i), 0, queues.NewDescriptor().Handle);
        }

        for (int i = 0; i < rings.Length; i++)
        {
            bench.Send(VhostUserRequest.SetVringEnable, State((uint)i, 1));
        }

        for (int i = 0; i < rings.Length; i++)
        {
            bench.Send(VhostUserRequest.SetVringCall, Number((ulong)i), 0, queues.NewDescriptor().Handle);
        }
    }

    /// <summary>
    /// arch/um/drivers/virtio_uml.c: everything that has no answer is acknowledged; one message at a time; sockets for descriptors.
    /// </summary>
    [Test]
    public void UserModeLinux_ProbeAndBindTwice_RunsThreeQueues([Values] bool inBand)
    {
        using TestQueues queues = new(256);
        using BackEndBench bench = new();
        (UnixStream requests, UnixStream theirs) = UnixStream.Pair();
        using BackEndChannel channel = new(requests);
        VhostUserProtocolFeatures features = inBand ? UserModeLinux : UserModeLinux & ~VhostUserProtocolFeatures.InbandNotifications;

        // vhost_user_init: REPLY_ACK is not known yet when SET_OWNER is sent, and taken for granted when SET_PROTOCOL_FEATURES is.
        bench.Send(VhostUserRequest.SetOwner);
        bench.AskNumber(VhostUserRequest.GetFeatures);
        Assert.That((VhostUserProtocolFeatures)bench.AskNumber(VhostUserRequest.GetProtocolFeatures) & UserModeLinux, Is.EqualTo(UserModeLinux));
        Assert.That(bench.Acknowledge(VhostUserRequest.SetProtocolFeatures, Number((ulong)features)), Is.Zero);
        using (theirs)
        {
            Assert.That(bench.Acknowledge(VhostUserRequest.SetBackendReqFd, null, theirs.Handle), Is.Zero);
        }

        for (int bind = 0; bind < 2; bind++)
        {
            // vu_finalize_features, vu_get, vu_find_vqs
            const VirtioFeatures Accepted =
                VirtioFeatures.Version1 | VirtioFeatures.Seqpacket | VirtioFeatures.EventIdx | VirtioFeatures.VhostUserProtocolFeatures;
            Assert.That(bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)Accepted)), Is.Zero);
            byte[] config = bench.Ask(VhostUserRequest.GetConfig, Config(0, 8, 8));
            Assert.That(config, Has.Length.EqualTo(20));
            MemoryRegion[] regions = [.. queues.Memory.Regions];
            VhostUserRegion[] described = [.. regions.Select(VhostUserFrontEnd.DescriptionOf)];
            Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(2, described), regions[0].File, regions[1].File), Is.Zero);
            Assert.That(bench.Handler.Queues, Is.Empty, "rings of the driver that was bound before");
            List<UnixStream> calls = [];
            List<EventFd> kicks = [];
            for (uint i = 0; i < 3; i++)
            {
                if (!inBand)
                {
                    (UnixStream read, UnixStream write) = UnixStream.Pair();
                    using (write)
                    {
                        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringCall, Number(i), write.Handle), Is.Zero);
                    }

                    calls.Add(read);
                }

                RingSetup ring = queues.Ring();
                Assert.That(bench.Acknowledge(VhostUserRequest.SetVringNum, State(i, 256)), Is.Zero);
                Assert.That(bench.Acknowledge(VhostUserRequest.SetVringBase, State(i, 0)), Is.Zero);
                VringAddress address = VhostUserFrontEnd.AddressOf(i, ring, queues.Memory) with { Log = ulong.MaxValue };
                Assert.That(bench.Acknowledge(VhostUserRequest.SetVringAddr, Address(address)), Is.Zero);
            }

            for (uint i = 0; i < 3; i++)
            {
                if (!inBand)
                {
                    EventFd kick = queues.NewDescriptor();
                    kicks.Add(kick);
                    bench.Kick((int)i, kick);
                }

                bench.Enable((int)i, true);
                if (inBand)
                {
                    Assert.That(bench.Acknowledge(VhostUserRequest.VringKick, State(i, 0)), Is.Zero);
                }
            }

            Assert.That(bench.Handler.Queues, Has.Count.EqualTo(3));
            BackEndQueue rx = bench.Handler.Queues[VsockQueue.Rx];
            Assert.That(rx.Enabled, Is.True);
            rx.SignalUsed();
            if (inBand)
            {
                BackEndNotice called = new(VhostUserBackEndRequest.VringCall, VsockQueue.Rx, NeedsReply: true);
                Assert.That(channel.TryReceive(TimeSpan.Zero), Is.EqualTo(called));
                channel.Reply(VhostUserBackEndRequest.VringCall);
            }
            else
            {
                AssertNeverBlocks(rx, calls[0]);
            }

            // vu_del_vqs: rings are disabled, never stopped, and the guest has no driver for a while.
            for (int i = 2; i >= 0; i--)
            {
                bench.Enable(i, false);
            }

            bench.AskNumber(VhostUserRequest.GetFeatures);
            calls.ForEach(call => call.Dispose());
            Assert.That(rx.Call?.Signal() ?? false, Is.False);
            bench.Session.ProcessMessages();
        }

        Assert.That(bench.Log, Is.Empty);
    }

    /// <summary>
    /// A guest that does not take its interrupts fills the socket that carries them; signals are dropped then, which loses nothing: it has enough
    /// to wake up by.
    /// </summary>
    private static void AssertNeverBlocks(BackEndQueue queue, UnixStream call)
    {
        for (int i = 0; i < 10_000; i++)
        {
            queue.SignalUsed();
        }

        byte[] one = new byte[8];
        Assert.That(call.Receive(one), Is.EqualTo(new StreamMove(StreamState.Moved, 8)));
        Assert.That(one, Is.EqualTo(Number(1)));
    }
}
