using CsCheck;
using NUnit.Framework;
using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>What the device's side makes of a driver that breaks the rules.</summary>
[TestFixture]
public class IllegalRingTests
{
    private const ushort Size = 8;
    private const ulong Base = 0x10_0000;
    private const ulong RegionBytes = 0x1_0000;

    // The second region begins where the first ends; behind it there is nothing.
    private const ulong Seam = Base + RegionBytes;
    private const ulong End = Seam + RegionBytes;

    private GuestMemory memory = null!;
    private DeviceChain chain = null!;

    [SetUp]
    public void CreateMemory()
    {
        memory = new GuestMemory([MemoryRegion.Create(Base, RegionBytes), MemoryRegion.Create(Seam, RegionBytes)]);
        chain = new DeviceChain();
    }

    [TearDown]
    public void DisposeMemory() => memory.Dispose();

    [Test]
    public void SplitHead_BeyondTheTable_BreaksTheRing()
    {
        (SplitRingMemory raw, SplitDeviceRing device) = Split();
        Offer(raw, Size);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BrokenRing));
        Assert.That(chain.Defect, Is.EqualTo("descriptor index 8 in a table of 8"));
    }

    [Test]
    public void SplitNext_BeyondTheTable_BreaksTheRing()
    {
        (SplitRingMemory raw, SplitDeviceRing device) = Split();
        raw.SetDescriptor(0, new SplitDescriptor(Base, 1, DescriptorFlags.Next, 0xffff));
        Offer(raw, 0);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BrokenRing));
    }

    [Test]
    public void SplitChain_Loop_BreaksTheRingForGood([Values(0, 1)] int target)
    {
        (SplitRingMemory raw, SplitDeviceRing device) = Split();
        raw.SetDescriptor(0, new SplitDescriptor(Base, 1, DescriptorFlags.Next, 1));
        raw.SetDescriptor(1, new SplitDescriptor(Base, 1, DescriptorFlags.Next, (ushort)target));
        Offer(raw, 0);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BrokenRing));
        raw.SetDescriptor(1, new SplitDescriptor(Base, 1, DescriptorFlags.None, 0));
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BrokenRing));
        Assert.That(device.EnableKicks(), Is.False, "nothing to look for in a broken ring");
        Assert.That(device.Base, Is.Zero);
    }

    [Test]
    public void SplitChain_AsLongAsTheTable_IsLegal()
    {
        (SplitRingMemory raw, SplitDeviceRing device) = Split();
        for (ushort i = 0; i < Size; i++)
        {
            bool last = i == Size - 1;
            raw.SetDescriptor(i, new SplitDescriptor(Base, 1, last ? DescriptorFlags.None : DescriptorFlags.Next, (ushort)(i + 1)));
        }

        Offer(raw, 0);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        Assert.That(chain.Count, Is.EqualTo(Size));
    }

    [TestCase((ushort)(Size + 1), TakeResult.BrokenRing)]
    [TestCase((ushort)0xffff, TakeResult.BrokenRing)]
    [TestCase(Size, TakeResult.Chain)]
    public void SplitAvailIdx_Jump_BreaksTheRingBeyondItsSize(ushort idx, TakeResult expected)
    {
        (SplitRingMemory raw, SplitDeviceRing device) = Split();
        raw.AvailIdx = idx;
        Assert.That(device.TryTake(chain), Is.EqualTo(expected));
    }

    [Test]
    public void Indirect_NotNegotiated_IsABadChain([Values] RingLayout layout)
    {
        DeviceRing device = Prepared(layout, indirect: false, Base, 16, DescriptorFlags.Indirect);
        ExpectBad(device, "indirect descriptor without VIRTIO_F_INDIRECT_DESC");
    }

    [TestCase(RingLayout.Split, "indirect descriptor with NEXT")]
    [TestCase(RingLayout.Packed, "indirect descriptor in a descriptor list")]
    public void Indirect_WithNext_IsABadChain(RingLayout layout, string defect)
    {
        DeviceRing device = Prepared(layout, indirect: true, Base, 16, DescriptorFlags.Indirect | DescriptorFlags.Next);
        ExpectBad(device, defect);
    }

    [Test]
    public void PackedIndirect_BehindADirectOne_IsABadChainOfKnownExtent()
    {
        RingSetup setup = Setup(RingLayout.Packed, indirect: true);
        PackedRingMemory raw = new(memory, setup);
        PackedDeviceRing device = new(memory, setup, RingBase.Initial(RingLayout.Packed));
        raw.SetDescriptor(1, new PackedDescriptor(Base, 16, 7, DescriptorFlags.Indirect | DescriptorFlags.Avail));
        raw.SetDescriptor(0, new PackedDescriptor(Base, 1, 9, DescriptorFlags.Next | DescriptorFlags.Avail));
        ExpectBad(device, "indirect descriptor in a descriptor list");
        Assert.That((chain.Id, chain.RingEntries), Is.EqualTo(((ushort)7, (ushort)2)));
    }

    [TestCase(0u, "indirect table of 0 bytes")]
    [TestCase(15u, "indirect table of 15 bytes")]
    [TestCase(33u, "indirect table of 33 bytes")]
    [TestCase(16u * 32769, "indirect table of 32769 descriptors; 32768 is the most that is followed")]
    [TestCase(0xffff_fff0u, "indirect table of 268435455 descriptors; 32768 is the most that is followed")]
    public void IndirectTable_OfImpossibleLength_IsABadChain(uint length, string defect)
    {
        ExpectBad(Prepared(RingLayout.Split, indirect: true, Base, length, DescriptorFlags.Indirect), defect);
        ExpectBad(Prepared(RingLayout.Packed, indirect: true, Base, length, DescriptorFlags.Indirect), defect);
    }

    [Test]
    public void IndirectTable_OutsideMemory_IsABadChain(
        [Values] RingLayout layout, [Values(End - 16, Base - 16, ulong.MaxValue - 31, ulong.MaxValue - 15)] ulong address)
    {
        DeviceRing device = Prepared(layout, indirect: true, address, 32, DescriptorFlags.Indirect);
        ExpectBad(device, $"indirect table at 0x{address:x} length 32 is not in guest memory");
    }

    [Test]
    public void IndirectTable_AcrossAdjacentRegions_IsFollowed([Values] RingLayout layout, [Values(Seam - 16, Seam - 8, Seam - 40)] ulong address)
    {
        RingBuffer[] buffers = [RingBuffer.Readable(Base, 44), RingBuffer.Readable(Base + 44, 5), RingBuffer.Writable(Base + 100, 6)];
        IndirectTable.Write(memory, layout, address, buffers);
        DeviceRing device = Prepared(layout, indirect: true, address, 48, DescriptorFlags.Indirect);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain), chain.Defect);
        Assert.That(chain.Buffers.ToArray(), Is.EqualTo(buffers));
    }

    [Test]
    public void IndirectHead_WithWrite_IsFollowedAsIfWithout([Values] RingLayout layout)
    {
        RingBuffer[] buffers = [RingBuffer.Readable(Base, 44)];
        IndirectTable.Write(memory, layout, Base + 0x1000, buffers);
        DeviceRing device = Prepared(layout, indirect: true, Base + 0x1000, 16, DescriptorFlags.Indirect | DescriptorFlags.Write);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        Assert.That(chain.Buffers.ToArray(), Is.EqualTo(buffers));
    }

    [Test]
    public void PackedIndirectTable_FlagsAndIdsBesidesWrite_AreIgnored()
    {
        ulong table = Base + 0x1000;
        new PackedDescriptor(Base, 1, 0xffff, (DescriptorFlags)0xfffd).Write(memory.Slice(table, 16));
        new PackedDescriptor(Base + 1, 2, 0x1234, (DescriptorFlags)0xffff).Write(memory.Slice(table + 16, 16));
        DeviceRing device = Prepared(RingLayout.Packed, indirect: true, table, 32, DescriptorFlags.Indirect);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        Assert.That(chain.Buffers.ToArray(), Is.EqualTo(new[] { RingBuffer.Readable(Base, 1), RingBuffer.Writable(Base + 1, 2) }));
    }

    [TestCase(DescriptorFlags.Indirect, (ushort)0, "indirect descriptor inside an indirect table")]
    [TestCase(DescriptorFlags.Next, (ushort)0, "loop in an indirect table")]
    [TestCase(DescriptorFlags.Next, (ushort)2, "next 2 in an indirect table of 2 descriptors")]
    public void SplitIndirectTable_ThatCannotBeFollowed_IsABadChain(DescriptorFlags flags, ushort next, string defect)
    {
        ulong table = Base + 0x1000;
        new SplitDescriptor(Base, 1, flags, next).Write(memory.Slice(table, 16));
        ExpectBad(Prepared(RingLayout.Split, indirect: true, table, 32, DescriptorFlags.Indirect), defect);
    }

    [Test]
    public void SplitChain_DirectThenIndirect_IsFollowed()
    {
        RingSetup setup = Setup(RingLayout.Split, indirect: true);
        SplitDriverRing driver = new(memory, setup);
        SplitDeviceRing device = new(memory, setup);
        RingBuffer[] buffers = [RingBuffer.Readable(Base, 1), RingBuffer.Readable(Base + 1, 43), RingBuffer.Readable(Base + 44, 9)];
        Assert.That(driver.TryPostIndirect(buffers.AsSpan(0, 2), buffers.AsSpan(2), Base + 0x1000, out _), Is.True);
        driver.Publish();
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        Assert.That(chain.Buffers.ToArray(), Is.EqualTo(buffers));
        Assert.That(chain.RingEntries, Is.EqualTo(3));
    }

    [TestCase(Base - 1, 2u)]
    [TestCase(End - 1, 2u)]
    [TestCase(End, 1u)]
    [TestCase(0ul, 1u)]
    [TestCase(Base, (uint)(2 * RegionBytes) + 1)]
    [TestCase(Base, uint.MaxValue)]
    [TestCase(ulong.MaxValue, 2u)]
    public void Buffer_NotWhollyInMemory_IsABadChain(ulong address, uint length)
    {
        string defect = $"buffer at 0x{address:x} length {length} is not in guest memory";
        ExpectBad(Prepared(RingLayout.Split, indirect: false, address, length, DescriptorFlags.Write), defect);
        ExpectBad(Prepared(RingLayout.Packed, indirect: false, address, length, DescriptorFlags.None), defect);
    }

    [TestCase(Seam - 1, 2u)]
    [TestCase(Base, (uint)(2 * RegionBytes))]
    [TestCase(End - 1, 1u)]
    [TestCase(0ul, 0u)]
    [TestCase(ulong.MaxValue, 0u)]
    public void Buffer_InMemoryOrEmpty_IsLegal(ulong address, uint length)
    {
        Assert.That(Prepared(RingLayout.Split, indirect: false, address, length, DescriptorFlags.Write).TryTake(chain), Is.EqualTo(TakeResult.Chain));
        Assert.That(Prepared(RingLayout.Packed, indirect: false, address, length, DescriptorFlags.None).TryTake(chain), Is.EqualTo(TakeResult.Chain));
    }

    [Test]
    public void Chain_ReadableAfterWritable_IsBadAndTheNextOneIsFound([Values] RingLayout layout, [Values(0u, 7u)] uint writableLength)
    {
        RingSetup setup = Setup(layout, indirect: false);
        DriverRing driver = DriverRings.Create(memory, setup);
        DeviceRing device = DeviceRings.Create(memory, setup);
        driver.TryPost([RingBuffer.Writable(Base, writableLength), RingBuffer.Readable(Base, 1)], out ushort bad);
        driver.TryPost([RingBuffer.Readable(Base, 44)], out ushort good);
        driver.Publish();
        ExpectBad(device, "device-readable buffer after a device-writable one");
        device.Complete(chain.Id, chain.RingEntries, 0);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        device.Complete(chain.Id, chain.RingEntries, 0);
        device.PublishUsed();
        Assert.That(driver.TryTakeUsed(out UsedChain first), Is.True);
        Assert.That(driver.TryTakeUsed(out UsedChain second), Is.True);
        Assert.That((first.Id, second.Id), Is.EqualTo(((uint)bad, (uint)good)));
    }

    [Test]
    public void Chain_LongerThanFourGigabytes_IsBad([Values] RingLayout layout)
    {
        // Sparse: no page of it is ever touched except those of the ring.
        using GuestMemory large = new([MemoryRegion.Create(0, 0xffff_ffff)]);
        RingSetup setup = RingAllocation.Allocate(new GuestArena(large), layout, Size);
        DriverRing driver = DriverRings.Create(large, setup);
        DeviceRing device = DeviceRings.Create(large, setup);
        driver.TryPost([RingBuffer.Readable(0, 0xffff_ffff), RingBuffer.Readable(0, 1)], out _);
        driver.TryPost([RingBuffer.Readable(0, 0xffff_ffff), RingBuffer.Writable(0, 2)], out _);
        driver.Publish();
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
        ExpectBad(device, "chain of 4294967297 bytes");
    }

    [Test]
    public void PackedList_WithoutEnd_BreaksTheRingForGood()
    {
        RingSetup setup = Setup(RingLayout.Packed, indirect: true);
        PackedRingMemory raw = new(memory, setup);
        PackedDeviceRing device = new(memory, setup, RingBase.Initial(RingLayout.Packed));
        for (int i = 0; i < Size; i++)
        {
            raw.SetDescriptor(i, new PackedDescriptor(Base, 1, 0, DescriptorFlags.Next | DescriptorFlags.Avail));
        }

        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BrokenRing));
        raw.SetFlags(0, DescriptorFlags.Avail);
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BrokenRing));
        Assert.That(device.EnableKicks(), Is.False);
    }

    [TestCase(RingLayout.Split, 0)]
    [TestCase(RingLayout.Split, 3)]
    [TestCase(RingLayout.Split, 65535)]
    [TestCase(RingLayout.Packed, 0)]
    [TestCase(RingLayout.Packed, 32769)]
    public void Size_Illegal_IsRefused(RingLayout layout, int size)
    {
        RingSetup setup = Setup(layout, indirect: false) with { Size = (ushort)size };
        Assert.Throws<RingSetupException>(() => DeviceRings.Create(memory, setup));
        Assert.Throws<RingSetupException>(() => DriverRings.Create(memory, setup));
    }

    [Test]
    public void Area_Misaligned_IsRefused([Values] RingLayout layout)
    {
        RingSetup setup = Setup(layout, indirect: false);
        Assert.Throws<RingSetupException>(() => DeviceRings.Create(memory, setup with { DescriptorArea = setup.DescriptorArea + 8 }));
        Assert.Throws<RingSetupException>(() => DeviceRings.Create(memory, setup with { DriverArea = setup.DriverArea + 1 }));
        Assert.Throws<RingSetupException>(() => DeviceRings.Create(memory, setup with { DeviceArea = setup.DeviceArea + 2 }));
    }

    [Test]
    public void Area_OutsideMemoryOrAcrossRegions_IsRefused([Values] RingLayout layout, [Values(End, Seam - 2, 0ul)] ulong address)
    {
        RingSetup setup = Setup(layout, indirect: false);
        Assert.Throws<GuestMemoryException>(() => DeviceRings.Create(memory, setup with { DescriptorArea = address & ~15ul }));
        ulong small = layout == RingLayout.Packed && address == Seam - 2 ? End : address;
        Assert.Throws<GuestMemoryException>(() => DeviceRings.Create(memory, setup with { DriverArea = small }));
        Assert.Throws<GuestMemoryException>(() => DeviceRings.Create(memory, setup with { DeviceArea = small & ~3ul }));
    }

    [TestCase(0x0008u)]
    [TestCase(0x0008_0000u)]
    [TestCase(0xffff_ffffu)]
    public void PackedBase_OutsideTheRing_IsRefused(uint start)
    {
        RingSetup setup = Setup(RingLayout.Packed, indirect: false);
        Assert.Throws<RingSetupException>(() => DeviceRings.Create(memory, setup, start));
        Assert.Throws<RingSetupException>(() => DriverRings.Create(memory, setup, start));
    }

    [Test]
    public void RandomRing_Taken_NeverThrowsOrHangs([Values] RingLayout layout, [Values] bool indirect) =>
        Gen.Int.Sample(seed => TakeFromRandomRing(layout, indirect, seed), iter: 3000, threads: 1);

    private static void Offer(SplitRingMemory raw, ushort head)
    {
        raw.SetAvailable(raw.AvailIdx % Size, head);
        raw.AvailIdx++;
    }

    private void TakeFromRandomRing(RingLayout layout, bool indirect, int seed)
    {
        Random random = new(seed);
        RingSetup setup = Setup(layout, indirect);
        DeviceRing device = DeviceRings.Create(memory, setup);
        for (int turn = 0; turn < 4; turn++)
        {
            Scramble(random, setup);
            for (int i = 0; i < 2 * Size; i++)
            {
                TakeResult result = device.TryTake(chain);
                if (result is TakeResult.Empty or TakeResult.BrokenRing)
                {
                    break;
                }

                if ((result == TakeResult.Chain) != chain.Defect is null || (result == TakeResult.Chain && !AllInMemory()))
                {
                    Assert.Fail($"{result} {chain.Defect}");
                }

                device.Complete(chain.Id, chain.RingEntries, (uint)random.Next());
            }

            device.PublishUsed();
            device.CallNeeded();
            device.EnableKicks();
            device.DisableKicks();
        }
    }

    private bool AllInMemory()
    {
        foreach (RingBuffer buffer in chain.Buffers)
        {
            if (!memory.Contains(buffer.Address, buffer.Length))
            {
                return false;
            }
        }

        return true;
    }

    // Noise that is often nearly right, so that it gets past the first check.
    private void Scramble(Random random, in RingSetup setup)
    {
        bool packed = setup.Layout == RingLayout.Packed;
        random.NextBytes(memory.Slice(setup.DriverArea, packed ? EventSuppression.Size : SplitRingMemory.DriverBytes(Size)));
        for (int i = 0; i < 64; i++)
        {
            // The table and what lies behind it, where indirect descriptors find their tables.
            Span<byte> at = memory.Slice(setup.DescriptorArea + (ulong)(16 * i), 16);
            ulong address = random.Next(4) == 0 ? (ulong)random.NextInt64() : setup.DescriptorArea + (ulong)(16 * random.Next(64));
            uint length = random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : 16u * (uint)random.Next(8);
            int plausible = random.Next(8) | (random.Next(2) << 7) | (random.Next(2) << 15);
            DescriptorFlags flags = (DescriptorFlags)(random.Next(4) == 0 ? random.Next(0x10000) : plausible);
            ushort next = (ushort)random.Next(random.Next(4) == 0 ? 0x10000 : Size + 1);
            if (packed)
            {
                new PackedDescriptor(address, length, next, flags).Write(at);
            }
            else
            {
                new SplitDescriptor(address, length, flags, next).Write(at);
            }
        }

        if (!packed)
        {
            SplitRingMemory raw = new(memory, setup);
            raw.AvailIdx = (ushort)random.Next(Size + 2);
            for (int slot = 0; slot < Size; slot++)
            {
                raw.SetAvailable(slot, (ushort)random.Next(random.Next(8) == 0 ? 0x10000 : Size));
            }
        }
    }

    private (SplitRingMemory Raw, SplitDeviceRing Device) Split()
    {
        RingSetup setup = Setup(RingLayout.Split, indirect: true);
        return (new SplitRingMemory(memory, setup), new SplitDeviceRing(memory, setup));
    }

    // The descriptors last, so that the memory behind them is free for tables.
    private RingSetup Setup(RingLayout layout, bool indirect)
    {
        memory.Slice(Base, (uint)RegionBytes).Clear();
        return new RingSetup(layout, Size, Base + 0x800, Base + 0x100, Base + 0x200, EventIdx: true, indirect);
    }

    // A ring in which one descriptor with these contents is available.
    private DeviceRing Prepared(RingLayout layout, bool indirect, ulong address, uint length, DescriptorFlags flags)
    {
        RingSetup setup = new(layout, Size, Seam + 0x8000, Seam + 0x9000, Seam + 0xa000, EventIdx: true, indirect);
        memory.Slice(Seam + 0x8000, 0x3000).Clear();
        if (layout == RingLayout.Packed)
        {
            new PackedRingMemory(memory, setup).SetDescriptor(0, new PackedDescriptor(address, length, 0, flags | DescriptorFlags.Avail));
        }
        else
        {
            SplitRingMemory raw = new(memory, setup);
            raw.SetDescriptor(0, new SplitDescriptor(address, length, flags, 1));
            Offer(raw, 0);
        }

        return DeviceRings.Create(memory, setup);
    }

    private void ExpectBad(DeviceRing device, string defect)
    {
        Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.BadChain));
        Assert.That(chain.Defect, Is.EqualTo(defect));
    }
}
