using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>The driver's side of a packed virtqueue, virtio 1.4 section 2.8.</summary>
public sealed class PackedDriverRing : DriverRing
{
    private readonly GuestMemory memory;
    private readonly PostedChains posted;

    // Buffer ids, first freed, first used: an id that comes back twice is then mostly one that is not outstanding.
    private readonly ushort[] freeIds;
    private int freeIdTake;
    private int freeIdPut;
    private int freeEntries;

    private PackedPosition nextAvail;
    private PackedPosition published;
    private uint unpublished;
    private DescriptorFlags withheld;
    private uint publishedSinceLook;
    private bool looked;
    private PackedPosition lastUsed;
    private bool lastUsedWasKnown = true;

    /// <summary>Starts an idle ring: every descriptor is made neither available nor used, both sides want every notification.</summary>
    /// <param name="startBase">See <see cref="RingBase"/>; taken as it is, so 0 means wrap counters of 0.</param>
    /// <exception cref="RingSetupException">The size, an alignment or the base is illegal.</exception>
    /// <exception cref="GuestMemoryException">A part is not in guest memory.</exception>
    public PackedDriverRing(GuestMemory memory, RingSetup setup, uint startBase)
        : base(setup)
    {
        RingSetupException.ThrowUnlessSize(setup);
        this.memory = memory;
        posted = new PostedChains(setup.Size);
        freeIds = new ushort[setup.Size];
        freeEntries = setup.Size;
        (nextAvail, lastUsed) = RingBase.DecodePacked(startBase, setup.Size);
        published = nextAvail;
        Raw = new PackedRingMemory(memory, setup)
        {
            DriverEvent = EventSuppression.Of(EventMode.Enable),
            DeviceEvent = EventSuppression.Of(EventMode.Enable),
        };
        for (ushort i = 0; i < setup.Size; i++)
        {
            freeIds[i] = i;

            // As if used in the lap before the one in which the position is reached next.
            bool wrap = i >= nextAvail.Index ? !nextAvail.Wrap : nextAvail.Wrap;
            Raw.SetDescriptor(i, new PackedDescriptor(0, 0, 0, new PackedPosition(i, wrap).UsedFlags));
        }
    }

    /// <summary>The ring's memory, for illegal rings.</summary>
    public PackedRingMemory Raw { get; }

    /// <summary>The descriptor that the device writes when it uses a chain next; in an idle ring also the next to be made available.</summary>
    public ushort NextUsed => lastUsed.Index;

    public override int FreeDescriptors => freeEntries;

    public override int Outstanding => posted.Count;

    public override bool LastUsedWasKnown => lastUsedWasKnown;

    public override bool HasUsed => posted.BatchLeft > 0 || lastUsed.IsUsed(Raw.GetFlags(lastUsed.Index));

