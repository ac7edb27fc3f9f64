using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;
using static Vsockspec.Harness.Tests.Transports.BackEndBench;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>The back-end session, message by message.</summary>
public sealed class BackEndTests
{
    private const VhostUserProtocolFeatures AckAndChannel =
        VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.BackendReq | VhostUserProtocolFeatures.InbandNotifications;

    [Test]
    public void GetFeatures_Always_HasTheBitsOfTheSession()
    {
        using BackEndBench bench = new();
        Assert.That(
            (VirtioFeatures)bench.AskNumber(VhostUserRequest.GetFeatures),
            Is.EqualTo(bench.Handler.OfferedFeatures | VirtioFeatures.VhostUserProtocolFeatures | VirtioFeatures.VhostLogAll));
    }

    [Test]
    public void Log_WhileRingsRun_HasWhatIsWritten()
    {
        const ulong Log = 0x5000;
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.LogShmFd);
        using TestQueues queues = new();
        RingSetup ring = queues.Ring();
        using EventFd kick = new();
        using EventFd notice = new();
        bench.SetUp(queues, 0, ring);
        bench.Kick(0, kick);
        bench.Enable(0, true);
        BackEndQueue queue = bench.Handler.Queues[0];
        bench.Handler.Take();

        using DirtyLog log = DirtyLog.Create(1 << 20);
        bench.Send(VhostUserRequest.SetLogBase, LogPayload(log.Size, log.MmapOffset), 0, log.File);
        using (ReceivedMessage reply = bench.Next())
        {
            Assert.That(reply.Header, Is.EqualTo(new VhostUserHeader((uint)VhostUserRequest.SetLogBase, 5, 0)));
        }

        Assert.That(bench.Acknowledge(VhostUserRequest.SetLogFd, null, notice.Handle), Is.Zero);
        queue.LogRing();
        Assert.That(log.FirstMarked(), Is.Null, "nothing is logged before VHOST_F_LOG_ALL");

