using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Virtqueues, virtio 1.4 sections 2.7, 2.8 and 3.3.1.</summary>
internal static class DriverRingMutants
{
    public static IEnumerable<DriverMutant> All =>
    [
        new("driver-ring-misaligned", "VQ-01", "Puts the descriptor table at an address that is not a multiple of 16.", p => p with { Layout = Misaligned }),
        On("driver-ring-index-goes-back", "VQ-11", "Takes avail.idx of the rx ring back by two laps (split).", VsockQueue.Rx, (_, ring) => new GoesBack(ring)),
        On("driver-ring-index-wraps-early", "VQ-23", "Counts avail.idx of the rx ring modulo twice the ring's size (split).", VsockQueue.Rx, (_, ring) => new WrapsEarly(ring)),
        On("driver-ring-chain-loops", "VQ-07", "Links the last descriptor of every fourth packet with payload back to the first (split).", VsockQueue.Tx, (memory, ring) => new Loops(memory, ring)),
        On("driver-ring-table-linked", "VQ-10", "Sets NEXT on the descriptor of an indirect table (split).", VsockQueue.Tx, (_, ring) => new LinksTables(ring)),
        On("driver-ring-buffer-changed", "RS-04", "Changes packets that the device has not returned yet.", VsockQueue.Tx, (memory, ring) => new ChangesBuffers(memory, ring)),
        On("driver-ring-wrap-counter-stuck", "PK-04", "Never flips the wrap counter of the rx ring (packed).", VsockQueue.Rx, (_, ring) => new NeverFlips(ring)),
        On("driver-ring-taken-in-posting-order", "VQ-18", "Takes rx buffers for those that it posted first, whatever ids the device returns.", VsockQueue.Rx, (_, ring) => new TakesInOrder(ring)),
        On("driver-ring-event-first-ignored", "PK-07", "Does not notify a device that asks for it at the first descriptor of the ring (packed).", VsockQueue.Tx, (_, ring) => new SkipsFirst(ring)),
        On("driver-ring-event-mode-reserved", "PK-07", "Asks for notifications in the reserved mode (packed).", VsockQueue.Rx, (_, ring) => new EventModes(ring, EventMode.Reserved, always: true)),
        On("driver-ring-event-mode-unnegotiated", "PK-07", "Asks for notification of one descriptor without EVENT_IDX (packed).", VsockQueue.Rx, (_, ring) => new EventModes(ring, EventMode.Desc, always: false)),
    ];

    private static DriverMutant On(string id, string breaks, string summary, int queue, Func<GuestMemory, DriverRing, DriverRing> wrap) =>
        new(id, breaks, summary, p => p with { Ring = (index, memory, ring) => index == queue ? wrap(memory, ring) : ring });

    private static RingSetup Misaligned(GuestArena arena, RingSetup setup)
    {
        // Eight bytes off, in a place with room for that.
        const uint Off = 8;
        uint bytes = setup.Layout == RingLayout.Packed ? PackedRingMemory.DescriptorBytes(setup.Size) : SplitRingMemory.DescriptorBytes(setup.Size);
        return setup with { DescriptorArea = arena.Allocate(bytes + Off) + Off };
    }

    private sealed class GoesBack(DriverRing inner) : DriverRingDecorator(inner)
    {
        // Late enough for the device to have seen where it was, and so far back that it has taken what it finds there.
        private const int FromPublish = 4;

        private int publishes;

        public override void Publish()
        {
            base.Publish();
            if (++publishes >= FromPublish && Split is { } ring)
            {
                ring.AvailIdx -= (ushort)(2 * ring.Size);
            }
        }
    }

    private sealed class WrapsEarly(DriverRing inner) : DriverRingDecorator(inner)
    {
        public override void Publish()
        {
            base.Publish();
            if (Split is { } ring)
            {
                ring.AvailIdx = (ushort)(ring.AvailIdx % (2 * ring.Size));
            }
        }
    }

    private sealed class Loops(GuestMemory memory, DriverRing inner) : DriverRingDecorator(inner)
    {
        private const int Every = 4;

        private int chains;

        public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id)
        {
            bool isPosted = base.TryPost(buffers, out id);
            if (isPosted && buffers.Length > 1 && Split is { } ring && ++chains % Every == 0)
            {
                int last = id;
                while (ring.GetDescriptor(last) is var descriptor && descriptor.Is(DescriptorFlags.Next))
                {
                    last = descriptor.Next;
                }

                ring.SetDescriptor(last, ring.GetDescriptor(last) with { Flags = ring.GetDescriptor(last).Flags | DescriptorFlags.Next, Next = id });
            }

            return isPosted;
        }

