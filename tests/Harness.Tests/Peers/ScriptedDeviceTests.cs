using NUnit.Framework;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Peers;

/// <summary>The device that does what a case says, against a driver that does what a test says.</summary>
public sealed class ScriptedDeviceTests
{
    private const VirtioFeatures Split = VirtioFeatures.Version1 | VirtioFeatures.Stream;
    private const VirtioFeatures Packed = Split | VirtioFeatures.RingPacked;
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(50);

    private static SessionOptions Of(VirtioFeatures features) => new() { Features = features };

    [TestCase(Split)]
    [TestCase(Split | VirtioFeatures.EventIdx)]
    [TestCase(Packed)]
    [TestCase(Packed | VirtioFeatures.EventIdx)]
    public void Data_BothWays_Arrives(VirtioFeatures features)
    {
        using ScriptedBench bench = new(Of(features));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        byte[] data = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7))];
        ofDriver.Write(data, pieceSize: 3000);
        Assert.That(ofDevice.Read(data.Length), Is.EqualTo(data));
        ofDevice.Write(data);
        Assert.That(ofDriver.Read(data.Length), Is.EqualTo(data));
        ofDriver.Send(Op.CreditRequest);
        Assert.That(ofDriver.Expect("none", Op.CreditUpdate).Op, Is.EqualTo(Op.CreditUpdate), "the device answers CREDIT_REQUEST by itself");
        Assert.That(bench.Device.Accepted, Is.EqualTo(features));
        Assert.That(bench.Errors, Is.Empty);
    }

    [TestCase(Split)]
    [TestCase(Packed)]
    public void TxChains_ThatAreNotReturned_StayOutUntilTheyAre(VirtioFeatures features)
    {
        using ScriptedBench bench = new(Of(features));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        bench.Device.ReturnsTx = false;
        ofDriver.Write([1, 2, 3], pieceSize: 1);
        Assert.That(ofDevice.Read(3), Is.EqualTo(new byte[] { 1, 2, 3 }), "packets are seen although their chains are held");
        Assert.That(bench.Driver.Tx.Outstanding, Is.EqualTo(3));
        bench.Device.ReturnHeldTx();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Driver.Tx.Outstanding == 0), Is.True);
        Assert.That(bench.Errors, Is.Empty);
    }

    [Test]
    public void TxChains_ThatAreNotTaken_AreKickedAndStayInTheRing()
    {
        using ScriptedBench bench = new(Of(Split));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        bench.Device.TakesTx = false;
        Assert.That(bench.Device.Tx.EnableKicks(), Is.False);
        ulong before = bench.Device.Tx.Kicks;
        ofDriver.Write([1]);
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.Tx.Kicks > before), Is.True);
        Assert.That((ofDevice.Log.Count(p => p.Op == Op.Rw), bench.Device.Tx.HasAvailable), Is.EqualTo((0, true)));
        bench.Device.TakesTx = true;
        Assert.That(ofDevice.Read(1), Is.EqualTo(new byte[] { 1 }));
    }

    [Test]
    public void Kicks_WhileNoneAreWanted_AreNotSent()
    {
        using ScriptedBench bench = new(Of(Split));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        bench.Device.Tx.WantsKicks = false;
        bench.Device.Tx.DisableKicks();
        ulong before = bench.Device.Tx.Kicks;
        ofDriver.Write(new byte[10], pieceSize: 1);
        _ = ofDevice.Read(10);
        Assert.That(bench.Device.Tx.Kicks, Is.EqualTo(before));
    }

    [TestCase(Split)]
    [TestCase(Packed)]
    public void RxChains_InAnotherOrderAndAtOnce_CarryWhatWasSentInOrder(VirtioFeatures features)
    {
        using ScriptedBench bench = new(Of(features));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        HeldChain[] chains = [bench.Device.Rx.TryTake()!, bench.Device.Rx.TryTake()!, bench.Device.Rx.TryTake()!];
        bench.Device.FillFirst([chains[2], chains[0], chains[1]]);
        bench.Device.Rx.HoldsBack = true;
        foreach (byte one in (ReadOnlySpan<byte>)[1, 2, 3])
        {
            ofDevice.Send(Op.Rw, [one]);
        }

        Assert.That(bench.Timeline.WaitUntil(Short, () => ofDriver.Log.Any(p => p.Op == Op.Rw)), Is.False, "nothing is seen before it is published");
        bench.Device.Rx.HoldsBack = false;
        bench.Device.Rx.Publish();
        Assert.That(ofDriver.Read(3), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void UsedLength_IsWhatTheCaseSays()
    {
        using ScriptedBench bench = new(Of(Split));
        byte[] packet = new byte[VsockHeader.Size + 5];
        bench.Device.Send(packet, used: 7);
        Assert.That(bench.Timeline.WaitUntil(() => bench.Driver.ShortPackets == 1), Is.True);
        bench.Device.Send(packet);
        Assert.That(bench.Timeline.WaitUntil(() => bench.Driver.Strays.Count == 1), Is.True);
        Assert.That(bench.Driver.Strays[0].UsedLength, Is.EqualTo(packet.Length));
    }

    [Test]
    public void Fence_WithADriverThatAnswers_Passes()
    {
        using ScriptedBench bench = new(Of(Split));
        bench.RefuseRequests();
        bench.Device.Fence();
        Assert.That(bench.Fences, Is.EqualTo(1));
    }

    [Test]
    public void Fence_WithADriverThatDoesNot_Fails()
    {
        using ScriptedBench bench = new(Of(Split));
        bench.Timeline.Patience = Short;
        Assert.That(bench.Device.Fence, Throws.TypeOf<ExpectationException>().With.Property(nameof(ExpectationException.Code)).EqualTo("fence-no-answer"));
        Assert.That(bench.Fences, Is.Zero);
    }

    [TestCase(Split)]
    [TestCase(Packed)]
    public void Contents_ChangedWhileHeld_AreNoticed(VirtioFeatures features)
    {
        using ScriptedBench bench = new(Of(features));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        bench.Device.ReturnsTx = false;
        RingBuffer buffer = bench.Place(ofDriver.Header(Op.Rw) with { Len = 4 }, [1, 2, 3, 4]);
        _ = bench.Driver.PostChain(buffer);
        _ = ofDevice.Read(4);
        bench.Device.Tx.ReexamineAll();
        Assert.That(bench.Errors, Is.Empty);
        bench.Driver.Memory.Write(buffer.Address + VsockHeader.Size, [9]);
        bench.Device.Tx.ReexamineAll();
        Assert.That(bench.Errors, Is.EqualTo(new[] { "RS-04 tx" }));
    }

    [Test]
    public void Descriptors_ChangedWhileHeld_AreNoticedWhenTheChainIsReturned()
    {
        using ScriptedBench bench = new(Of(Split));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        bench.Device.ReturnsTx = false;
        _ = bench.Driver.PostChain(bench.Place(ofDriver.Header(Op.Rw) with { Len = 4 }, [1, 2, 3, 4]));
        _ = ofDevice.Read(4);
        HeldChain held = bench.Device.HeldTx[^1];
        SplitRingMemory raw = ((SplitDriverRing)bench.Driver.Tx.Ring).Raw;
        SplitDescriptor descriptor = raw.GetDescriptor(held.Id);
        raw.SetDescriptor(held.Id, descriptor with { Length = descriptor.Length - 1 });
        bench.Device.ReturnHeldTx();
        Assert.That(bench.Errors, Is.EqualTo(new[] { "RS-04 tx" }));
    }

    [Test]
    public void TxChain_WithAWritableBuffer_IsNoticed()
    {
        using ScriptedBench bench = new(Of(Split));
        RingBuffer packet = bench.Place(bench.Driver.NewFlow(1).Header(Op.Request));
        bench.Driver.ExpectReturned(bench.Driver.PostChain(packet, RingBuffer.Writable(bench.Driver.Arena.Allocate(64), 64)));
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VS-X-27 tx" }));
    }

    [Test]
    public void RxChain_WithAReadableBuffer_IsNoticed()
    {
        using ScriptedBench bench = new(Of(Split) with { RxBuffers = 0 });
        ulong at = bench.Driver.Arena.Allocate(200);
        Assert.That(bench.Driver.Rx.TryPost(RingBuffer.Readable(at, 10), RingBuffer.Writable(at + 10, 100)), Is.True);
        bench.Driver.Rx.Flush();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.Rx.HasAvailable), Is.True);
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VS-X-27 rx" }));
    }

    [Test]
    public void TxChain_WritableBeforeReadable_IsNoticedAndReturned()
    {
        using ScriptedBench bench = new(Of(Split));
        ulong at = bench.Driver.Arena.Allocate(200);
        bench.Driver.ExpectReturned(bench.Driver.PostChain(RingBuffer.Writable(at, 44), RingBuffer.Readable(at + 64, 44)));
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VQ-04 tx" }));
    }

    [TestCase(Split)]
    [TestCase(Packed)]
    public void Table_LongerThanTheQueue_IsNoticed(VirtioFeatures features)
    {
        using ScriptedBench bench = new(new SessionOptions { Features = features | VirtioFeatures.IndirectDesc, QueueSize = 16 });
        RingBuffer packet = bench.Place(bench.Driver.NewFlow(1).Header(Op.Request));
        RingBuffer[] pieces = [.. Enumerable.Range(0, 22).Select(i => RingBuffer.Readable(packet.Address + (uint)(2 * i), 2))];
        Assert.That(bench.Driver.Tx.TryPostIndirect([], pieces, bench.Driver.Arena.Allocate(16 * 22), out Sent sent), Is.True);
        bench.Driver.Tx.Flush();
        bench.Driver.ExpectReturned(sent);
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VQ-10 tx" }));
        Assert.That(bench.Device.Strays, Has.Count.EqualTo(1), "the packet itself is understood");
    }

    [Test]
    public void Table_WithoutTheFeature_IsNoticed()
    {
        using ScriptedBench bench = new(Of(Split));
        RingBuffer packet = bench.Place(bench.Driver.NewFlow(1).Header(Op.Request));
        SplitRingMemory raw = ((SplitDriverRing)bench.Driver.Tx.Ring).Raw;
        raw.SetDescriptor(0, new SplitDescriptor(packet.Address, packet.Length, DescriptorFlags.Indirect, 0));
        raw.SetAvailable(0, 0);
        raw.AvailIdx = 1;
        bench.Driver.Tx.Kick();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Errors.Count > 0), Is.True);
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VQ-10 tx" }));
    }

    [Test]
    public void AvailableIndex_ThatJumps_BreaksTheRingAndIsNoticed()
    {
        using ScriptedBench bench = new(Of(Split));
        ((SplitDriverRing)bench.Driver.Tx.Ring).Raw.AvailIdx += 1000;
        bench.Driver.Tx.Kick();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.Tx.Broken is not null), Is.True);
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VQ-11 tx" }), "told once");
    }

    [Test]
    public void Descriptors_InALoop_BreakTheRingAndAreNoticed()
    {
        using ScriptedBench bench = new(Of(Split));
        SplitRingMemory raw = ((SplitDriverRing)bench.Driver.Tx.Ring).Raw;
        raw.SetDescriptor(0, new SplitDescriptor(bench.Driver.Arena.Allocate(64), 1, DescriptorFlags.Next, 0));
        raw.SetAvailable(0, 0);
        raw.AvailIdx = 1;
        bench.Driver.Tx.Kick();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.Tx.Broken is not null), Is.True);
        Assert.That(bench.Errors, Is.EqualTo(new[] { "VQ-07 tx" }));
    }

    [Test]
    public void Driver_ThatPostsNoBuffers_IsToldSo()
    {
        using ScriptedBench bench = new(Of(Split) with { RxBuffers = 0 });
        bench.Timeline.Patience = Short;
        ExpectationException? starved = Assert.Throws<ExpectationException>(() => bench.Device.NewFlow(1, 1).Send(Op.Request));
        Assert.That((starved!.Code, starved.Observed), Is.EqualTo(("rx-starved", "none within 0.05 s, after 0 chains")));
    }

    [Test]
    public void Driver_WithABrokenRxRing_IsToldSo()
    {
        using ScriptedBench bench = new(Of(Split) with { RxBuffers = 0 });
        bench.Timeline.Patience = Short;
        ((SplitDriverRing)bench.Driver.Rx.Ring).Raw.AvailIdx += 5000;
        ExpectationException? starved = Assert.Throws<ExpectationException>(() => bench.Device.NewFlow(1, 1).Send(Op.Request));
        Assert.That(starved!.Observed, Does.StartWith("its rx ring is broken: available index is 5000 ahead"));
    }

    [Test]
    public void Queue_TakenAwayInTheMiddle_IsNotTouchedAnyMore()
    {
        using ScriptedBench bench = new(Of(Split));
        bench.Device.ReturnsTx = false;
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        ofDriver.Write([1]);
        _ = ofDevice.Read(1);
        Assert.That(bench.Serving(() => bench.FrontEnd.StopQueue(VsockQueue.Tx)), Is.EqualTo(2), "both chains were taken");
        Assert.That((bench.Device.HeldTx.Count, bench.Device.IsUp), Is.EqualTo((0, false)));
        ExpectationException? gone = Assert.Throws<ExpectationException>(() => _ = bench.Device.Tx);
        Assert.That(gone!.Code, Is.EqualTo("queue-not-running"));
        Assert.That(gone.Observed, Does.Contain("tx stopped"));
    }

    [Test]
    public void Queue_TakenAway_KeepsAChainThatWasOnlyLookedAt()
    {
        using ScriptedBench bench = new(Of(Split));
        bench.Device.TakesTx = false;
        bench.Driver.NewFlow(1).Send(Op.Request);
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.Tx.HasAvailable), Is.True);
        Assert.That(bench.Serving(() => bench.FrontEnd.StopQueue(VsockQueue.Tx)), Is.Zero);
    }

    [Test]
    public void Driver_ThatGoesAway_LeavesTheDeviceLost()
    {
        using ScriptedBench bench = new(Of(Split));
        bench.Timeline.Remove(bench.Driver);
        bench.FrontEnd.Dispose();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.HasLost), Is.True);
        Assert.That(bench.Device.IsUp, Is.False);
        Assert.That(bench.Device.Journal.IndexOf(DriverAct.Reset), Is.GreaterThan(0));
    }

    [Test]
    public void FirstBuffers_AreFilledAtOnce_WhereTheSetupSaysSo()
    {
        using ScriptedBench bench = new(
            Of(Split) with { RxBuffers = 5 },
            new DeviceSetup { Offered = Split, GuestCid = 77, SendsEarly = true });
        bench.RefuseRequests();
        Assert.That(bench.Timeline.WaitUntil(() => bench.Device.Early.Count > 0 && bench.Device.Early.All(f => f.Log.Count == 1)), Is.True);
        Assert.That(bench.Device.Early.SelectMany(f => f.Log).Select(p => p.Op), Is.All.EqualTo(Op.Rst));
    }

    [Test]
    public void Detach_BringsEverythingBackToNormal()
    {
        using ScriptedBench bench = new(Of(Split));
        (Flow ofDriver, Flow ofDevice) = bench.Open();
        bench.Device.ReturnsTx = false;
        ofDriver.Write([1]);
        _ = ofDevice.Read(1);
        bench.Device.Tx.WantsKicks = bench.Device.Tx.Calls = false;
        bench.Device.Rx.HoldsBack = true;
        bench.Device.Detach();
        Assert.That((bench.Device.ReturnsTx, bench.Device.HeldTx.Count, bench.Device.Strays.Count), Is.EqualTo((true, 0, 0)));
        Assert.That((bench.Device.Tx.WantsKicks, bench.Device.Tx.Calls, bench.Device.Rx.HoldsBack), Is.EqualTo((true, true, false)));
        bench.Device.Attach(bench.Timeline);
        Assert.That(bench.Timeline.WaitUntil(() => bench.Driver.Tx.Outstanding == 0), Is.True);
    }
}
