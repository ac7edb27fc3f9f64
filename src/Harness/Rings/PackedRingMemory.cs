using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>
/// The descriptor ring and the two event suppression areas of a packed virtqueue as they lie in guest memory, virtio 1.4
/// sections 2.8.13 and 2.8.14. Every value can be read and written, legal or not. Flags and event suppression are loaded
/// with acquire and stored with release ordering. Valid while the <see cref="GuestMemory"/> is.
/// </summary>
public sealed unsafe class PackedRingMemory
{
    public const uint DescriptorAlignment = 16;
    public const uint EventAlignment = 4;

    private readonly byte* descriptors;
    private readonly byte* driverEvent;
    private readonly byte* deviceEvent;

    /// <exception cref="GuestMemoryException">A part is not inside one memory region.</exception>
    /// <exception cref="RingSetupException">A part is not at an address where its fields can be accessed atomically.</exception>
    public PackedRingMemory(GuestMemory memory, in RingSetup setup)
    {
        RingSetupException.ThrowUnlessAligned("descriptor ring", setup.DescriptorArea, 2);
        RingSetupException.ThrowUnlessAligned("driver event suppression", setup.DriverArea, EventAlignment);
        RingSetupException.ThrowUnlessAligned("device event suppression", setup.DeviceArea, EventAlignment);
        Size = setup.Size;
        descriptors = memory.Pointer(setup.DescriptorArea, DescriptorBytes(Size));
        driverEvent = memory.Pointer(setup.DriverArea, EventSuppression.Size);
        deviceEvent = memory.Pointer(setup.DeviceArea, EventSuppression.Size);
    }

    public ushort Size { get; }

    /// <summary>Written by the driver: which used descriptors it wants to hear of.</summary>
    public EventSuppression DriverEvent { get => Load(driverEvent); set => Store(driverEvent, value); }

    /// <summary>Written by the device: which available descriptors it wants to hear of.</summary>
    public EventSuppression DeviceEvent { get => Load(deviceEvent); set => Store(deviceEvent, value); }

    public static uint DescriptorBytes(ushort size) => (uint)PackedDescriptor.Size * size;

    /// <summary>The flags alone: they say whether the rest may be read.</summary>
    public DescriptorFlags GetFlags(int index) => (DescriptorFlags)VirtioBarrier.LoadAcquire((ushort*)(Descriptor(index) + 14));

    /// <summary>Hands the descriptor over: everything written before is visible to whoever sees these flags.</summary>
    public void SetFlags(int index, DescriptorFlags flags) => VirtioBarrier.StoreRelease((ushort*)(Descriptor(index) + 14), (ushort)flags);

    public PackedDescriptor GetDescriptor(int index)
    {
        byte* at = Descriptor(index);
        return PackedDescriptor.Decode(VirtioBarrier.Load64(at), VirtioBarrier.Load64(at + 8));
    }

    public void SetDescriptor(int index, in PackedDescriptor value)
    {
        SetAddress(index, value.Address);
        SetElement(index, value.Id, value.Length);
        SetFlags(index, value.Flags);
    }

    public void SetAddress(int index, ulong address) => VirtioBarrier.Store64(Descriptor(index), address);

    /// <summary>Buffer id and length, all that a used descriptor says besides its flags.</summary>
    public void SetElement(int index, ushort id, uint length)
    {
        byte* at = Descriptor(index);
        VirtioBarrier.Store32(at + 8, length);
        VirtioBarrier.Store16(at + 12, id);
    }

    private static EventSuppression Load(byte* at) => EventSuppression.Decode(VirtioBarrier.LoadAcquire((uint*)at));

    private static void Store(byte* at, EventSuppression value) => VirtioBarrier.StoreRelease((uint*)at, value.Word);

    private byte* Descriptor(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, Size, nameof(index));
        return descriptors + (PackedDescriptor.Size * index);
    }
}