    public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id)
    {
        ThrowIfEmpty(buffers);
        if (buffers.Length > freeEntries)
        {
            id = 0;
            return false;
        }

        id = TakeId();
        PackedPosition position = nextAvail;
        ulong writable = 0;
        DescriptorFlags head = DescriptorFlags.None;
        for (int i = 0; i < buffers.Length; i++)
        {
            RingBuffer buffer = buffers[i];
            DescriptorFlags flags = position.AvailableFlags;
            if (buffer.DeviceWrites)
            {
                flags |= DescriptorFlags.Write;
                writable += buffer.Length;
            }

            if (i < buffers.Length - 1)
            {
                flags |= DescriptorFlags.Next;
            }

            Raw.SetAddress(position.Index, buffer.Address);
            Raw.SetElement(position.Index, id, buffer.Length);
            if (i == 0)
            {
                head = flags;
            }
            else
            {
                Raw.SetFlags(position.Index, flags);
            }

            position = position.Advance(1, Setup.Size);
        }

        MakeAvailable(id, buffers.Length, head, writable);
        return true;
    }

    public override bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id)
    {
        ThrowIfEmpty(buffers);
        if (!direct.IsEmpty)
        {
            throw new ArgumentException("a descriptor list of a packed ring must not hold an indirect descriptor", nameof(direct));
        }

        if (freeEntries == 0)
        {
            id = 0;
            return false;
        }

        IndirectTable.Write(memory, RingLayout.Packed, tableAddress, buffers);
        id = TakeId();
        Raw.SetAddress(nextAvail.Index, tableAddress);
        Raw.SetElement(nextAvail.Index, id, (uint)(buffers.Length * PackedDescriptor.Size));
        MakeAvailable(id, 1, nextAvail.AvailableFlags | DescriptorFlags.Indirect, WritableBytes(buffers));
        return true;
    }

    public override void Publish()
    {
        if (unpublished == 0)
        {
            return;
        }

        // Section 2.8.21.1.1: everything else before the flags of the first head, behind which all later chains wait.
        Raw.SetFlags(published.Index, withheld);
        publishedSinceLook += unpublished;
        unpublished = 0;
        published = nextAvail;
    }

    public override bool KickNeeded()
    {
        // Section 2.8.21.3.1: the flags before looking at the device's event suppression.
        VirtioBarrier.Full();
        uint added = publishedSinceLook;
        if (added == 0)
        {
            return false;
        }

        publishedSinceLook = 0;
        bool first = !looked;
        looked = true;
        return NotificationRule.Wanted(Raw.DeviceEvent, Setup, published, added, first);
    }

    public override bool TryTakeUsed(out UsedChain used)
    {
        if (posted.BatchLeft == 0 && !ReadUsed())
        {
            used = default;
            return false;
        }

        lastUsedWasKnown = posted.TakeNext(out used, out ushort entries);
        if (lastUsedWasKnown)
        {
            freeEntries += entries;
            freeIds[freeIdPut] = (ushort)used.Id;
            freeIdPut = freeIdPut + 1 == freeIds.Length ? 0 : freeIdPut + 1;
        }

        // Where a device goes after an id that nobody posted is anybody's guess; one step ends the loop of whoever drains the ring.
        lastUsed = lastUsed.Advance(Math.Max(entries, (ushort)1), Setup.Size);
        return true;
    }

    public override bool EnableCalls(ushort after = 0)
    {
        Raw.DriverEvent = Setup.EventIdx
            ? EventSuppression.At(lastUsed.Advance(after, Setup.Size))
            : EventSuppression.Of(EventMode.Enable);
        VirtioBarrier.Full();
        return HasUsed;
    }

    public override void DisableCalls() => Raw.DriverEvent = EventSuppression.Of(EventMode.Disable);

    private ushort TakeId()
    {
        ushort id = freeIds[freeIdTake];
        freeIdTake = freeIdTake + 1 == freeIds.Length ? 0 : freeIdTake + 1;
        return id;
    }

    private void MakeAvailable(ushort id, int entries, DescriptorFlags headFlags, ulong writable)
    {
        if (unpublished == 0)
        {
            withheld = headFlags;
        }
        else
        {
            Raw.SetFlags(nextAvail.Index, headFlags);
        }

        posted.Add(id, entries, writable);
        nextAvail = nextAvail.Advance((uint)entries, Setup.Size);
        unpublished += (uint)entries;
        freeEntries -= entries;
    }

    private bool ReadUsed()
    {
        DescriptorFlags flags = Raw.GetFlags(lastUsed.Index);
        if (!lastUsed.IsUsed(flags))
        {
            return false;
        }

        // Section 2.8.4: without WRITE nothing was written and the length means nothing.
        PackedDescriptor descriptor = Raw.GetDescriptor(lastUsed.Index);
        uint length = (flags & DescriptorFlags.Write) != 0 ? descriptor.Length : 0;
        posted.BeginBatch(new UsedChain(descriptor.Id, length), Setup.InOrder ? posted.OlderThan(descriptor.Id) : 0);
        return true;
    }
}
