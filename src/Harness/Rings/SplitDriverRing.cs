using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>The driver's side of a split virtqueue, virtio 1.4 section 2.7.</summary>
public sealed class SplitDriverRing : DriverRing
{
    private readonly GuestMemory memory;
    private readonly ushort mask;
    private readonly PostedChains posted;

    // Descriptors are handed out first freed, first used: when the device returns chains in order they are used in table
    // order, as VIRTIO_F_IN_ORDER demands (section 2.7.9).
    private readonly ushort[] free;
    private readonly ushort[] link;
    private uint freeTake;
    private uint freePut;

    private ushort nextAvail;
    private ushort published;
    private uint publishedSinceLook;
    private bool looked;
    private ushort lastUsed;
    private ushort seenUsed;
    private bool lastUsedWasKnown = true;

    /// <summary>Starts an idle ring: both indices in guest memory are set to <paramref name="startBase"/>, flags and events to 0.</summary>
    /// <param name="startBase">See <see cref="RingBase"/>.</param>
    /// <exception cref="RingSetupException">The size or an alignment is illegal.</exception>
    /// <exception cref="GuestMemoryException">A part is not in guest memory.</exception>
    public SplitDriverRing(GuestMemory memory, RingSetup setup, uint startBase = 0)
        : base(setup)
    {
        RingSetupException.ThrowUnlessSize(setup);
        this.memory = memory;
        mask = (ushort)(setup.Size - 1);
        posted = new PostedChains(setup.Size);
        link = new ushort[setup.Size];
        free = new ushort[setup.Size];
        for (ushort i = 0; i < setup.Size; i++)
        {
            free[i] = i;
        }

        freePut = setup.Size;
        nextAvail = published = lastUsed = seenUsed = (ushort)startBase;
        Raw = new SplitRingMemory(memory, setup)
        {
            AvailFlags = 0,
            AvailIdx = nextAvail,
            UsedEvent = 0,
            UsedFlags = 0,
            UsedIdx = lastUsed,
            AvailEvent = 0,
        };
    }

    /// <summary>The ring's memory, for illegal rings.</summary>
    public SplitRingMemory Raw { get; }

    public override int FreeDescriptors => (int)(freePut - freeTake);

    public override int Outstanding => posted.Count;

    public override bool LastUsedWasKnown => lastUsedWasKnown;

    public override bool HasUsed => posted.BatchLeft > 0 || Raw.UsedIdx != lastUsed;

    public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id)
    {
        ThrowIfEmpty(buffers);
        if (buffers.Length > FreeDescriptors)
        {
            id = 0;
            return false;
        }

        id = NextFree(0);
        MakeAvailable(id, buffers.Length, WriteDirect(buffers, more: false));
        return true;
    }

    public override bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id)
    {
        ThrowIfEmpty(buffers);
        if (direct.Length + 1 > FreeDescriptors)
        {
            id = 0;
            return false;
        }

        IndirectTable.Write(memory, RingLayout.Split, tableAddress, buffers);
        id = NextFree(0);
        ulong writable = WriteDirect(direct, more: true) + WritableBytes(buffers);
        Raw.SetDescriptor(
            NextFree(direct.Length),
            new SplitDescriptor(tableAddress, (uint)(buffers.Length * SplitDescriptor.Size), DescriptorFlags.Indirect, 0));
        MakeAvailable(id, direct.Length + 1, writable);
        return true;
    }

    public override void Publish()
    {
        publishedSinceLook += (ushort)(nextAvail - published);
        published = nextAvail;

        // Section 2.7.13.3.1: the entries before the index.
        Raw.AvailIdx = published;
    }

    public override bool KickNeeded()
    {
        // Section 2.7.13.4.1: the index before looking at flags or event.
        VirtioBarrier.Full();
        uint added = publishedSinceLook;
        if (added == 0)
        {
            return false;
        }

        publishedSinceLook = 0;
        if (!Setup.EventIdx)
        {
            return (Raw.UsedFlags & SplitRingMemory.NoNotify) == 0;
        }

        // A device that starts in the middle of the index range has had no chance yet to say what it waits for.
        bool first = !looked;
        looked = true;
        return first || NotificationRule.CrossedSplit(Raw.AvailEvent, published, added);
    }

    public override bool TryTakeUsed(out UsedChain used)
    {
        if (posted.BatchLeft == 0 && !ReadUsed())
        {
            used = default;
            return false;
        }

        lastUsed++;
        lastUsedWasKnown = posted.TakeNext(out used, out ushort descriptors);
        ushort index = (ushort)used.Id;
        for (int i = 0; i < descriptors; i++)
        {
            free[freePut++ & mask] = index;
            index = link[index];
        }

        return true;
    }

    public override bool EnableCalls(ushort after = 0)
    {
        if (Setup.EventIdx)
        {
            Raw.UsedEvent = (ushort)(lastUsed + after);
        }
        else
        {
            Raw.AvailFlags = 0;
        }

        VirtioBarrier.Full();
        return HasUsed;
    }

    public override void DisableCalls()
    {
        if (Setup.EventIdx)
        {
            // Half a turn away: not reached before the next look, wherever the device looked last. Flags must stay 0 (section 2.7.7.1).
            Raw.UsedEvent = (ushort)(lastUsed + 0x8000);
        }
        else
        {
            Raw.AvailFlags = SplitRingMemory.NoInterrupt;
        }
    }

    private ushort NextFree(int ahead) => free[(freeTake + (uint)ahead) & mask];

    private ulong WriteDirect(ReadOnlySpan<RingBuffer> buffers, bool more)
    {
        ulong writable = 0;
        for (int i = 0; i < buffers.Length; i++)
        {
            RingBuffer buffer = buffers[i];
            ushort index = NextFree(i);
            DescriptorFlags flags = DescriptorFlags.None;
            if (buffer.DeviceWrites)
            {
                flags = DescriptorFlags.Write;
                writable += buffer.Length;
            }

            ushort next = 0;
            if (more || i < buffers.Length - 1)
            {
                flags |= DescriptorFlags.Next;
                next = NextFree(i + 1);
            }

            link[index] = next;
            Raw.SetDescriptor(index, new SplitDescriptor(buffer.Address, buffer.Length, flags, next));
        }

        return writable;
    }

    private void MakeAvailable(ushort head, int descriptors, ulong writable)
    {
        freeTake += (uint)descriptors;
        posted.Add(head, descriptors, writable);
        Raw.SetAvailable(nextAvail & mask, head);
        nextAvail++;
    }

    private bool ReadUsed()
    {
        if (lastUsed == seenUsed)
        {
            seenUsed = Raw.UsedIdx;
            if (lastUsed == seenUsed)
            {
                return false;
            }

            // The ring holds no more than its size; a device that jumps further has overwritten the rest.
            if ((ushort)(seenUsed - lastUsed) > Setup.Size)
            {
                lastUsed = (ushort)(seenUsed - Setup.Size);
            }
        }

        UsedElement element = Raw.GetUsed(lastUsed & mask);
        int older = Setup.InOrder ? posted.OlderThan(element.Id) : 0;

        // A batch is published with one step of the index; one that would reach beyond it is a chain out of order.
        bool batch = older < (ushort)(seenUsed - lastUsed);
        posted.BeginBatch(new UsedChain(element.Id, element.Length), batch ? older : 0);
        return true;
    }
}
