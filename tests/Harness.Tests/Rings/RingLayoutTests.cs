using CsCheck;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Wire;
using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>Where the parts of a ring lie, against the kernel's headers.</summary>
[TestFixture]
public class RingLayoutTests
{
    private const ushort Size = 8;
    private const ulong Area = 0x10_0000;

    [Test]
    public void SplitStructures_AgreeWithTheKernel() =>
        new CAssertions("linux/virtio_ring.h")
            .Equal("sizeof(struct vring_desc)", SplitDescriptor.Size)
            .Field("struct vring_desc, addr", Bytes(new SplitDescriptor(ulong.MaxValue, 0, 0, 0)))
            .Field("struct vring_desc, len", Bytes(new SplitDescriptor(0, uint.MaxValue, 0, 0)))
            .Field("struct vring_desc, flags", Bytes(new SplitDescriptor(0, 0, (DescriptorFlags)ushort.MaxValue, 0)))
            .Field("struct vring_desc, next", Bytes(new SplitDescriptor(0, 0, 0, ushort.MaxValue)))
            .Field("struct vring_avail, flags", Bytes(raw => raw.AvailFlags = ushort.MaxValue))
            .Field("struct vring_avail, idx", Bytes(raw => raw.AvailIdx = ushort.MaxValue))
            .Field("struct vring_avail, ring[3]", Bytes(raw => raw.SetAvailable(3, ushort.MaxValue)))
            .Field($"struct vring_avail, ring[{Size}]", Bytes(raw => raw.UsedEvent = ushort.MaxValue))
            .Field("struct vring_used, flags", Bytes(raw => raw.UsedFlags = ushort.MaxValue))
            .Field("struct vring_used, idx", Bytes(raw => raw.UsedIdx = ushort.MaxValue))
            .Field("struct vring_used, ring[3].id", Bytes(raw => raw.SetUsed(3, new UsedElement(uint.MaxValue, 0))))
            .Field("struct vring_used, ring[3].len", Bytes(raw => raw.SetUsed(3, new UsedElement(0, uint.MaxValue))))
            .Equal($"offsetof(struct vring_used, ring[{Size}])", SplitRingMemory.DeviceBytes(Size) - 2)
            .Equal($"offsetof(struct vring_used, ring[{Size}])", (ulong)Bytes(raw => raw.AvailEvent = ushort.MaxValue).IndexOf((byte)0xff))
            .Equal("sizeof(vring_used_elem_t)", UsedElement.Size)
            .Equal("VRING_DESC_ALIGN_SIZE", SplitRingMemory.DescriptorAlignment)
            .Equal("VRING_AVAIL_ALIGN_SIZE", SplitRingMemory.DriverAlignment)
            .Equal("VRING_USED_ALIGN_SIZE", SplitRingMemory.DeviceAlignment)
            .Equal("VRING_DESC_F_NEXT", (ulong)DescriptorFlags.Next)
            .Equal("VRING_DESC_F_WRITE", (ulong)DescriptorFlags.Write)
            .Equal("VRING_DESC_F_INDIRECT", (ulong)DescriptorFlags.Indirect)
            .Equal("VRING_AVAIL_F_NO_INTERRUPT", SplitRingMemory.NoInterrupt)
            .Equal("VRING_USED_F_NO_NOTIFY", SplitRingMemory.NoNotify)
            .ExpectAccepted();

    [Test]
    public void PackedStructures_AgreeWithTheKernel() =>
        new CAssertions("linux/virtio_ring.h")
            .Equal("sizeof(struct vring_packed_desc)", PackedDescriptor.Size)
            .Field("struct vring_packed_desc, addr", Bytes(new PackedDescriptor(ulong.MaxValue, 0, 0, 0)))
            .Field("struct vring_packed_desc, len", Bytes(new PackedDescriptor(0, uint.MaxValue, 0, 0)))
            .Field("struct vring_packed_desc, id", Bytes(new PackedDescriptor(0, 0, ushort.MaxValue, 0)))
            .Field("struct vring_packed_desc, flags", Bytes(new PackedDescriptor(0, 0, 0, (DescriptorFlags)ushort.MaxValue)))
            .Equal("sizeof(struct vring_packed_desc_event)", EventSuppression.Size)
            .Field("struct vring_packed_desc_event, off_wrap", Bytes(new EventSuppression(ushort.MaxValue, 0)))
            .Field("struct vring_packed_desc_event, flags", Bytes(new EventSuppression(0, ushort.MaxValue)))
            .Equal("1 << VRING_PACKED_DESC_F_AVAIL", (ulong)DescriptorFlags.Avail)
            .Equal("1 << VRING_PACKED_DESC_F_USED", (ulong)DescriptorFlags.Used)
            .Equal("VRING_PACKED_EVENT_FLAG_ENABLE", (ulong)EventMode.Enable)
            .Equal("VRING_PACKED_EVENT_FLAG_DISABLE", (ulong)EventMode.Disable)
            .Equal("VRING_PACKED_EVENT_FLAG_DESC", (ulong)EventMode.Desc)
            .Equal("1 << VRING_PACKED_EVENT_F_WRAP_CTR", EventSuppression.At(new PackedPosition(0, Wrap: true)).OffWrap)
            .ExpectAccepted();

    [Test]
    public void Descriptors_AnyBytes_SurviveTheValue() =>
        Gen.Byte.Array[16].Sample(bytes =>
            Bytes(SplitDescriptor.Read(bytes)).AsSpan().SequenceEqual(bytes) && Bytes(PackedDescriptor.Read(bytes)).AsSpan().SequenceEqual(bytes));

