using CsCheck;
using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>Who asks for a notification, who gives one, and what happens where an index wraps.</summary>
[TestFixture]
public class NotificationTests
{
    [Test]
    public void Crossed_AnyIndices_MeansTheEventWasPassed() =>
        Gen.Select(Gen.UShort, Gen.UShort, Gen.Int[0, 70]).Sample((eventIndex, before, added) =>
        {
            ushort start = before;
            bool passed = false;
            for (int i = 0; i < added; i++)
            {
                passed |= start++ == eventIndex;
            }

            return NotificationRule.Crossed(eventIndex, start, before) == passed;
        });

    [TestCase(65535u, 65534, true)]
    [TestCase(65535u, 65535, false)]
    [TestCase(65536u, 65535, true)]
    [TestCase(200_000u, 7, true)]
    public void CrossedSplit_AWholeTurn_IsTakenForPassed(uint added, int eventIndex, bool expected) =>
        Assert.That(NotificationRule.CrossedSplit((ushort)eventIndex, (ushort)added, added), Is.EqualTo(expected));

    [Test]
    public void CrossedPacked_AnyPositions_MeansTheDescriptorWasPassed() =>
        Gen.Select(Gen.OneOf(1, 2, 3, 5, 100, 32767, 32768), Gen.UShort, Gen.Bool, Gen.UInt, Gen.UInt).Sample((size, at, wrap, step, ahead) =>
        {
            PackedPosition before = new((ushort)(at % size), wrap);
            uint added = 1 + (step % (uint)size);
            PackedPosition now = before.Advance(added, (ushort)size);

            // Any of the positions that one lap from here can tell apart.
            uint distance = ahead % (uint)size;
            PackedPosition wanted = before.Advance(distance, (ushort)size);
            return NotificationRule.CrossedPacked(EventSuppression.At(wanted), now, added, (ushort)size) == (added == size || distance < added);
        });

    [Test]
    public void CrossedPacked_ALapOrMore_IsTakenForPassed(
        [Values(5u, 6u, 11u, 65_536u, 65_541u)] uint added, [Values(0, 4)] int offset, [Values] bool wrap)
    {
        PackedPosition wanted = new((ushort)offset, wrap);
        Assert.That(NotificationRule.CrossedPacked(EventSuppression.At(wanted), new PackedPosition(2, Wrap: true), added, 5), Is.True);
    }

    [Test]
    public void Position_AdvancedAndRetreated_IsTheSame() =>
        Gen.Select(Gen.Int[1, 32768], Gen.UShort, Gen.Bool, Gen.UShort).Sample((size, at, wrap, steps) =>
        {
            PackedPosition position = new((ushort)(at % size), wrap);
            ushort entries = (ushort)(steps % (size + 1));
            return position.Advance(entries, (ushort)size).Retreat(entries, (ushort)size) == position;
        });

    [Test]
    public void EnableCalls_AfterSome_AsksForThatOne([Values] RingLayout layout, [Values(0, 1, 3, 7)] int after)
    {
        using RingPair pair = new(layout, 8, Start(layout), eventIdx: true);
        GoRound(pair, 5);
        pair.Device.CallNeeded();
        pair.Driver.EnableCalls((ushort)after);
        for (int i = 0; i < 8; i++)
        {
            GoRound(pair, 1, harvest: false);
            Assert.That(pair.Device.CallNeeded(), Is.EqualTo(i == after), $"chain {i}");
        }
    }

    [Test]
    public void Calls_Disabled_AreNotNeeded([Values] RingLayout layout, [Values] bool eventIdx)
    {
        using RingPair pair = new(layout, 8, Start(layout), eventIdx);
        GoRound(pair, 1);
        pair.Device.CallNeeded();
        for (int i = 0; i < 100_000; i++)
        {
            if (i % 1000 == 0)
            {
                pair.Driver.DisableCalls();
            }

            GoRound(pair, 1);
            if (pair.Device.CallNeeded())
            {
                Assert.Fail($"call at chain {i}");
            }
        }
    }

    [Test]
    public void Calls_DisabledBeforeTheDeviceLooks_AreNotNeeded([Values] RingLayout layout, [Values] bool eventIdx)
    {
        using RingPair pair = new(layout, 8, Start(layout), eventIdx);
        GoRound(pair, 1);
        pair.Device.CallNeeded();
        pair.Driver.EnableCalls();
        GoRound(pair, 3);
        pair.Driver.DisableCalls();
        Assert.That(pair.Device.CallNeeded(), Is.False);
    }

    [Test]
    public void Kicks_DisabledBeforeTheDriverLooks_AreNotNeeded([Values] RingLayout layout, [Values] bool eventIdx)
    {
        using RingPair pair = new(layout, 8, Start(layout), eventIdx);
        GoRound(pair, 1);
        pair.Driver.KickNeeded();
        pair.Device.EnableKicks();
        GoRound(pair, 3);
        pair.Device.DisableKicks();
        Assert.That(pair.Driver.KickNeeded(), Is.False);
    }