        public override bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id)
        {
            bool isPosted = base.TryPostIndirect(direct, buffers, tableAddress, out id);
            if (isPosted && Split is not null && ++chains % Every == 0)
            {
                Span<byte> last = memory.Slice(tableAddress + (ulong)((buffers.Length - 1) * SplitDescriptor.Size), SplitDescriptor.Size);
                SplitDescriptor descriptor = SplitDescriptor.Read(last);
                (descriptor with { Flags = descriptor.Flags | DescriptorFlags.Next, Next = 0 }).Write(last);
            }

            return isPosted;
        }
    }

    private sealed class LinksTables(DriverRing inner) : DriverRingDecorator(inner)
    {
        public override bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id)
        {
            bool isPosted = base.TryPostIndirect(direct, buffers, tableAddress, out id);
            if (isPosted && Split is { } ring)
            {
                SplitDescriptor table = ring.GetDescriptor(id);
                ring.SetDescriptor(id, table with { Flags = table.Flags | DescriptorFlags.Next, Next = (ushort)((id + 1) % ring.Size) });
            }

            return isPosted;
        }
    }

    private sealed class ChangesBuffers(GuestMemory memory, DriverRing inner) : DriverRingDecorator(inner)
    {
        private readonly Dictionary<uint, ulong> packets = [];
        private ushort newest;

        public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id) => Note(base.TryPost(buffers, out id), buffers, id);

        public override bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id) =>
            Note(base.TryPostIndirect(direct, buffers, tableAddress, out id), buffers, id);

        public override bool TryTakeUsed(out UsedChain used)
        {
            bool isTaken = base.TryTakeUsed(out used);
            packets.Remove(used.Id);
            return isTaken;
        }

        /// <summary>The last byte of the header, of all packets that are out but the newest.</summary>
        public override void Publish()
        {
            base.Publish();
            foreach ((uint id, ulong address) in packets)
            {
                if (id != newest)
                {
                    memory.Slice(address, VsockHeader.Size)[^1] ^= 1;
                }
            }
        }

        private bool Note(bool isPosted, ReadOnlySpan<RingBuffer> buffers, ushort id)
        {
            if (isPosted)
            {
                packets[id] = buffers[0].Address;
                newest = id;
            }

            return isPosted;
        }
    }

    private sealed class NeverFlips(DriverRing inner) : DriverRingDecorator(inner)
    {
        private const DescriptorFlags State = DescriptorFlags.Avail | DescriptorFlags.Used;

        private int posted;
        private int published;

        public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id)
        {
            bool isPosted = base.TryPost(buffers, out id);
            posted += isPosted ? buffers.Length : 0;
            return isPosted;
        }

        public override void Publish()
        {
            base.Publish();
            for (; published < posted; published++)
            {
                if (Packed is { } ring && (published / ring.Size) % 2 == 1)
                {
                    int index = published % ring.Size;
                    ring.SetFlags(index, (ring.GetFlags(index) & ~State) | DescriptorFlags.Avail);
                }
            }
        }
    }

    private sealed class TakesInOrder(DriverRing inner) : DriverRingDecorator(inner)
    {
        private readonly Queue<ushort> posted = [];

        public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id)
        {
            bool isPosted = base.TryPost(buffers, out id);
            if (isPosted)
            {
                posted.Enqueue(id);
            }

            return isPosted;
        }

        public override bool TryTakeUsed(out UsedChain used)
        {
            bool isTaken = base.TryTakeUsed(out used);
            if (isTaken && posted.TryDequeue(out ushort first))
            {
                used = used with { Id = first };
            }

            return isTaken;
        }
    }

    private sealed class SkipsFirst(DriverRing inner) : DriverRingDecorator(inner)
    {
        public override bool KickNeeded() =>
            base.KickNeeded() && Packed?.DeviceEvent is not { Mode: EventMode.Desc, Offset: 0 };
    }

    private sealed class EventModes(DriverRing inner, EventMode mode, bool always) : DriverRingDecorator(inner)
    {
        public override bool EnableCalls(ushort after = 0)
        {
            bool hasUsed = base.EnableCalls(after);
            if (Packed is { } ring && (always || !Setup.EventIdx))
            {
                ring.DriverEvent = ring.DriverEvent with { Flags = (ushort)mode };
            }

            return hasUsed;
        }
    }
}
