using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Transports;
using static Vsockspec.Harness.Tests.Transports.BackEndBench;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Each decision of the back end can be made wrongly, alone, and a front end sees it.</summary>
public sealed class BackEndRulesTests
{
    [Test]
    public void ReplyHeader_WithoutReplyFlag_IsAProtocolFault()
    {
        AssertFault(new WithoutReplyFlag(), TransportFault.Protocol, front => front.GetFeatures());
    }

    [Test]
    public void Acknowledges_WithoutBeingAsked_IsSeenAsUnsolicited()
    {
        using BackEndBench bench = new(rules: new AnswersEverything());
        bench.Send(VhostUserRequest.SetOwner);
        using ReceivedMessage reply = bench.Next();
        Assert.That(reply.Outcome, Is.EqualTo(ReceiveOutcome.Message));
    }

    [Test]
    public void Status_OfFailureForAValidRequest_IsARefusal()
    {
        AssertFault(new RefusesRingSizes(), TransportFault.Refused, front =>
        {
            front.Negotiate();
            front.SetVringNum(0, 256);
            front.Flush();
        });
    }

    [Test]
    public void ConfigReply_WithBytesForABadRange_IsSeen()
    {
        using BackEndBench bench = new(rules: new AnswersBadRanges());
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.Config);
        Assert.That(bench.Ask(VhostUserRequest.GetConfig, Config(0, 9, 9)), Is.Not.Empty);
    }

    [Test]
    public void ConfigWrite_Accepted_IsAcknowledged()
    {
        using BackEndBench bench = new(rules: new AcceptsConfigWrites());
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.Config);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetConfig, Config(0, 8, 8)), Is.Zero);
    }

    [Test]
    public void StartBase_Ignored_StartsAtZero()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new IgnoresBase());
        Start(bench, queues, 7);
        Assert.That(bench.Handler.Queues[1].Ring.Base, Is.Zero);
    }

    [Test]
    public void GetVringBase_ThatDoesNotStop_LeavesTheRingRunning()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new KeepsRunning());
        Start(bench, queues, 7);
        Assert.That(bench.Stop(1).Number, Is.EqualTo(7));
        Assert.That(bench.Handler.Queues, Contains.Key(1));
    }

    [Test]
    public void StopBase_Wrong_IsWhatTheFrontEndGets()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new OffByOne());
        Start(bench, queues, 7);
        Assert.That(bench.Stop(1).Number, Is.EqualTo(8));
    }

    [Test]
    public void RingWithoutKickDescriptor_NotPolled_NeverStarts()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new NeedsKicks());
        bench.Open();
        bench.SetUp(queues, 1, queues.Ring());
        bench.Enable(1, true);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringKick, Number(0x101)), Is.Zero);
        Assert.That(bench.Handler.Queues, Is.Empty);
    }

    [Test]
    public void MmapOffset_Ignored_ShowsOtherMemory()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new IgnoresMmapOffset());
        bench.Open();
        bench.ShareMemory(queues.Memory);
        queues.Memory.Write(0x100000, "here"u8);
        byte[] seen = new byte[4];
        bench.Handler.Memory!.Read(0x100000, seen);
        Assert.That(seen, Is.Not.EqualTo("here"u8.ToArray()));
    }

    [Test]
    public void RingAddresses_TakenForGuestAddresses_AreNotInMemory()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new TakesUserForGuest());
        bench.Open();
        bench.ShareMemory(queues.Memory);
        VringAddress address = VhostUserFrontEnd.AddressOf(0, queues.Ring(), queues.Memory);
        Assert.That(bench.Acknowledge(VhostUserRequest.SetVringAddr, Address(address)), Is.Not.Zero);
    }

    [Test]
    public void EnableAndDescriptors_Ignored_ChangeNothing()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new(rules: new Stubborn());
        Start(bench, queues, 0);
        BackEndQueue queue = bench.Handler.Queues[1];
        EventFd? kick = queue.Kick;
        bench.Kick(1, queues.NewDescriptor());
        bench.Enable(1, false);
        Assert.That(queue.Enabled, Is.True);
        Assert.That(queue.Kick, Is.SameAs(kick));
        Assert.That(bench.Acknowledge(VhostUserRequest.ResetDevice), Is.Zero);
        Assert.That(bench.Handler.Queues, Contains.Key(1));
    }

    [Test]
    public void Request_NotServed_IsNeverAnswered()
    {
        AssertFault(new Deaf(), TransportFault.Timeout, front => front.GetFeatures());
    }

    private static void Start(BackEndBench bench, TestQueues queues, uint start)
    {
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.ResetDevice);
        bench.SetUp(queues, 1, queues.Ring(), start);
        bench.Enable(1, true);
        bench.Kick(1, queues.NewDescriptor());
        Assert.That(bench.Handler.Queues, Contains.Key(1));
    }

    private static void AssertFault(BackEndRules rules, TransportFault fault, Action<VhostUserFrontEnd> action)
    {
        VhostUserFrontEndOptions options = new() { Deadline = TimeSpan.FromMilliseconds(200) };
        (VhostUserFrontEnd front, BackEndHost host) = BackEndHost.Connect(options, rules: rules);
        using (host)
        using (front)
        {
            Assert.That(Assert.Throws<TransportException>(() => action(front))!.Fault, Is.EqualTo(fault));
        }
    }

    private sealed class WithoutReplyFlag : BackEndRules
    {
        public override VhostUserHeader ReplyHeader(VhostUserHeader request, uint size) =>
            base.ReplyHeader(request, size) with { Flags = VhostUserHeader.Version };
    }

    private sealed class AnswersEverything : BackEndRules
    {
        public override bool Acknowledges(VhostUserHeader request, bool negotiated) => true;
    }

    private sealed class RefusesRingSizes : BackEndRules
    {
        public override ulong Status(VhostUserRequest request, bool success) =>
            base.Status(request, success && request != VhostUserRequest.SetVringNum);
    }

    private sealed class AnswersBadRanges : BackEndRules
    {
        public override byte[] ConfigReply(VhostUserConfigAccess access, ReadOnlySpan<byte> config) =>
            base.ConfigReply(access with { Length = 4 }, config);
    }

    private sealed class AcceptsConfigWrites : BackEndRules
    {
        public override bool AcceptsConfigWrite(VhostUserConfigAccess access) => true;
    }

    private sealed class IgnoresBase : BackEndRules
    {
        public override uint StartBase(int ring, uint requested) => 0;
    }

    private sealed class KeepsRunning : BackEndRules
    {
        public override bool StopsOnGetVringBase => false;
    }

    private sealed class OffByOne : BackEndRules
    {
        public override uint StopBase(int ring, uint position) => position + 1;
    }

    private sealed class NeedsKicks : BackEndRules
    {
        public override bool PollsWithoutKick => false;
    }

    private sealed class IgnoresMmapOffset : BackEndRules
    {
        public override VhostUserRegion Region(VhostUserRegion described) => described with { MmapOffset = 0 };
    }

    private sealed class TakesUserForGuest : BackEndRules
    {
        public override bool TryTranslateRing(GuestMemory memory, ulong userAddress, out ulong guestAddress)
        {
            guestAddress = userAddress;
            return true;
        }
    }

    private sealed class Stubborn : BackEndRules
    {
        public override bool ResetsDevice => false;

        public override bool ReplacesDescriptors => false;

        public override bool HonoursEnable(int ring, bool enable, bool started) => !started;
    }

    private sealed class Deaf : BackEndRules
    {
        public override bool Serves(VhostUserRequest request) => request != VhostUserRequest.GetFeatures;
    }
}
