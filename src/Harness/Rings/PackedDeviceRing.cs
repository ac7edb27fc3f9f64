using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>The device's side of a packed virtqueue, virtio 1.4 section 2.8.</summary>
public sealed class PackedDeviceRing : DeviceRing
{
    private PackedPosition nextAvail;
    private PackedPosition nextUsed;
    private PackedPosition published;
    private uint unpublished;
    private DescriptorFlags withheld;
    private uint publishedSinceLook;
    private bool looked;
    private string? broken;

    /// <summary>Attaches to a ring.</summary>
    /// <param name="startBase">See <see cref="RingBase"/>.</param>
    /// <exception cref="RingSetupException">The size, an alignment or the base is illegal.</exception>
    /// <exception cref="GuestMemoryException">A part is not inside one region of guest memory.</exception>
    public PackedDeviceRing(GuestMemory memory, RingSetup setup, uint startBase)
        : base(memory, setup)
    {
        RingSetupException.ThrowUnlessSize(setup);
        RingSetupException.ThrowUnlessAligned("descriptor ring", setup.DescriptorArea, PackedRingMemory.DescriptorAlignment);
        Raw = new PackedRingMemory(memory, setup);
        (nextAvail, nextUsed) = RingBase.DecodePacked(startBase, setup.Size);
        published = nextUsed;
    }

    /// <summary>The ring's memory, for a device that misbehaves.</summary>
    public PackedRingMemory Raw { get; }

    public override uint Base => RingBase.Packed(nextAvail, nextUsed);

    public override TakeResult TryTake(DeviceChain chain)
    {
        chain.Clear();
        if (broken is not null)
        {
            chain.Defect = broken;
            return TakeResult.BrokenRing;
        }

        if (!nextAvail.IsAvailable(Raw.GetFlags(nextAvail.Index)))
        {
            return TakeResult.Empty;
        }

        if (!Walk(chain))
        {
            broken = chain.Defect = "list of descriptors longer than the ring";
            return TakeResult.BrokenRing;
        }

        nextAvail = nextAvail.Advance(chain.RingEntries, Setup.Size);
        return chain.Judge();
    }

    public override void Untake(DeviceChain chain) => nextAvail = nextAvail.Retreat(chain.RingEntries, Setup.Size);

    public override void Complete(ushort id, ushort ringEntries, uint written)
    {
        ArgumentOutOfRangeException.ThrowIfZero(ringEntries);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ringEntries, Setup.Size);
        Raw.SetElement(nextUsed.Index, id, written);
        DescriptorFlags flags = nextUsed.UsedFlags | (written > 0 ? DescriptorFlags.Write : DescriptorFlags.None);
        if (unpublished == 0)
        {
            withheld = flags;
        }
        else
        {
            Raw.SetFlags(nextUsed.Index, flags);
        }

        nextUsed = nextUsed.Advance(ringEntries, Setup.Size);
        unpublished += ringEntries;
    }

    public override void PublishUsed()
    {
        if (unpublished == 0)
        {
            return;
        }

        // Section 2.8.15: nothing of a descriptor changes after its USED bit; the first one holds back all that follow.
        Raw.SetFlags(published.Index, withheld);
        publishedSinceLook += unpublished;
        unpublished = 0;
        published = nextUsed;
    }

    public override bool CallNeeded()
    {
        uint added = publishedSinceLook;
        if (added == 0)
        {
            return false;
        }

        // As a driver must (section 2.8.21.3.1): the flags before looking at the driver's event suppression.
        VirtioBarrier.Full();
        publishedSinceLook = 0;
        bool first = !looked;
        looked = true;
        return NotificationRule.Wanted(Raw.DriverEvent, Setup, published, added, first);
    }

    public override bool EnableKicks()
    {
        Raw.DeviceEvent = Setup.EventIdx ? EventSuppression.At(nextAvail) : EventSuppression.Of(EventMode.Enable);
        VirtioBarrier.Full();
        return broken is null && nextAvail.IsAvailable(Raw.GetFlags(nextAvail.Index));
    }

    public override void DisableKicks() => Raw.DeviceEvent = EventSuppression.Of(EventMode.Disable);

    // False when the list does not end within the ring; what only spoils the chain goes into its defect.
    private bool Walk(DeviceChain chain)
    {
        ushort index = nextAvail.Index;
        while (chain.RingEntries < Setup.Size)
        {
            // One copy: the driver may change the original while it is looked at.
            PackedDescriptor descriptor = Raw.GetDescriptor(index);
            chain.RingEntries++;
            bool next = descriptor.Is(DescriptorFlags.Next);
            if (descriptor.Is(DescriptorFlags.Indirect))
            {
                AddIndirect(chain, descriptor, alone: !next && chain.RingEntries == 1);
            }
            else
            {
                chain.AddChecked(Memory, new RingBuffer(descriptor.Address, descriptor.Length, descriptor.Is(DescriptorFlags.Write)));
            }

            if (!next)
            {
                // Section 2.8.6: the buffer id is in the last descriptor of a list.
                chain.Id = descriptor.Id;
                return true;
            }

            index = (ushort)(index + 1 == Setup.Size ? 0 : index + 1);
        }

        return false;
    }

    private void AddIndirect(DeviceChain chain, in PackedDescriptor descriptor, bool alone)
    {
        if (!Setup.Indirect)
        {
            chain.Defect ??= "indirect descriptor without VIRTIO_F_INDIRECT_DESC";
        }
        else if (!alone)
        {
            chain.Defect ??= "indirect descriptor in a descriptor list";
        }
        else
        {
            IndirectTable.Read(Memory, RingLayout.Packed, descriptor.Address, descriptor.Length, chain);
        }
    }
}
