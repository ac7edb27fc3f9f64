using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>Both sides of a ring facing each other, through more than 2^16 chains.</summary>
[TestFixture]
public class RingTests
{
    private const int Turns = 70_000;

    [Test]
    public void Chain_PostedAndCompleted_ComesBack([Values] RingLayout layout, [Values] bool eventIdx, [Values] bool indirect, [Values] bool inOrder)
    {
        ushort size = (ushort)(layout == RingLayout.Split ? 4 : 5);
        uint start = layout == RingLayout.Split ? 0xfff0 : RingBase.Packed(3, wrap: false);
        using RingPair pair = new(layout, size, start, eventIdx, inOrder);
        ulong table = pair.Arena.Allocate(64);
        RingBuffer[] buffers = [RingBuffer.Readable(pair.Data, 44), RingBuffer.Readable(pair.Data + 44, 0), RingBuffer.Writable(pair.Data + 100, 7)];
        for (int i = 0; i < Turns; i++)
        {
            Expect(pair.Device.EnableKicks(), false);
            Expect(pair.Driver.EnableCalls(), false);
            bool posted = indirect ? pair.Driver.TryPostIndirect([], buffers, table, out ushort id) : pair.Driver.TryPost(buffers, out id);
            Expect(posted, true);
            Expect(pair.Device.TryTake(pair.Chain), TakeResult.Empty);
            pair.Driver.Publish();
            Expect(pair.Driver.KickNeeded(), true);
            Expect(pair.Driver.KickNeeded(), false);
            Expect(pair.Device.TryTake(pair.Chain), TakeResult.Chain);
            Expect(pair.Chain.Buffers.SequenceEqual(buffers), true);
            Expect(pair.Chain.ReadableCount, 2);
            pair.Device.Complete(pair.Chain.Id, pair.Chain.RingEntries, (uint)i);
            Expect(pair.Driver.HasUsed, false);
            pair.Device.PublishUsed();
            Expect(pair.Device.CallNeeded(), true);
            Expect(pair.Device.CallNeeded(), false);
            Expect(pair.Driver.TryTakeUsed(out UsedChain used), true);
            Expect(used, new UsedChain(id, (uint)i));
            Expect(pair.Driver.LastUsedWasKnown, true);
            Expect(pair.Driver.FreeDescriptors, size);
        }
    }

    // Assert.That costs microseconds; the loops here run a million times.
    private static void Expect<T>(T actual, T expected)
        where T : notnull
    {
        if (!actual.Equals(expected))
        {
            Assert.Fail($"expected {expected}, was {actual}");
        }
    }
}
