using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>
/// The three areas of a split virtqueue as they lie in guest memory, virtio 1.4 sections 2.7.5 to 2.7.8. Every value can be
/// read and written, legal or not. Indices and flags are loaded with acquire and stored with release ordering; descriptors
/// and elements are plain. Valid while the <see cref="GuestMemory"/> is.
/// </summary>
public sealed unsafe class SplitRingMemory
{
    public const uint DescriptorAlignment = 16;
    public const uint DriverAlignment = 2;
    public const uint DeviceAlignment = 4;

    /// <summary><c>VIRTQ_AVAIL_F_NO_INTERRUPT</c>.</summary>
    public const ushort NoInterrupt = 1;

    /// <summary><c>VIRTQ_USED_F_NO_NOTIFY</c>.</summary>
    public const ushort NoNotify = 1;

    private readonly byte* descriptors;
    private readonly byte* avail;
    private readonly byte* used;

    /// <exception cref="GuestMemoryException">A part is not inside one memory region.</exception>
    /// <exception cref="RingSetupException">The available or used ring is at an odd address.</exception>
    public SplitRingMemory(GuestMemory memory, in RingSetup setup)
    {
        RingSetupException.ThrowUnlessAligned("available ring", setup.DriverArea, 2);
        RingSetupException.ThrowUnlessAligned("used ring", setup.DeviceArea, 2);
        Size = setup.Size;
        descriptors = memory.Pointer(setup.DescriptorArea, DescriptorBytes(Size));
        avail = memory.Pointer(setup.DriverArea, DriverBytes(Size));
        used = memory.Pointer(setup.DeviceArea, DeviceBytes(Size));
    }

    public ushort Size { get; }

    public ushort AvailFlags { get => Load(avail); set => Store(avail, value); }

    public ushort AvailIdx { get => Load(avail + 2); set => Store(avail + 2, value); }

    /// <summary>Written by the driver, behind the available ring's entries.</summary>
    public ushort UsedEvent { get => Load(avail + 4 + (2 * Size)); set => Store(avail + 4 + (2 * Size), value); }

    public ushort UsedFlags { get => Load(used); set => Store(used, value); }

    public ushort UsedIdx { get => Load(used + 2); set => Store(used + 2, value); }

    /// <summary>Written by the device, behind the used ring's elements.</summary>
    public ushort AvailEvent { get => Load(used + 4 + (8 * Size)); set => Store(used + 4 + (8 * Size), value); }

    public static uint DescriptorBytes(ushort size) => (uint)SplitDescriptor.Size * size;

    /// <summary>Bytes of the available ring with its event index.</summary>
    public static uint DriverBytes(ushort size) => 6 + (2u * size);

    /// <summary>Bytes of the used ring with its event index.</summary>
    public static uint DeviceBytes(ushort size) => 6 + ((uint)UsedElement.Size * size);

    public SplitDescriptor GetDescriptor(int index)
    {
        byte* at = Descriptor(index);
        return SplitDescriptor.Decode(VirtioBarrier.Load64(at), VirtioBarrier.Load64(at + 8));
    }

    public void SetDescriptor(int index, in SplitDescriptor value)
    {
        byte* at = Descriptor(index);
        VirtioBarrier.Store64(at, value.Address);
        VirtioBarrier.Store64(at + 8, value.SecondWord);
    }

    /// <summary>The head index in a slot of the available ring.</summary>
    public ushort GetAvailable(int slot) => VirtioBarrier.Load16(avail + 4 + (2 * Checked(slot)));

    public void SetAvailable(int slot, ushort head) => VirtioBarrier.Store16(avail + 4 + (2 * Checked(slot)), head);

    public UsedElement GetUsed(int slot)
    {
        ulong word = VirtioBarrier.Load64(used + 4 + (8 * Checked(slot)));
        return new UsedElement((uint)word, (uint)(word >> 32));
    }

    public void SetUsed(int slot, UsedElement element) =>
        VirtioBarrier.Store64(used + 4 + (8 * Checked(slot)), element.Id | ((ulong)element.Length << 32));

    private static ushort Load(byte* at) => VirtioBarrier.LoadAcquire((ushort*)at);

    private static void Store(byte* at, ushort value) => VirtioBarrier.StoreRelease((ushort*)at, value);

    private byte* Descriptor(int index) => descriptors + (SplitDescriptor.Size * Checked(index));

    private int Checked(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, Size, nameof(index));
        return index;
    }
}