    [Test]
    public void Calls_Disabled_StillNeededOnceEnabled([Values] RingLayout layout, [Values] bool eventIdx)
    {
        using RingPair pair = new(layout, 8, Start(layout), eventIdx);
        pair.Driver.DisableCalls();
        GoRound(pair, 3);
        pair.Device.CallNeeded();
        Assert.That(pair.Driver.EnableCalls(), Is.False);
        GoRound(pair, 1, harvest: false);
        Assert.That(pair.Device.CallNeeded(), Is.True);
        Assert.That(pair.Driver.EnableCalls(), Is.True);
    }

    [Test]
    public void SplitFlags_WithEventIdx_StayZeroAndAreIgnored()
    {
        using RingPair pair = new(RingLayout.Split, 8, eventIdx: true);
        SplitRingMemory raw = ((SplitDriverRing)pair.Driver).Raw;
        GoRound(pair, 1);
        pair.Device.CallNeeded();
        pair.Driver.DisableCalls();
        pair.Device.DisableKicks();
        Assert.That((raw.AvailFlags, raw.UsedFlags), Is.EqualTo(((ushort)0, (ushort)0)));
        raw.AvailFlags = SplitRingMemory.NoInterrupt;
        raw.UsedFlags = SplitRingMemory.NoNotify;
        pair.Driver.EnableCalls();
        pair.Device.EnableKicks();
        GoRound(pair, 1);
        Assert.That((pair.Driver.KickNeeded(), pair.Device.CallNeeded()), Is.EqualTo((true, true)));
    }

    [Test]
    public void SplitEvents_WithoutEventIdx_AreIgnored()
    {
        using RingPair pair = new(RingLayout.Split, 8);
        SplitRingMemory raw = ((SplitDriverRing)pair.Driver).Raw;
        for (int i = 0; i < 10; i++)
        {
            raw.UsedEvent = 0x1234;
            raw.AvailEvent = 0x4321;
            GoRound(pair, 1);
            Assert.That((pair.Driver.KickNeeded(), pair.Device.CallNeeded()), Is.EqualTo((true, true)));
        }
    }

    [Test]
    public void PackedEvent_ReservedOrNotNegotiated_IsTakenForEnable([Values(2, 3)] int mode)
    {
        using RingPair pair = new(RingLayout.Packed, 8);
        PackedRingMemory raw = ((PackedDriverRing)pair.Driver).Raw;
        raw.DeviceEvent = raw.DriverEvent = new EventSuppression(0x7fff, (ushort)(0xfffc | mode));
        GoRound(pair, 1);
        Assert.That((pair.Driver.KickNeeded(), pair.Device.CallNeeded()), Is.EqualTo((true, true)));
    }

    [Test]
    public void FirstPublish_InTheMiddleOfTheIndexRange_NeedsANotification([Values] RingLayout layout)
    {
        using RingPair pair = new(layout, 8, Start(layout), eventIdx: true);
        GoRound(pair, 1);
        Assert.That((pair.Driver.KickNeeded(), pair.Device.CallNeeded()), Is.EqualTo((true, true)));
    }

    [Test]
    public void Base_AfterSomeChains_CarriesOn([Values] RingLayout layout, [Values(0, 1, 7, 8, 9)] int chains)
    {
        using RingPair pair = new(layout, 8, Start(layout));
        GoRound(pair, chains);
        DeviceRing next = DeviceRings.Create(pair.Memory, pair.Setup, pair.Device.Base);
        Assert.That(next.TryTake(pair.Chain), Is.EqualTo(TakeResult.Empty));
        Assert.That(pair.Driver.TryPost([RingBuffer.Readable(pair.Data, 1)], out ushort id), Is.True);
        pair.Driver.Publish();
        Assert.That(next.TryTake(pair.Chain), Is.EqualTo(TakeResult.Chain));
        next.Complete(pair.Chain.Id, pair.Chain.RingEntries, 9);
        next.PublishUsed();
        Assert.That(pair.Driver.TryTakeUsed(out UsedChain used), Is.True);
        Assert.That(used.Id, Is.EqualTo(id));
    }

    private static uint Start(RingLayout layout) => layout == RingLayout.Split ? 0xfffdu : RingBase.Packed(6, wrap: false);

    private static void GoRound(RingPair pair, int chains, bool harvest = true)
    {
        Span<RingBuffer> buffer = [RingBuffer.Readable(pair.Data, 1)];
        for (int i = 0; i < chains; i++)
        {
            pair.Driver.TryPost(buffer, out _);
            pair.Driver.Publish();
            pair.Device.TryTake(pair.Chain);
            pair.Device.Complete(pair.Chain.Id, pair.Chain.RingEntries, 0);
            pair.Device.PublishUsed();
            if (harvest && !pair.Driver.TryTakeUsed(out _))
            {
                Assert.Fail("no used chain");
            }
        }
    }
}
