using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>The device's side of a split virtqueue, virtio 1.4 section 2.7.</summary>
public sealed class SplitDeviceRing : DeviceRing
{
    private readonly ushort mask;
    private ushort nextAvail;
    private ushort seenAvail;
    private ushort nextUsed;
    private ushort published;
    private uint publishedSinceLook;
    private bool looked;
    private string? broken;

    /// <summary>Attaches to a ring. The next used index is read from guest memory, where a previous device may have left it.</summary>
    /// <param name="startBase">See <see cref="RingBase"/>.</param>
    /// <exception cref="RingSetupException">The size or an alignment is illegal.</exception>
    /// <exception cref="GuestMemoryException">A part is not inside one region of guest memory.</exception>
    public SplitDeviceRing(GuestMemory memory, RingSetup setup, uint startBase = 0)
        : base(memory, setup)
    {
        RingSetupException.ThrowUnlessSize(setup);
        RingSetupException.ThrowUnlessAligned("descriptor table", setup.DescriptorArea, SplitRingMemory.DescriptorAlignment);
        RingSetupException.ThrowUnlessAligned("used ring", setup.DeviceArea, SplitRingMemory.DeviceAlignment);
        Raw = new SplitRingMemory(memory, setup);
        mask = (ushort)(setup.Size - 1);
        nextAvail = seenAvail = (ushort)startBase;
        nextUsed = published = Raw.UsedIdx;
    }

    /// <summary>The ring's memory, for a device that misbehaves.</summary>
    public SplitRingMemory Raw { get; }

    public override uint Base => nextAvail;

    public override TakeResult TryTake(DeviceChain chain)
    {
        chain.Clear();
        if (broken is not null)
        {
            return Broken(chain, broken);
        }

        if (nextAvail == seenAvail)
        {
            seenAvail = Raw.AvailIdx;
            ushort waiting = (ushort)(seenAvail - nextAvail);
            if (waiting == 0)
            {
                return TakeResult.Empty;
            }

            if (waiting > Setup.Size)
            {
                return Broken(chain, $"available index is {waiting} ahead in a ring of {Setup.Size}");
            }
        }

        chain.Id = Raw.GetAvailable(nextAvail & mask);
        string? ringDefect = Walk(chain);
        if (ringDefect is not null)
        {
            return Broken(chain, ringDefect);
        }

        nextAvail++;
        return chain.Judge();
    }

    public override void Untake(DeviceChain chain) => nextAvail--;

    public override bool TryReread(ushort id, DeviceChain chain)
    {
        chain.Clear();
        chain.Id = id;
        chain.Defect = Walk(chain);
        return true;
    }

    public override void Complete(ushort id, ushort ringEntries, uint written)
    {
        Raw.SetUsed(nextUsed & mask, new UsedElement(id, written));
        nextUsed++;
    }

    public override void PublishUsed()
    {
        if (nextUsed == published)
        {
            return;
        }

        publishedSinceLook += (ushort)(nextUsed - published);
        published = nextUsed;

        // Section 2.7.8.2: the elements before the index.
        Raw.UsedIdx = published;
    }

    public override bool CallNeeded()
    {
        uint added = publishedSinceLook;
        if (added == 0)
        {
            return false;
        }

        // As a driver must (section 2.7.13.4.1): the index before looking at flags or event.
        VirtioBarrier.Full();
        publishedSinceLook = 0;
        if (!Setup.EventIdx)
        {
            return (Raw.AvailFlags & SplitRingMemory.NoInterrupt) == 0;
        }

        // What a device before this one has announced is not known, so the first answer is yes.
        bool first = !looked;
        looked = true;
        return first || NotificationRule.CrossedSplit(Raw.UsedEvent, published, added);
    }

    public override bool EnableKicks()
    {
        if (Setup.EventIdx)
        {
            Raw.AvailEvent = nextAvail;
        }
        else
        {
            Raw.UsedFlags = 0;
        }

        VirtioBarrier.Full();
        return broken is null && Raw.AvailIdx != nextAvail;
    }

    public override void DisableKicks()
    {
        if (Setup.EventIdx)
        {
            // Half a turn away, as a driver does it; flags must stay 0 (section 2.7.10.2).
            Raw.AvailEvent = (ushort)(nextAvail + 0x8000);
        }
        else
        {
            Raw.UsedFlags = SplitRingMemory.NoNotify;
        }
    }

    private TakeResult Broken(DeviceChain chain, string reason)
    {
        broken = reason;
        chain.Defect = reason;
        return TakeResult.BrokenRing;
    }

    // Returns what makes the ring impossible to follow; what only spoils the chain goes into its defect.
    private string? Walk(DeviceChain chain)
    {
        ushort index = chain.Id;
        while (true)
        {
            if (index >= Setup.Size)
            {
                return $"descriptor index {index} in a table of {Setup.Size}";
            }

            if (chain.RingEntries == Setup.Size)
            {
                return "loop of descriptors";
            }

            // One copy: the driver may change the original while it is looked at.
            SplitDescriptor descriptor = Raw.GetDescriptor(index);
            chain.RingEntries++;
            bool next = descriptor.Is(DescriptorFlags.Next);
            if (descriptor.Is(DescriptorFlags.Indirect))
            {
                // Section 2.7.5.3.2: WRITE on this descriptor is ignored, and direct ones may come before it.
                AddIndirect(chain, descriptor.Address, descriptor.Length, next);
            }
            else
            {
                chain.AddChecked(Memory, new RingBuffer(descriptor.Address, descriptor.Length, descriptor.Is(DescriptorFlags.Write)));
            }

            if (!next)
            {
                return null;
            }

            index = descriptor.Next;
        }
    }

    private void AddIndirect(DeviceChain chain, ulong address, uint length, bool next)
    {
        if (!Setup.Indirect)
        {
            chain.Defect ??= "indirect descriptor without VIRTIO_F_INDIRECT_DESC";
        }
        else if (next)
        {
            chain.Defect ??= "indirect descriptor with NEXT";
        }
        else
        {
            IndirectTable.Read(Memory, RingLayout.Split, address, length, chain);
        }
    }
}
