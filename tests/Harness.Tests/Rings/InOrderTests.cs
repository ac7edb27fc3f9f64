using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>VIRTIO_F_IN_ORDER: one used entry may stand for a batch (virtio 1.4 sections 2.7.9 and 2.8.8).</summary>
[TestFixture]
public class InOrderTests
{
    private const ushort Size = 8;

    [Test]
    public void Batch_ReturnedWithOneEntry_ComesBackChainByChain([Values] RingLayout layout)
    {
        using RingPair pair = new(layout, Size, inOrder: true);

        // Twice around the ring, so that a batch crosses its end.
        for (int round = 0; round < 5; round++)
        {
            ushort first = Post(pair, readable: 1, writable: 10);
            ushort second = Post(pair, readable: 0, writable: 20);
            ushort third = Post(pair, readable: 1, writable: 30);
            ReturnBatch(pair, first: round * 5, chains: 3, entries: 5, third, length: 7);
            Assert.That(Take(pair), Is.EqualTo(new UsedChain(first, 10)));
            Assert.That(pair.Driver.HasUsed, Is.True);
            Assert.That(Take(pair), Is.EqualTo(new UsedChain(second, 20)));
            Assert.That(Take(pair), Is.EqualTo(new UsedChain(third, 7)));
            Assert.That(pair.Driver.TryTakeUsed(out _), Is.False);
            Assert.That((pair.Driver.Outstanding, pair.Driver.FreeDescriptors), Is.EqualTo((0, (int)Size)));
        }
    }

    [Test]
    public void SplitChain_UsedBeforeOlderOnes_IsReturnedAlone()
    {
        using RingPair pair = new(RingLayout.Split, Size, inOrder: true);
        ushort first = Post(pair, 1, 10);
        ushort second = Post(pair, 1, 20);
        SplitRingMemory raw = ((SplitDriverRing)pair.Driver).Raw;
        raw.SetUsed(0, new UsedElement(second, 5));
        raw.UsedIdx = 1;
        Assert.That(Take(pair), Is.EqualTo(new UsedChain(second, 5)));
        raw.SetUsed(1, new UsedElement(first, 6));
        raw.UsedIdx = 2;
        Assert.That(Take(pair), Is.EqualTo(new UsedChain(first, 6)));
        Assert.That(pair.Driver.FreeDescriptors, Is.EqualTo(Size));
    }

    [Test]
    public void SplitChain_OvertakenForEver_IsStillKnownInTheEnd()
    {
        using RingPair pair = new(RingLayout.Split, Size, inOrder: true);
        ushort first = Post(pair, 0, 10);
        SplitRingMemory raw = ((SplitDriverRing)pair.Driver).Raw;
        for (int i = 0; i < 100; i++)
        {
            ushort later = Post(pair, 0, 20);
            raw.SetUsed(raw.UsedIdx % Size, new UsedElement(later, 5));
            raw.UsedIdx++;
            Assert.That(Take(pair), Is.EqualTo(new UsedChain(later, 5)));
        }

        raw.SetUsed(raw.UsedIdx % Size, new UsedElement(first, 6));
        raw.UsedIdx++;
        Assert.That(Take(pair), Is.EqualTo(new UsedChain(first, 6)));
        Assert.That(pair.Driver.FreeDescriptors, Is.EqualTo(Size));
    }

    [Test]
    public void SplitDescriptors_DeviceKeepsTheOrder_AreUsedInTableOrder()
    {
        using RingPair pair = new(RingLayout.Split, Size, inOrder: true);
        SplitRingMemory raw = ((SplitDriverRing)pair.Driver).Raw;
        ushort expected = 0;
        for (int i = 0; i < 50; i++)
        {
            RingBuffer[] buffers = new RingBuffer[1 + (i % 5)];
            Assert.That(pair.Driver.TryPost(buffers, out ushort id), Is.True);
            Assert.That(id, Is.EqualTo(expected));
            for (int k = 0; k < buffers.Length - 1; k++)
            {
                Assert.That(raw.GetDescriptor((id + k) % Size).Next, Is.EqualTo((id + k + 1) % Size));
            }

            expected = (ushort)((id + buffers.Length) % Size);
            pair.Driver.Publish();
            Assert.That(pair.Device.TryTake(pair.Chain), Is.EqualTo(TakeResult.Chain));
            pair.Device.Complete(pair.Chain.Id, pair.Chain.RingEntries, 0);
            pair.Device.PublishUsed();
            Take(pair);
        }
    }

    private static ushort Post(RingPair pair, uint readable, uint writable)
    {
        RingBuffer[] buffers = readable > 0
            ? [RingBuffer.Readable(pair.Data, readable), RingBuffer.Writable(pair.Data + 64, writable)]
            : [RingBuffer.Writable(pair.Data + 64, writable)];
        Assert.That(pair.Driver.TryPost(buffers, out ushort id), Is.True);
        pair.Driver.Publish();
        return id;
    }

    private static void ReturnBatch(RingPair pair, int first, int chains, int entries, ushort lastId, uint length)
    {
        if (pair.Driver is SplitDriverRing split)
        {
            split.Raw.SetUsed(split.Raw.UsedIdx % Size, new UsedElement(lastId, length));
            split.Raw.UsedIdx += (ushort)chains;
            return;
        }

        Assert.That(entries, Is.EqualTo(Size - pair.Driver.FreeDescriptors));
        PackedPosition position = new PackedPosition(0, Wrap: true).Advance((uint)first, Size);
        PackedRingMemory raw = ((PackedDriverRing)pair.Driver).Raw;
        raw.SetElement(position.Index, lastId, length);
        raw.SetFlags(position.Index, position.UsedFlags | DescriptorFlags.Write);
    }

    private static UsedChain Take(RingPair pair)
    {
        Assert.That(pair.Driver.TryTakeUsed(out UsedChain used), Is.True);
        Assert.That(pair.Driver.LastUsedWasKnown, Is.True);
        return used;
    }
}
