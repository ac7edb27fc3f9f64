using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

[TestFixture]
public class AllocationTests
{
    private readonly RingBuffer[] buffers = new RingBuffer[4];

    [Test]
    public void Chain_GoesRound_AllocatesNothing([Values] RingLayout layout, [Values] bool indirect, [Values] bool eventIdx, [Values] bool inOrder)
    {
        using RingPair pair = new(layout, 16, eventIdx: eventIdx, inOrder: inOrder);
        ulong table = pair.Arena.Allocate(4 * SplitDescriptor.Size);
        GoRound(pair, table, indirect, 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        GoRound(pair, table, indirect, 10_000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private void GoRound(RingPair pair, ulong table, bool indirect, int chains)
    {
        ChainShape shape = ChainShape.SplitHeaderAt(10);
        for (int i = 0; i < chains; i++)
        {
            int count = shape.Cut(pair.Data, 100, deviceWrites: i % 2 == 0, buffers);
            ReadOnlySpan<RingBuffer> chain = buffers.AsSpan(0, count);
            bool posted = indirect ? pair.Driver.TryPostIndirect([], chain, table, out _) : pair.Driver.TryPost(chain, out _);
            pair.Driver.Publish();
            pair.Driver.KickNeeded();
            bool taken = pair.Device.TryTake(pair.Chain) == TakeResult.Chain;
            pair.Device.Complete(pair.Chain.Id, pair.Chain.RingEntries, 1);
            pair.Device.PublishUsed();
            pair.Device.CallNeeded();
            pair.Device.EnableKicks();
            bool back = pair.Driver.TryTakeUsed(out _);
            pair.Driver.EnableCalls();
            if (!posted || !taken || !back)
            {
                throw new InvalidOperationException("the chain did not go round");
            }
        }
    }
}