        const VirtioFeatures Features = VirtioFeatures.Version1 | VirtioFeatures.VhostUserProtocolFeatures | VirtioFeatures.VhostLogAll;
        Assert.That(bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)Features)), Is.Zero);
        queue.LogRing();
        Assert.That(log.FirstMarked(), Is.Null, "the ring was not asked for");
        Assert.That(notice.Drain(), Is.EqualTo(1));

        VringAddress address = VhostUserFrontEnd.AddressOf(0, ring, queues.Memory) with { Flags = VringAddress.LogsUsedRing, Log = Log };
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringAddr, Address(address)), Is.Zero);
        Assert.That(bench.Handler.Take(), Has.None.StartsWith("stopped"), "the ring goes on");
        queue.LogRing();
        Assert.That(log.FirstMarked(), Is.EqualTo(Log));
    }

    [TestCase(0ul, 0ul)]
    [TestCase(4096ul, 4096ul)]
    [TestCase(ulong.MaxValue, 0ul)]
    [TestCase(1ul, ulong.MaxValue)]
    public void SetLogBase_OfImpossibleRange_EndsTheConnection(ulong size, ulong offset)
    {
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.LogShmFd);
        using SafeFileHandle file = MemFd.Create("log", 4096);
        bench.Send(VhostUserRequest.SetLogBase, LogPayload(size, offset), 0, file);
        bench.AssertClosed();
    }

    [Test]
    public void SetLogBase_WithoutLogShmFd_EndsTheConnection()
    {
        using BackEndBench bench = new();
        bench.Open();
        using SafeFileHandle file = MemFd.Create("log", 4096);
        bench.Send(VhostUserRequest.SetLogBase, LogPayload(4096, 0), 0, file);
        bench.AssertClosed();
    }

    private static byte[] LogPayload(ulong size, ulong offset)
    {
        byte[] payload = new byte[VhostUserLog.Size];
        new VhostUserLog(size, offset).Write(payload);
        return payload;
    }

    [Test]
    public void ProtocolFeatures_BeforeSetFeatures_Work()
    {
        using BackEndBench bench = new();
        VhostUserProtocolFeatures offered = (VhostUserProtocolFeatures)bench.AskNumber(VhostUserRequest.GetProtocolFeatures);
        Assert.That(offered, Is.EqualTo(new BackEndRules().ProtocolFeatures));
        bench.Send(VhostUserRequest.SetProtocolFeatures, Number((ulong)offered));
        bench.AssertSilent();
        Assert.That(bench.Session.ProtocolFeatures, Is.EqualTo(offered));
    }

    /// <summary>User-mode Linux waits for an acknowledgement of the very message that negotiates acknowledgements.</summary>
    [Test]
    public void SetProtocolFeatures_WithReplyAckAndNeedReply_IsAcknowledged()
    {
        using BackEndBench bench = new();
        Assert.That(bench.Acknowledge(VhostUserRequest.SetProtocolFeatures, Number((ulong)VhostUserProtocolFeatures.ReplyAck)), Is.Zero);
    }

    [Test]
    public void NeedReply_WithoutReplyAck_IsIgnored()
    {
        using BackEndBench bench = new();
        bench.Send(VhostUserRequest.SetOwner, null, VhostUserHeader.NeedReply);
        bench.AssertSilent();
    }

    [Test]
    public void NeedReply_OnRequestsWithAnAnswer_ChangesNothing()
    {
        using BackEndBench bench = new();
        bench.Open(new BackEndRules().ProtocolFeatures);
        VhostUserRequest[] asking =
        [
            VhostUserRequest.GetFeatures, VhostUserRequest.GetProtocolFeatures, VhostUserRequest.GetQueueNum,
            VhostUserRequest.GetMaxMemSlots, VhostUserRequest.GetStatus,
        ];
        foreach (VhostUserRequest request in asking)
        {
            Assert.That(bench.AskNumber(request), Is.EqualTo(bench.AskNumber(request, VhostUserHeader.NeedReply)), $"{request}");
        }

        Assert.That(bench.Ask(VhostUserRequest.GetVringBase, State(1, 0), VhostUserHeader.NeedReply), Is.EqualTo(State(1, 0)));
        bench.AssertSilent();
    }

    [Test]
    public void InBand_WithoutItsPrerequisites_ClosesTheConnection(
        [Values(0UL, (ulong)VhostUserProtocolFeatures.ReplyAck, (ulong)VhostUserProtocolFeatures.BackendReq)] ulong others)
    {
        using BackEndBench bench = new();
        bench.Send(
            VhostUserRequest.SetProtocolFeatures,
            Number(others | (ulong)VhostUserProtocolFeatures.InbandNotifications),
            VhostUserHeader.NeedReply);
        bench.AssertClosed();
    }

    [Test]
    public void Features_NotOffered_AreRefused()
    {
        using BackEndBench bench = new();
        bench.Open();
        Assert.That(bench.Acknowledge(VhostUserRequest.SetFeatures, Number(1UL << 50)), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetProtocolFeatures, Number(1UL << 40)), Is.Not.Zero);
        Assert.That(bench.Session.ProtocolFeatures, Is.EqualTo(VhostUserProtocolFeatures.ReplyAck));
    }

    [TestCase(0u)]
    [TestCase(2u)]
    [TestCase(3u)]
    [TestCase(5u, Description = "a reply")]
    public void Flags_OfNoRequest_CloseTheConnection(uint flags)
    {
        using BackEndBench bench = new();
        bench.Peer.Send(new VhostUserHeader((uint)VhostUserRequest.SetOwner, flags, 0), [], [], Deadline.Never);
        bench.Session.ProcessMessages();
        bench.AssertClosed();
    }

    [Test]
    public void UnknownRequest_WithNeedReply_IsRefusedAndElseClosesTheConnection()
    {
        using BackEndBench bench = new();
        bench.Open();
        foreach (uint request in new uint[] { 0, 19, 20, 26, 28, 33, 45, 99, uint.MaxValue })
        {
            Assert.That(bench.Acknowledge((VhostUserRequest)request), Is.Not.Zero, $"request {request}");
        }

        bench.Send((VhostUserRequest)99);
        bench.AssertClosed();
    }

    [Test]
    public void RequestWithAnAnswer_ThatCannotBeServed_ClosesTheConnection()
    {
        using BackEndBench bench = new();
        bench.Open();
        bench.Send(VhostUserRequest.GetVringBase, State(3, 0), VhostUserHeader.NeedReply);
        bench.AssertClosed();
    }

    [Test]
    public void Payload_OfWrongSize_IsRefused()
    {
        using BackEndBench bench = new();
        bench.Open(new BackEndRules().ProtocolFeatures);
        (VhostUserRequest Request, int Size)[] requests =
        [
            (VhostUserRequest.SetOwner, 0), (VhostUserRequest.SetFeatures, 8), (VhostUserRequest.SetProtocolFeatures, 8),
            (VhostUserRequest.SetVringNum, 8), (VhostUserRequest.SetVringBase, 8), (VhostUserRequest.SetVringAddr, 40),
            (VhostUserRequest.SetVringKick, 8), (VhostUserRequest.SetVringCall, 8), (VhostUserRequest.SetVringErr, 8),
            (VhostUserRequest.SetVringEnable, 8), (VhostUserRequest.AddMemReg, 40), (VhostUserRequest.RemMemReg, 40),
            (VhostUserRequest.SetStatus, 8), (VhostUserRequest.VringKick, 8), (VhostUserRequest.ResetDevice, 0),
            (VhostUserRequest.SetBackendReqFd, 0), (VhostUserRequest.SetMemTable, 8),
        ];
        foreach ((VhostUserRequest request, int size) in requests)
        {
            for (int wrong = 0; wrong <= size + 1; wrong++)
            {
                if (wrong != size)
                {
                    byte[] payload = new byte[wrong];
                    payload.AsSpan().Fill(request == VhostUserRequest.SetMemTable ? (byte)0xff : (byte)0);
                    Assert.That(bench.Acknowledge(request, payload), Is.Not.Zero, $"{request} with {wrong} bytes");
                }
            }
        }
    }

    [Test]
    public void Payload_LongerThanAnyMessage_ClosesTheConnection()
    {
        using BackEndBench bench = new();
        bench.Open();
        bench.Peer.Send(new VhostUserHeader((uint)VhostUserRequest.SetOwner, 9, 0xffff_ffff), [], [], Deadline.Never);
        bench.Session.ProcessMessages();
        bench.AssertClosed();
    }

    [Test]
    public void Descriptors_WrongInNumber_AreRefusedAndClosed()
    {
        using TestQueues queues = new();
        using EventFd descriptor = new();
        using BackEndBench bench = new();
        bench.Open(new BackEndRules().ProtocolFeatures);
        int before = OpenDescriptors.Count();
        SafeFileHandle[] two = [descriptor.Handle, descriptor.Handle];
        SafeFileHandle[] one = [descriptor.Handle];
        VhostUserRegion region = VhostUserFrontEnd.DescriptionOf(queues.Memory.Regions[0]);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetOwner, null, one), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringCall, Number(0), two), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringCall, Number(0)), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringCall, Number(0x100), one), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(1, region)), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(1, region), two), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.AddMemReg, Single(region)), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetBackendReqFd), Is.Not.Zero);
        SafeFileHandle[] many = [.. Enumerable.Repeat(descriptor.Handle, UnixStream.MaxDescriptors)];
        Assert.That(bench.Acknowledge(VhostUserRequest.SetOwner, null, many), Is.Not.Zero);
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }

    [Test]
    public void Message_InSingleBytes_IsServedWhenWhole()
    {
        using BackEndBench bench = new();
        byte[] message = new byte[VhostUserHeader.Length + 8];
        new VhostUserHeader((uint)VhostUserRequest.SetProtocolFeatures, 9, 8).Write(message);
        Number((ulong)VhostUserProtocolFeatures.ReplyAck).CopyTo(message, VhostUserHeader.Length);
        for (int i = 0; i < message.Length; i++)
        {
            bench.AssertSilent();
            bench.Peer.Send(message.AsSpan(i, 1), default, Deadline.Never);
            bench.Session.ProcessMessages();
        }

        using ReceivedMessage reply = bench.Next();
        Assert.That(reply.Outcome, Is.EqualTo(ReceiveOutcome.Message));
    }

    [Test]
    public void Config_ReadInAndOutOfRange_GivesBytesOrAnEmptyPayload()
    {
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.Config);
        byte[] whole = bench.Ask(VhostUserRequest.GetConfig, Config(0, 8, 8));
        Assert.That(whole, Has.Length.EqualTo(20));
        Assert.That(VsockConfig.Read(whole.AsSpan(12)), Is.EqualTo(new VsockConfig(42)));
        Assert.That(bench.Ask(VhostUserRequest.GetConfig, Config(4, 4, 4)), Has.Length.EqualTo(16));
        foreach ((uint offset, uint length) in new (uint, uint)[] { (0, 9), (8, 1), (4, 8), (0, 0), (uint.MaxValue, 1), (8, uint.MaxValue) })
        {
            Assert.That(bench.Ask(VhostUserRequest.GetConfig, Config(offset, length, 1)), Is.Empty, $"({offset}, {length})");
        }
    }

    [Test]
    public void Config_Write_IsRefused([Values(0u, VhostUserConfigAccess.LiveMigration)] uint flags)
    {
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.Config);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetConfig, Config(0, 8, 8, flags)), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetConfig, Config(0, 9, 8, flags)), Is.Not.Zero);
        Assert.That(VsockConfig.Read(bench.Ask(VhostUserRequest.GetConfig, Config(0, 8, 8)).AsSpan(12)), Is.EqualTo(new VsockConfig(42)));
    }

    [Test]
    public void RingParameters_ThatAreIllegal_AreRefused()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        RingSetup ring = queues.Ring();
        bench.SetUp(queues, 0, ring);
        VringAddress legal = VhostUserFrontEnd.AddressOf(0, ring, queues.Memory);
        ulong user = queues.Memory.Regions[0].UserAddress;
        (VhostUserRequest, byte[])[] illegal =
        [
            (VhostUserRequest.SetVringNum, State(0, 0)), (VhostUserRequest.SetVringNum, State(0, 3)),
            (VhostUserRequest.SetVringNum, State(0, 65536)), (VhostUserRequest.SetVringNum, State(0, 0x8000_0000)),
            (VhostUserRequest.SetVringNum, State(3, 16)), (VhostUserRequest.SetVringNum, State(uint.MaxValue, 16)),
            (VhostUserRequest.SetVringBase, State(0, 0x10000)), (VhostUserRequest.SetVringBase, State(3, 0)),
            (VhostUserRequest.SetVringEnable, State(0, 2)), (VhostUserRequest.SetVringEnable, State(3, 1)),
            (VhostUserRequest.SetVringAddr, Address(legal with { Index = 3 })),
            (VhostUserRequest.SetVringAddr, Address(legal with { Descriptor = 0 })),
            (VhostUserRequest.SetVringAddr, Address(legal with { Descriptor = ulong.MaxValue - 4 })),
            (VhostUserRequest.SetVringAddr, Address(legal with { Descriptor = legal.Descriptor + 8 })),
            (VhostUserRequest.SetVringAddr, Address(legal with { Available = legal.Available + 1 })),
            (VhostUserRequest.SetVringAddr, Address(legal with { Used = legal.Used + 2 })),
            (VhostUserRequest.SetVringAddr, Address(legal with { Used = user + queues.Memory.Regions[0].Size - 4 })),
            (VhostUserRequest.SetVringKick, Number(0x103)), (VhostUserRequest.SetVringCall, Number(0x1ff)),
            (VhostUserRequest.SetVringErr, Number(0x103)),
        ];
        foreach ((VhostUserRequest request, byte[] payload) in illegal)
        {
            Assert.That(bench.Acknowledge(request, payload), Is.Not.Zero, $"{request} {Convert.ToHexString(payload)}");
        }

        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringAddr, Address(legal)), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.Empty);
    }

    [Test]
    public void IllegalParameter_WithoutNeedReply_ClosesTheConnection()
    {
        using BackEndBench bench = new();
        bench.Open();
        bench.Send(VhostUserRequest.SetVringNum, State(0, 3));
        bench.AssertClosed();
        Assert.That(bench.Log, Has.Some.Contains("SET_VRING_NUM").And.Some.Contains("power of two"));
    }

    [Test]
    public void KickDescriptor_ThatCannotBeWatched_IsRefused()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        using SafeFileHandle file = File.OpenHandle("/proc/self/exe");
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringKick, Number(0), file), Is.Not.Zero);
    }

    [Test]
    public void Ring_KickDescriptorThenEnable_StartsWithEnable()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 0, queues.Ring(), start: 7);
        using EventFd kick = new();
        bench.Kick(0, kick);
        Assert.That(bench.Handler.Take(), Is.Empty);
        bench.Enable(0, true);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 0 base 7" }));
        bench.Enable(0, true);
        Assert.That(bench.Handler.Take(), Is.Empty);
        bench.Enable(0, false);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "changed 0 disabled" }));
    }

    [Test]
    public void Ring_EnableThenKickDescriptor_StartsWithTheDescriptor()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        Assert.That(bench.Handler.Take(), Is.Empty);
        using EventFd kick = new();
        bench.Kick(1, kick);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 0" }));
    }

    [Test]
    public void Ring_KickedWhileDisabled_StartsDisabled()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        using EventFd kick = new();
        bench.Kick(1, kick);
        kick.Signal();
        Span<PollEntry> watch = [new PollEntry(bench.Session.WatchFd, PollEvents.Readable)];
        Assert.That(Poll.Wait(watch, 0), Is.EqualTo(1));
        bench.Session.ProcessMessages();
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 disabled base 0" }));

        // The counter is the handler's from now on, and no longer wakes the session.
        Assert.That(Poll.Wait(watch, 0), Is.Zero);
        bench.Enable(1, true);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "changed 1" }));
    }

    [Test]
    public void Ring_WithoutProtocolFeatures_StartsEnabled()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        Assert.That(bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)VirtioFeatures.Version1)), Is.Zero);
        bench.Handler.Take();
        using EventFd kick = new();
        bench.Kick(1, kick);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 0" }));

        // SET_FEATURES with bit 30 does not disable.
        const VirtioFeatures WithBit30 = VirtioFeatures.Version1 | VirtioFeatures.VhostUserProtocolFeatures;
        Assert.That(bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)WithBit30)), Is.Zero);
        Assert.That(bench.Handler.Queues[1].Enabled, Is.True);
    }

    [Test]
    public void Ring_WithoutKickDescriptor_IsPolled()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringKick, Number(0x101)), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 polled base 0" }));
        Assert.That(bench.Handler.Queues[1].Kick, Is.Null);
    }

    [Test]
    public void Ring_Stopped_KeepsItsPositionAndNeedsANewKickDescriptor()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        RingSetup ring = queues.Ring();
        bench.SetUp(queues, 1, ring, start: 0xfff0);
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        SplitDriverRing driver = new(queues.Memory, ring, 0xfff0);
        ulong buffer = queues.Arena.Allocate(16);
        DeviceChain chain = new();
        for (int i = 0; i < 3; i++)
        {
            Assert.That(driver.TryPost([RingBuffer.Readable(buffer, 16)], out _), Is.True);
        }

        driver.Publish();
        BackEndQueue queue = bench.Handler.Queues[1];
        for (int i = 0; i < 2; i++)
        {
            Assert.That(queue.Ring.TryTake(chain), Is.EqualTo(TakeResult.Chain));
            queue.Ring.Complete(chain.Id, chain.RingEntries, 0);
        }

        queue.Ring.PublishUsed();
        kick.Signal();
        Assert.That(bench.Stop(1), Is.EqualTo(new VringState(1, 0xfff2)));
        bench.Handler.Take();

        // A kick that was still under way does not start it again.
        bench.Session.ProcessMessages();
        Assert.That(bench.Handler.Take(), Is.Empty);
        Assert.That(bench.Stop(1), Is.EqualTo(new VringState(1, 0xfff2)));
        bench.Kick(1, kick);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 65522" }));
        Assert.That(bench.Handler.Queues[1].Ring.TryTake(chain), Is.EqualTo(TakeResult.Chain));
    }

    [Test]
    public void Ring_Packed_CarriesBothIndicesInItsBase()
    {
        using TestQueues queues = new(15);
        using BackEndBench bench = new();
        bench.Open();
        const uint Start = (1u << 31) | (3 << 16) | (1 << 15) | 3;
        bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)VirtioFeatures.RingPacked));
        bench.SetUp(queues, 0, queues.Ring(RingLayout.Packed), Start, VirtioFeatures.Version1 | VirtioFeatures.RingPacked);
        bench.Enable(0, true);
        using EventFd kick = new();
        bench.Kick(0, kick);
        Assert.That(bench.Handler.Queues[0].Ring, Is.InstanceOf<PackedDeviceRing>());
        Assert.That(bench.Stop(0).Number, Is.EqualTo(Start));
    }

    /// <summary>User-mode Linux gives base 0 to every packed ring, which is right only for one that went round exactly once.</summary>
    [Test]
    public void Ring_PackedWithBaseZero_BeginsItsFirstTurnUnlessItWasUsed()
    {
        using TestQueues queues = new(4);
        using BackEndBench bench = new();
        bench.Open();
        bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)VirtioFeatures.RingPacked));
        RingSetup ring = queues.Ring(RingLayout.Packed);
        bench.SetUp(queues, 0, ring, 0, VirtioFeatures.Version1 | VirtioFeatures.RingPacked);
        bench.Enable(0, true);
        using EventFd kick = new();
        PackedDriverRing driver = new(queues.Memory, ring, 0x8000_8000);
        ulong buffer = queues.Arena.Allocate(16);
        DeviceChain chain = new();
        Assert.That(driver.TryPost([RingBuffer.Readable(buffer, 16)], out _), Is.True);
        driver.Publish();
        bench.Kick(0, kick);
        for (int i = 0; i < 4; i++)
        {
            BackEndQueue queue = bench.Handler.Queues[0];
        bench.Handler.Take();
            Assert.That(queue.Ring.TryTake(chain), Is.EqualTo(TakeResult.Chain));
            queue.Ring.Complete(chain.Id, chain.RingEntries, 0);
            queue.Ring.PublishUsed();
            Assert.That(driver.TryTakeUsed(out _), Is.True);
            Assert.That(driver.TryPost([RingBuffer.Readable(buffer, 16)], out _), Is.True);
            driver.Publish();
        }

        Assert.That(bench.Stop(0).Number, Is.Zero);
        bench.Kick(0, kick);
        Assert.That(bench.Handler.Queues[0].Ring.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        Assert.That(bench.Stop(0).Number, Is.EqualTo(0x0000_0001));
    }

    [Test]
    public void Descriptors_OfAStartedRing_AreReplaced()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        using EventFd kick = new();
        using EventFd newKick = new();
        using EventFd call = new();
        using EventFd error = new();
        bench.Kick(1, kick);
        bench.Handler.Take();
        int before = OpenDescriptors.Count();
        bench.Kick(1, newKick);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringCall, Number(1), call.Handle), Is.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringErr, Number(1), error.Handle), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "changed 1", "changed 1", "changed 1" }));
        BackEndQueue queue = bench.Handler.Queues[1];
        newKick.Signal();
        Assert.That(queue.Kick!.Drain(), Is.EqualTo(1));
        queue.SignalUsed();
        Assert.That(call.Drain(), Is.EqualTo(1));
        bench.Session.ReportBrokenQueue(queue);
        Assert.That(error.Drain(), Is.EqualTo(1));
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before + 2));
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringCall, Number(0x101)), Is.Zero);
        queue.SignalUsed();
        Assert.That(call.Drain(), Is.Zero);
    }

    [Test]
    public void Memory_ReplacedUnderARunningRing_MovesTheRingAtItsPosition()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring(), start: 5);
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        GuestMemory old = bench.Handler.Memory!;
        bench.Handler.Take();
        bench.ShareMemory(queues.Memory);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "stopped 1", "memory 2", "started 1 base 5" }));
        Assert.That(bench.Handler.Memory, Is.Not.SameAs(old));
        Assert.That(bench.Handler.Queues[1].Ring.Memory, Is.SameAs(bench.Handler.Memory));

        // Without the memory it lies in, the ring stops; it goes on when the memory is back.
        using GuestMemory other = new([MemoryRegion.Create(0x10000, 0x1000)]);
        bench.ShareMemory(other);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "stopped 1", "memory 1" }));
        bench.ShareMemory(queues.Memory);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "memory 2", "started 1 base 5" }));
    }

    [Test]
    public void Memory_ReplacedUnderADisabledRing_LeavesTheRingStoppedUntilItsNextKick()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        bench.Enable(1, false);
        bench.Handler.Take();
        bench.ShareMemory(queues.Memory);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "stopped 1", "memory 2" }));
        kick.Signal();
        bench.Session.ProcessMessages();
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 disabled base 0" }));
    }

    [Test]
    public void Memory_TableWithSpareSlots_IsAccepted()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        VhostUserRegion region = VhostUserFrontEnd.DescriptionOf(queues.Memory.Regions[0]);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(2, region), queues.Memory.Regions[0].File), Is.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(8, region), queues.Memory.Regions[0].File), Is.Zero);
    }

    [Test]
    public void Memory_IllegalRegions_AreRefusedAndTheOldTableStays()
    {
        using TestQueues queues = new();
        using EventFd notMemory = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.ShareMemory(queues.Memory);
        bench.Handler.Take();
        int before = OpenDescriptors.Count();
        MemoryRegion first = queues.Memory.Regions[0];
        VhostUserRegion legal = VhostUserFrontEnd.DescriptionOf(first);
        VhostUserRegion[] illegal =
        [
            legal with { Length = 0 }, legal with { Length = legal.Length + 1 }, legal with { MmapOffset = 4096 },
            legal with { Length = ulong.MaxValue }, legal with { MmapOffset = ulong.MaxValue }, legal with { GuestAddress = ulong.MaxValue },
            legal with { UserAddress = ulong.MaxValue },
        ];
        foreach (VhostUserRegion region in illegal)
        {
            Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(1, region), first.File), Is.Not.Zero, $"{region}");
        }

        VhostUserRegion overlapping = legal with { UserAddress = legal.UserAddress + 0x1000_0000 };
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(2, legal, overlapping), first.File, first.File), Is.Not.Zero);
        overlapping = legal with { GuestAddress = legal.GuestAddress + 0x1000_0000, UserAddress = legal.UserAddress + 0x1000 };
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(2, legal, overlapping), first.File, first.File), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(1, legal), notMemory.Handle), Is.Not.Zero);
        (UnixStream one, UnixStream two) = UnixStream.Pair();
        using (one)
        using (two)
        {
            Assert.That(bench.Acknowledge(VhostUserRequest.SetMemTable, Table(1, legal), one.Handle), Is.Not.Zero);
        }

        Assert.That(bench.Handler.Take(), Is.Empty);
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }

    [Test]
    public void Memory_RegionsAddedAndRemoved_FollowTheMessages()
    {
        using TestQueues queues = new();
        using MemoryRegion extra = MemoryRegion.Create(0x1000_0000, 0x1000);
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.ConfigureMemSlots);
        bench.ShareMemory(queues.Memory);
        int before = OpenDescriptors.Count();
        VhostUserRegion region = VhostUserFrontEnd.DescriptionOf(extra);
        Assert.That(bench.AskNumber(VhostUserRequest.GetMaxMemSlots), Is.EqualTo(64));
        Assert.That(bench.Acknowledge(VhostUserRequest.AddMemReg, Single(region), extra.File), Is.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.AddMemReg, Single(region), extra.File), Is.Not.Zero, "added twice");
        Assert.That(bench.Handler.Memory!.Contains(0x1000_0000, 0x1000), Is.True);
        Assert.That(bench.Acknowledge(VhostUserRequest.RemMemReg, Single(region with { Length = 0x800 })), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.RemMemReg, Single(region with { MmapOffset = 77 }), extra.File), Is.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.RemMemReg, Single(region)), Is.Not.Zero, "removed twice");
        Assert.That(bench.Handler.Memory!.Contains(0x1000_0000, 1), Is.False);
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }

    [Test]
    public void Status_BeforeDriverOk_HoldsTheRingsBack()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.Status);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, Number(3)), Is.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, Number(11)), Is.Zero);
        Assert.That(bench.AskNumber(VhostUserRequest.GetStatus), Is.EqualTo(3), "FEATURES_OK without SET_FEATURES");
        bench.SetUp(queues, 1, queues.Ring());
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, Number(11)), Is.Zero);
        Assert.That(bench.AskNumber(VhostUserRequest.GetStatus), Is.EqualTo(11));
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        Assert.That(bench.Handler.Take(), Is.Empty);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, Number(15)), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 0" }));
        bench.Session.ReportBrokenQueue(bench.Handler.Queues[1]);
        Assert.That(bench.AskNumber(VhostUserRequest.GetStatus), Is.EqualTo(15 | 64));
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, Number(0x100)), Is.Not.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, Number(0)), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "stopped 1", "reset" }));
        Assert.That(bench.AskNumber(VhostUserRequest.GetStatus), Is.Zero);
    }

    [Test]
    public void ResetDevice_ForgetsRingsAndFeatures()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.ResetDevice);
        RingSetup ring = queues.Ring();
        bench.SetUp(queues, 1, ring, start: 9);
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        bench.Handler.Take();
        Assert.That(bench.Acknowledge(VhostUserRequest.ResetDevice), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "stopped 1", "reset" }));
        Assert.That(bench.Stop(1).Number, Is.Zero);
        bench.SetUp(queues, 1, ring);
        bench.Enable(1, true);
        bench.Kick(1, kick);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 0" }));
    }

    [Test]
    public void ResetOwner_MidTraffic_ChangesNothing()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        bench.Handler.Take();
        Assert.That(bench.Acknowledge(VhostUserRequest.ResetOwner), Is.Zero);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetOwner), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.Empty);
    }

    [Test]
    public void RingLayout_ChangedWhileARingRuns_IsRefused()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        const VirtioFeatures Other = VirtioFeatures.Version1 | VirtioFeatures.VhostUserProtocolFeatures | VirtioFeatures.RingPacked;
        Assert.That(bench.Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)Other)), Is.Not.Zero);
    }

    [Test]
    public void Ring_SetUpAnewWithoutAStop_StopsAndStartsWithItsNewDescriptor()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open();
        RingSetup ring = queues.Ring();
        bench.SetUp(queues, 1, ring);
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        bench.Handler.Take();
        VringAddress address = VhostUserFrontEnd.AddressOf(1, ring, queues.Memory);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringAddr, Address(address with { Log = 5 })), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.Empty, "the same addresses");
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringBase, State(1, 4)), Is.Zero);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "stopped 1" }));
        bench.Kick(1, kick);
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 4" }));
    }

    [Test]
    public void InBand_KicksAndCalls_GoThroughMessages()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open(AckAndChannel);
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using (BackEndChannel channel = new(ours))
        {
            using (theirs)
            {
                Assert.That(bench.Acknowledge(VhostUserRequest.SetBackendReqFd, null, theirs.Handle), Is.Zero);
            }

            bench.SetUp(queues, 1, queues.Ring());
            bench.Enable(1, true);
            Assert.That(bench.Handler.Take(), Is.Empty);
            Assert.That(bench.Acknowledge(VhostUserRequest.VringKick, State(1, 0)), Is.Zero);
            Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 base 0" }));
            Assert.That(bench.Acknowledge(VhostUserRequest.VringKick, State(1, 0)), Is.Zero);
            Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "kicked 1" }));
            bench.Handler.Queues[1].SignalUsed();
            Assert.That(channel.TryReceive(TimeSpan.Zero), Is.EqualTo(new BackEndNotice(VhostUserBackEndRequest.VringCall, 1, NeedsReply: true)));
            channel.Reply(VhostUserBackEndRequest.VringCall);
            bench.Handler.Queues[1].SignalError();
            Assert.That(channel.TryReceive(TimeSpan.Zero), Is.EqualTo(new BackEndNotice(VhostUserBackEndRequest.VringErr, 1, NeedsReply: true)));
            channel.Reply(VhostUserBackEndRequest.VringErr);
            Assert.That(channel.TryReceive(TimeSpan.Zero), Is.Null);
        }
    }

    [Test]
    public void InBand_FrontEndThatDoesNotRead_IsCalledWhenItReads()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open(AckAndChannel);
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using BackEndChannel channel = new(ours);
        using (theirs)
        {
            Assert.That(bench.Acknowledge(VhostUserRequest.SetBackendReqFd, null, theirs.Handle), Is.Zero);
        }

        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        Assert.That(bench.Acknowledge(VhostUserRequest.VringKick, State(1, 0)), Is.Zero);
        for (int i = 0; i < 10_000; i++)
        {
            bench.Handler.Queues[1].SignalUsed();
        }

        int read = 0;
        while (channel.TryReceive(TimeSpan.Zero) is not null)
        {
            read++;
        }

        Assert.That(read, Is.InRange(1, 9_999));
        Span<PollEntry> watch = [new PollEntry(bench.Session.WatchFd, PollEvents.Readable)];
        Assert.That(Poll.Wait(watch, 0), Is.EqualTo(1), "there is room again");
        bench.Session.ProcessMessages();
        Assert.That(channel.TryReceive(TimeSpan.Zero)?.Request, Is.EqualTo(VhostUserBackEndRequest.VringCall));
        Assert.That(Poll.Wait(watch, 0), Is.Zero);
    }

    [Test]
    public void ConfigChange_WhileSuspended_IsToldWhenARingStarts()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.BackendReq | VhostUserProtocolFeatures.Config);
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using BackEndChannel channel = new(ours);
        using (theirs)
        {
            Assert.That(bench.Acknowledge(VhostUserRequest.SetBackendReqFd, null, theirs.Handle), Is.Zero);
        }

        bench.Session.NotifyConfigChanged();
        bench.Session.ProcessMessages();
        Assert.That(channel.TryReceive(TimeSpan.Zero), Is.Null);
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        using EventFd kick = new();
        bench.Kick(1, kick);
        BackEndNotice told = new(VhostUserBackEndRequest.ConfigChangeMsg, null, NeedsReply: false);
        Assert.That(channel.TryReceive(TimeSpan.Zero), Is.EqualTo(told));
        bench.Session.NotifyConfigChanged();
        Assert.That(channel.TryReceive(TimeSpan.Zero)?.Request, Is.EqualTo(VhostUserBackEndRequest.ConfigChangeMsg));
    }

    [Test]
    public void FrontEnd_ThatDoesNotReadItsReplies_IsSentAway()
    {
        using BackEndBench bench = new();
        for (int i = 0; i < 100_000 && !bench.Session.IsClosed; i++)
        {
            try
            {
                bench.Send(VhostUserRequest.GetFeatures);
            }
            catch (TransportException e)
            {
                Assert.That(e.Fault, Is.EqualTo(TransportFault.Closed));
            }
        }

        Assert.That(bench.Session.IsClosed, Is.True);
        Assert.That(bench.Log, Has.Some.Contains("does not read"));
    }

    [Test]
    public void FrontEnd_GoneAtAnyPoint_LeavesNothingOpen()
    {
        using TestQueues queues = new();
        using EventFd kick = new();
        int before = OpenDescriptors.Count();
        for (int steps = 0; steps < 6; steps++)
        {
            using BackEndBench bench = new();
            Action[] script =
            [
                () => bench.Open(AckAndChannel),
                () => bench.SetUp(queues, 1, queues.Ring()),
                () => bench.Kick(1, kick),
                () => bench.Enable(1, true),
                () => bench.Peer.Send([1, 0, 0, 0], [kick.Handle], Deadline.Never),
            ];
            foreach (Action step in script.Take(steps))
            {
                step();
            }

            bench.Session.ProcessMessages();
            bench.Peer.Dispose();
            bench.Session.ProcessMessages();
            Assert.That(bench.Session.IsClosed, Is.True);
            Assert.That(bench.Handler.Take(), Does.Contain("reset"));
            bench.Session.ProcessMessages();
            Assert.That(OpenDescriptors.Count(), Is.EqualTo(before), $"after {steps} steps");
        }
    }
}