    [Test]
    public void RingMemory_EveryField_KeepsWhatItIsGiven() =>
        Gen.Select(Gen.UShort, Gen.UInt, Gen.ULong, Gen.Int[0, Size - 1]).Sample((half, word, address, index) =>
        {
            using GuestMemory memory = new([MemoryRegion.Create(Area, 0x1000)]);
            ushort other = (ushort)~half;
            SplitRingMemory split = new(memory, SplitSetup) { AvailIdx = half, UsedIdx = other, UsedEvent = half, AvailEvent = other };
            SplitDescriptor descriptor = new(address, word, (DescriptorFlags)half, other);
            split.SetDescriptor(index, descriptor);
            split.SetAvailable(index, half);
            split.SetUsed(index, new UsedElement(word, ~word));
            bool kept = split.AvailIdx == half && split.UsedIdx == other && split.UsedEvent == half && split.AvailEvent == other
                && split.GetDescriptor(index) == descriptor && split.GetAvailable(index) == half
                && split.GetUsed(index) == new UsedElement(word, ~word);

            PackedRingMemory packed = new(memory, PackedSetup)
            {
                DriverEvent = new EventSuppression(half, 1),
                DeviceEvent = new EventSuppression(2, half),
            };
            PackedDescriptor packedDescriptor = new(address, word, other, (DescriptorFlags)half);
            packed.SetDescriptor(index, packedDescriptor);
            return kept && packed.GetDescriptor(index) == packedDescriptor && packed.GetFlags(index) == (DescriptorFlags)half
                && packed.DriverEvent == new EventSuppression(half, 1) && packed.DeviceEvent == new EventSuppression(2, half);
        });

    [Test]
    public void RingMemory_IndexOutsideTheRing_IsRefused([Values(-1, (int)Size)] int index)
    {
        using GuestMemory memory = new([MemoryRegion.Create(Area, 0x1000)]);
        SplitRingMemory split = new(memory, SplitSetup);
        PackedRingMemory packed = new(memory, PackedSetup);
        Assert.Throws<ArgumentOutOfRangeException>(() => split.GetDescriptor(index));
        Assert.Throws<ArgumentOutOfRangeException>(() => split.GetAvailable(index));
        Assert.Throws<ArgumentOutOfRangeException>(() => split.SetUsed(index, default));
        Assert.Throws<ArgumentOutOfRangeException>(() => packed.GetDescriptor(index));
        Assert.Throws<ArgumentOutOfRangeException>(() => packed.SetFlags(index, default));
    }

    [Test]
    public void Allocate_UsedMemory_GivesClearedPartsThatDoNotOverlap([Values] RingLayout layout, [Values(0, 1, null)] int? region)
    {
        using GuestMemory memory = new([MemoryRegion.Create(Area, 0x1000), MemoryRegion.Create(0x20_0000, 0x1000)]);
        foreach (MemoryRegion part in memory.Regions)
        {
            memory.Slice(part.GuestAddress, (uint)part.Size).Fill(0xff);
        }

        RingSetup setup = RingAllocation.Allocate(new GuestArena(memory), layout, Size, eventIdx: true, indirect: true, inOrder: true, region);
        bool packed = layout == RingLayout.Packed;
        (ulong Address, uint Bytes, uint Alignment)[] parts =
        [
            (setup.DescriptorArea, 16u * Size, 16),
            (setup.DriverArea, packed ? 4u : 6 + (2u * Size), packed ? 4u : 2),
            (setup.DeviceArea, packed ? 4u : 6 + (8u * Size), 4),
        ];
        foreach ((ulong address, uint bytes, uint alignment) in parts)
        {
            Assert.That(address % alignment, Is.Zero);
            Assert.That(memory.Regions[region ?? 0].Contains(address), Is.True);
            Assert.That(memory.Slice(address, bytes).ContainsAnyExcept((byte)0), Is.False, "cleared, and not written by another part");
            memory.Slice(address, bytes).Fill(1);
        }
    }

    private static RingSetup SplitSetup => new(RingLayout.Split, Size, Area, Area + 0x100, Area + 0x200);

    private static RingSetup PackedSetup => new(RingLayout.Packed, Size, Area, Area + 0x100, Area + 0x200);

    private static byte[] Bytes(SplitDescriptor descriptor)
    {
        byte[] bytes = new byte[SplitDescriptor.Size];
        descriptor.Write(bytes);
        return bytes;
    }

    private static byte[] Bytes(PackedDescriptor descriptor)
    {
        byte[] bytes = new byte[PackedDescriptor.Size];
        descriptor.Write(bytes);
        return bytes;
    }

    private static byte[] Bytes(EventSuppression value)
    {
        using GuestMemory memory = new([MemoryRegion.Create(Area, 0x1000)]);
        PackedRingMemory raw = new(memory, PackedSetup) { DriverEvent = value };
        return memory.Slice(PackedSetup.DriverArea, EventSuppression.Size).ToArray();
    }

    // The bytes of the part of a split ring that the action wrote to, behind the descriptors.
    private static byte[] Bytes(Action<SplitRingMemory> set)
    {
        using GuestMemory memory = new([MemoryRegion.Create(Area, 0x1000)]);
        set(new SplitRingMemory(memory, SplitSetup));
        byte[] avail = memory.Slice(SplitSetup.DriverArea, SplitRingMemory.DriverBytes(Size)).ToArray();
        return avail.AsSpan().ContainsAnyExcept((byte)0) ? avail : memory.Slice(SplitSetup.DeviceArea, SplitRingMemory.DeviceBytes(Size)).ToArray();
    }
}
