using CsCheck;
using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>What the driver's side makes of a device that breaks the rules: it says what it saw, and keeps its own books.</summary>
[TestFixture]
public class MisbehavingDeviceTests
{
    private const ushort Size = 8;

    [TestCase(0xffff_ffffu)]
    [TestCase(0x1_0000u)]
    [TestCase(8u)]
    [TestCase(7u)]
    public void SplitUsedId_NotOutstanding_IsReportedAndIgnored(uint id)
    {
        using RingPair pair = new(RingLayout.Split, Size);
        SplitRingMemory raw = ((SplitDriverRing)pair.Driver).Raw;
        ushort good = Post(pair);
        raw.SetUsed(0, new UsedElement(id, 77));
        raw.SetUsed(1, new UsedElement(good, 5));
        raw.UsedIdx = 2;
        ExpectUsed(pair, new UsedChain(id, 77), known: false);
        Assert.That(pair.Driver.Outstanding, Is.EqualTo(1));
        ExpectUsed(pair, new UsedChain(good, 5), known: true);
        Assert.That(pair.Driver.TryTakeUsed(out _), Is.False);
        Assert.That((pair.Driver.Outstanding, pair.Driver.FreeDescriptors), Is.EqualTo((0, (int)Size)));
    }

    [Test]
    public void UsedId_ReturnedTwice_IsKnownOnce([Values] RingLayout layout)
    {
        using RingPair pair = new(layout, Size);
        ushort id = Post(pair);
        Post(pair);
        pair.Device.Complete(id, 1, 1);
        pair.Device.Complete(id, 1, 2);
        pair.Device.PublishUsed();
        ExpectUsed(pair, new UsedChain(id, 1), known: true);
        ExpectUsed(pair, new UsedChain(id, 2), known: false);
        Assert.That(pair.Driver.FreeDescriptors, Is.EqualTo(Size - 1));
    }

    [TestCase((ushort)9)]
    [TestCase((ushort)0x8000)]
    [TestCase((ushort)0xffff)]
    public void SplitUsedIdx_Jump_YieldsNoMoreThanTheRingHolds(ushort idx)
    {
        using RingPair pair = new(RingLayout.Split, Size);
        ((SplitDriverRing)pair.Driver).Raw.UsedIdx = idx;
        Assert.That(Drain(pair), Is.EqualTo(Size));
        Assert.That(pair.Driver.HasUsed, Is.False);
    }

    [Test]
    public void PackedUsedId_NotOutstanding_StepsOverOneDescriptor()
    {
        using RingPair pair = new(RingLayout.Packed, Size);
        PackedRingMemory raw = ((PackedDriverRing)pair.Driver).Raw;
        for (int i = 0; i < Size; i++)
        {
            raw.SetDescriptor(i, new PackedDescriptor(0, 3, 0xffff, DescriptorFlags.Avail | DescriptorFlags.Used | DescriptorFlags.Write));
        }

        ExpectUsed(pair, new UsedChain(0xffff, 3), known: false);
        Assert.That(Drain(pair), Is.EqualTo(Size - 1));
    }

    [Test]
    public void PackedUsedLength_WithoutWrite_MeansNothing()
    {
        using RingPair pair = new(RingLayout.Packed, Size);
        ushort id = Post(pair);
        ((PackedDriverRing)pair.Driver).Raw.SetDescriptor(0, new PackedDescriptor(0, 99, id, DescriptorFlags.Avail | DescriptorFlags.Used));
        ExpectUsed(pair, new UsedChain(id, 0), known: true);
    }

    [Test]
    public void RandomUsed_Taken_NeverThrowsOrHangs([Values] RingLayout layout, [Values] bool inOrder) =>
        Gen.Int.Sample(
            seed =>
            {
                Random random = new(seed);
                using RingPair pair = new(layout, Size, eventIdx: true, inOrder: inOrder);
                for (int turn = 0; turn < 20; turn++)
                {
                    while (random.Next(4) != 0 && pair.Driver.TryPost(new RingBuffer[random.Next(1, 4)], out _))
                    {
                    }

                    pair.Driver.Publish();
                    pair.Driver.KickNeeded();
                    ScrambleUsed(pair, random);
                    int taken = Drain(pair);
                    int free = pair.Driver.FreeDescriptors;
                    if (taken > 2 * Size || free is < 0 or > Size || pair.Driver.Outstanding > Size - free)
                    {
                        Assert.Fail($"taken {taken}, free {free}, outstanding {pair.Driver.Outstanding}");
                    }
                }
            },
            iter: 1000,
            threads: 1);

    private static void ScrambleUsed(RingPair pair, Random random)
    {
        if (pair.Driver is SplitDriverRing split)
        {
            for (int slot = 0; slot < Size; slot++)
            {
                split.Raw.SetUsed(slot, new UsedElement((uint)random.Next(random.Next(8) == 0 ? int.MaxValue : Size + 1), (uint)random.Next()));
            }

            split.Raw.UsedIdx += (ushort)random.Next(random.Next(8) == 0 ? 0x10000 : Size + 1);
            return;
        }

        PackedRingMemory raw = ((PackedDriverRing)pair.Driver).Raw;
        for (int i = 0; i < Size; i++)
        {
            DescriptorFlags flags = random.Next(2) == 0 ? DescriptorFlags.None : DescriptorFlags.Avail | DescriptorFlags.Used;
            raw.SetDescriptor(i, new PackedDescriptor(0, (uint)random.Next(), (ushort)random.Next(Size + 1), flags));
        }
    }

    private static ushort Post(RingPair pair)
    {
        Assert.That(pair.Driver.TryPost([RingBuffer.Writable(pair.Data, 100)], out ushort id), Is.True);
        pair.Driver.Publish();
        return id;
    }

    private static int Drain(RingPair pair)
    {
        int taken = 0;
        while (pair.Driver.TryTakeUsed(out _))
        {
            taken++;
        }

        return taken;
    }

    private static void ExpectUsed(RingPair pair, UsedChain expected, bool known)
    {
        Assert.That(pair.Driver.TryTakeUsed(out UsedChain used), Is.True);
        Assert.That((used, pair.Driver.LastUsedWasKnown), Is.EqualTo((expected, known)));
    }
}
