using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Virtqueues, virtio 1.4 sections 2.7 and 2.8.</summary>
internal static class RingMutants
{
    public static IEnumerable<Mutant> All =>
    [
        On(
            VsockQueue.Tx,
            "ring-header-in-one-buffer",
            "VQ-02",
            "Ignores packets whose header is cut into pieces.",
            r => new WholeHeader(r, c => c.Readable)),
        On(
            VsockQueue.Rx,
            "ring-rx-header-in-one-buffer",
            "VQ-02",
            "Gives rx buffers back unused whose first piece is shorter than a header.",
            r => new WholeHeader(r, c => c.Writable)),
        On(VsockQueue.Tx, "ring-two-buffers-at-most", "VQ-02", "Ignores packets in more than two buffers.", r => new FewBuffers(r)),
        On(VsockQueue.Tx, "ring-writes-readable-buffers", "VQ-05", "Writes into packets of the guest.", r => new Scribbling(r)),
        On(VsockQueue.Tx, "ring-writes-descriptors", "VQ-06", "Clears descriptors that it has used (split).", r => new ClearsDescriptors(r)),
        On(
            VsockQueue.Tx,
            "ring-indirect-write-flag",
            "VQ-08",
            "Ignores a chain whose indirect descriptor has the WRITE flag.",
            r => new MindsWriteFlag(r)),
        On(
            VsockQueue.Tx,
            "ring-direct-then-indirect",
            "VQ-09",
            "Ignores a chain with direct descriptors before the indirect one.",
            r => new MindsDirectFirst(r)),
        OnAll(
            "ring-call-missing",
            "VQ-12",
            "Does not notify without EVENT_IDX.",
            r => new Calling(r, (ring, needed) => needed && ring.Setup.EventIdx)),
        OnAll(
            "ring-call-although-suppressed",
            "VQ-13",
            "Notifies although the guest asked it not to, without EVENT_IDX (split).",
            r => new Calling(r, (ring, needed) => needed || ring.Setup is { EventIdx: false, Layout: RingLayout.Split })),
        OnAll("ring-event-missing", "VQ-14", "Does not notify with EVENT_IDX, but for the first time.", r => new FirstCallOnly(r)),
        OnAll(
            "ring-event-ignored",
            "VQ-15",
            "Notifies of every batch with EVENT_IDX (split).",
            r => new Calling(r, (ring, needed) => needed || ring.Setup is { EventIdx: true, Layout: RingLayout.Split })),
        On(VsockQueue.Rx, "ring-used-length-zero", "VQ-16", "Returns filled buffers with length 0.", r => new Measuring(r, _ => 0)),
        On(
            VsockQueue.Rx,
            "ring-used-length-short",
            "VQ-16",
            "Forgets the header in the length of what it returns.",
            r => new Measuring(r, written => written < 44 ? 0 : written - 44)),
        On(
            VsockQueue.Rx,
            "ring-used-length-long",
            "VS-X-08",
            "Returns filled buffers with 4 bytes more than it wrote.",
            r => new Measuring(r, written => written + 4)),
        On(VsockQueue.Tx, "ring-tx-used-length", "VS-X-13", "Returns packets of the guest with a length.", r => new Measuring(r, _ => 44)),
        On(VsockQueue.Rx, "ring-writes-past-the-buffer", "VQ-05", "Writes one byte behind the last buffer that it fills.", r => new Overrunning(r)),
        On(VsockQueue.Tx, "ring-data-chain-kept", "VQ-18", "Does not give back chains of packets with data.", r => new Keeping(r, c => c.ReadableBytes > VsockHeader.Size)),
        On(VsockQueue.Tx, "ring-long-chain-kept", "VQ-03", "Does not give back chains of more than 64 buffers.", r => new Keeping(r, c => c.Count > 64)),
        OnAll("ring-bad-chain-fatal", "VQ-10", "Dies of a chain that breaks a rule.", r => new Dying(r, TakeResult.BadChain)),
        On(VsockQueue.Tx, "ring-broken-fatal", "VQ-11", "Dies of a ring that cannot be followed.", r => new Dying(r, TakeResult.BrokenRing)),
        On(
            VsockQueue.Tx,
            "ring-kicks-for-nothing",
            "VQ-21",
            "Gives the ring up when it was kicked ten times in a row for nothing.",
            r => new Offended(r)),
        On(
            VsockQueue.Tx,
            "ring-index-compared-as-number",
            "VQ-23",
            "Takes an available index below its own for nothing new (split).",
            r => new ComparesIndices(r)),
        OnAll(
            "ring-event-one-late",
            "VQ-14",
            "Notifies one chain after used_event (split).",
            r => new OwnEvent(r, (wanted, now, before) => (ushort)(now - wanted - 2) < (ushort)(now - before))),
        OnAll(
            "ring-event-without-wrap",
            "VQ-14",
            "Compares used_event with indices as numbers (split).",
            r => new OwnEvent(r, (wanted, now, before) => wanted >= before && wanted < now)),
        OnAll("ring-event-minds-flags", "VQ-14", "Does not notify with EVENT_IDX while avail.flags is 1 (split).", r => new MindsAvailFlags(r)),
        OnAll(
            "ring-used-flags-with-event-idx",
            "VQ-20",
            "Sets NO_NOTIFY in used.flags although EVENT_IDX was accepted (split).",
            r => new FlagsToo(r)),
        On(
            VsockQueue.Tx,
            "ring-sleeps-at-start",
            "VQ-19",
            "Looks at the ring only after a kick that comes while it runs.",
            r => new SleepsAtStart(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-takes-last-lap",
            "PK-02",
            "Takes descriptors for available whose AVAIL bit is from the lap before (packed).",
            r => new TakesLastLap(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-takes-too-early",
            "PK-02",
            "Takes a chain when the descriptor behind it is available (packed).",
            r => new TakesTooEarly(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-neighbours-swapped",
            "PK-01",
            "Takes two chains that wait in neighbouring descriptors the second one first (packed).",
            r => new SwapsNeighbours(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-id-is-index",
            "PK-05",
            "Returns the place of a chain in the ring in place of its buffer id (packed).",
            r => new IdIsIndex(r)),
        OnAll("ring-packed-event-mode-reserved", "PK-07", "Asks for kicks in the reserved mode (packed).", r => new ReservedMode(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-event-next-lap",
            "PK-07",
            "Ignores the wrap counter of the event that the guest waits for (packed).",
            r => new IgnoresEventWrap(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-table-minds-next",
            "PK-06",
            "Ignores a chain whose indirect table has NEXT flags (packed).",
            r => new MindsTableFlags(r)),
        On(VsockQueue.Tx, "ring-region-end", "VQ-02", "Ignores packets with a buffer in two memory regions.", r => new OneRegion(r, c => c.Readable)),
        On(
            VsockQueue.Rx,
            "ring-rx-region-end",
            "VQ-02",
            "Gives rx buffers back unused that lie in two memory regions.",
            r => new OneRegion(r, c => c.Writable)),
        On(VsockQueue.Tx, "ring-tx-carries-back", "VS-X-02", "Says of every packet of the guest that it put an answer into it.", r => new Measuring(r, _ => 8)),
        On(
            VsockQueue.Rx,
            "host-data-without-end",
            "VS-X-14",
            "Goes on taking the host's data without rx buffers: fills the last one again and again (split).",
            r => new FillsAgain(r)),
        On(
            VsockQueue.Tx,
            "stream-repeats-a-packet",
            "VS-X-17",
            "Passes every 16th packet in four or more buffers on twice.",
            r => new Repeating(r)),
        On(
            VsockQueue.Rx,
            "stream-to-guest-flips-a-bit",
            "VS-X-17",
            "Changes the first byte of packets with 1000 bytes and more to the guest.",
            r => new Flipping(r)),
        On(VsockQueue.Tx, "ring-chain-leaked", "VQ-18", "Does not give back every eighth chain.", r => new Leaking(r)),
        On(VsockQueue.Tx, "ring-chain-twice", "VQ-18", "Gives back every eighth chain twice.", r => new Doubling(r)),
        On(VsockQueue.Tx, "ring-never-asks-for-kicks", "VQ-19", "Goes to sleep without asking for a notification.", r => new Sleeping(r)),
        OnAll("ring-used-flags-junk", "VQ-20", "Sets a reserved bit of the used ring's flags (split).", r => new JunkFlags(r)),
        On(
            VsockQueue.Tx,
            "ring-out-of-order",
            "FE-12",
            "Gives back the chains of a batch in reverse although IN_ORDER was accepted.",
            r => new Reversing(r)),
        On(VsockQueue.Rx, "ring-packed-list-counted-as-one", "PK-03", "Advances by one for a list of descriptors (packed).", r => new CountsOne(r)),
        On(
            VsockQueue.Tx,
            "ring-packed-write-flag",
            "PK-05",
            "Says of packets of the guest that it wrote into them (packed).",
            r => new PackedMeasuring(r)),
        OnAll(
            "ring-packed-suppression-ignored",
            "PK-07",
            "Notifies although the guest disabled it (packed).",
            r => new Calling(r, (ring, needed) => needed || ring.Setup.Layout == RingLayout.Packed)),
    ];

    private static Mutant On(int queue, string id, string breaks, string summary, Func<DeviceRing, DeviceRing> wrap) =>
        new(id, breaks, summary, p => p with { Ring = (index, ring) => index == queue ? wrap(ring) : ring });

    private static Mutant OnAll(string id, string breaks, string summary, Func<DeviceRing, DeviceRing> wrap) =>
        new(id, breaks, summary, p => p with { Ring = (_, ring) => wrap(ring) });

    private delegate ReadOnlySpan<RingBuffer> Half(DeviceChain chain);

    private sealed class WholeHeader(DeviceRing inner, Half half) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            return result == TakeResult.Chain && half(chain) is [{ Length: < VsockHeader.Size }, _, ..] ? TakeResult.BadChain : result;
        }
    }

    private sealed class FewBuffers(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            return result == TakeResult.Chain && chain.Count > 2 ? TakeResult.BadChain : result;
        }
    }

    private sealed class Scribbling(DeviceRing inner) : RingDecorator(inner)
    {
        private ulong first;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            first = result == TakeResult.Chain && chain.Readable is [{ Length: > 0 } buffer, ..] ? buffer.Address : ulong.MaxValue;
            return result;
        }

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (Memory.TrySlice(first, 1, out Span<byte> target))
            {
                target[0] ^= 0xff;
            }

            base.Complete(id, ringEntries, written);
        }
    }

    private sealed class FillsAgain(DeviceRing inner) : RingDecorator(inner)
    {
        private bool any;
        private bool again;

        public override TakeResult TryTake(DeviceChain chain)
        {
            // What the last chain was is still in the object, which nobody else has used.
            again = any && Split is { } split && split.AvailIdx == (ushort)Base;
            if (again)
            {
                return TakeResult.Chain;
            }

            TakeResult result = base.TryTake(chain);
            any = result == TakeResult.Chain;
            return result;
        }

        public override void Untake(DeviceChain chain)
        {
            if (!again)
            {
                any = false;
                base.Untake(chain);
            }
        }

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (!again)
            {
                base.Complete(id, ringEntries, written);
            }
        }
    }

    private sealed class Repeating(DeviceRing inner) : RingDecorator(inner)
    {
        private int seen;
        private bool isFirstTime;
        private bool comesAgain;

        public override TakeResult TryTake(DeviceChain chain)
        {
            if (comesAgain)
            {
                // What the chain was is still in the object, which nobody else has used.
                comesAgain = false;
                return TakeResult.Chain;
            }

            TakeResult result = base.TryTake(chain);
            isFirstTime = result == TakeResult.Chain && chain.Count >= 4 && ++seen % 16 == 0;
            return result;
        }

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            comesAgain = isFirstTime;
            isFirstTime = false;
            if (!comesAgain)
            {
                base.Complete(id, ringEntries, written);
            }
        }
    }

    private sealed class Flipping(DeviceRing inner) : RingDecorator(inner)
    {
        private const uint Least = VsockHeader.Size + 1000;
        private ulong first;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            first = result == TakeResult.Chain ? FirstOfPayload(chain.Writable) : ulong.MaxValue;
            return result;
        }

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (written >= Least && Memory.TrySlice(first, 1, out Span<byte> target))
            {
                target[0] ^= 1;
            }

            base.Complete(id, ringEntries, written);
        }

        private static ulong FirstOfPayload(ReadOnlySpan<RingBuffer> buffers)
        {
            uint before = VsockHeader.Size;
            foreach (ref readonly RingBuffer buffer in buffers)
            {
                if (before < buffer.Length)
                {
                    return buffer.Address + before;
                }

                before -= buffer.Length;
            }

            return ulong.MaxValue;
        }
    }

    private sealed class ClearsDescriptors(DeviceRing inner) : RingDecorator(inner)
    {
        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            Split?.SetDescriptor(id, Split.GetDescriptor(id) with { Length = 0 });
            base.Complete(id, ringEntries, written);
        }
    }

    private sealed class MindsWriteFlag(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            const DescriptorFlags Both = DescriptorFlags.Indirect | DescriptorFlags.Write;
            TakeResult result = base.TryTake(chain);
            return result == TakeResult.Chain && Split is not null && (Split.GetDescriptor(chain.Id).Flags & Both) == Both ? TakeResult.BadChain : result;
        }
    }

    private sealed class MindsDirectFirst(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            if (result == TakeResult.Chain && Split is not null)
            {
                for (SplitDescriptor d = Split.GetDescriptor(chain.Id); d.Is(DescriptorFlags.Next);)
                {
                    d = Split.GetDescriptor(d.Next);
                    if (d.Is(DescriptorFlags.Indirect))
                    {
                        return TakeResult.BadChain;
                    }
                }
            }

            return result;
        }
    }

    private sealed class Calling(DeviceRing inner, Func<DeviceRing, bool, bool> decide) : RingDecorator(inner)
    {
        private bool completed;

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            completed = true;
            base.Complete(id, ringEntries, written);
        }

        public override bool CallNeeded()
        {
            bool needed = base.CallNeeded();
            bool any = completed;
            completed = false;
            return any && decide(this, needed);
        }
    }

    private sealed class FirstCallOnly(DeviceRing inner) : RingDecorator(inner)
    {
        private bool called;

        public override bool CallNeeded()
        {
            bool needed = base.CallNeeded() && (!Setup.EventIdx || !called);
            called |= needed;
            return needed;
        }
    }

    private sealed class Measuring(DeviceRing inner, Func<uint, uint> measure) : RingDecorator(inner)
    {
        public override void Complete(ushort id, ushort ringEntries, uint written) => base.Complete(id, ringEntries, measure(written));
    }

    private sealed class PackedMeasuring(DeviceRing inner) : RingDecorator(inner)
    {
        public override void Complete(ushort id, ushort ringEntries, uint written) =>
            base.Complete(id, ringEntries, Setup.Layout == RingLayout.Packed ? 1 : written);
    }

    private sealed class Leaking(DeviceRing inner) : RingDecorator(inner)
    {
        private int chains;

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (++chains % 8 != 0)
            {
                base.Complete(id, ringEntries, written);
            }
        }
    }

    private sealed class Doubling(DeviceRing inner) : RingDecorator(inner)
    {
        private int chains;

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            base.Complete(id, ringEntries, written);
            if (++chains % 8 == 0)
            {
                base.Complete(id, ringEntries, written);
            }
        }
    }

    private sealed class Sleeping(DeviceRing inner) : RingDecorator(inner)
    {
        public override bool EnableKicks()
        {
            bool available = base.EnableKicks();
            base.DisableKicks();
            return available;
        }
    }

    private sealed class JunkFlags(DeviceRing inner) : RingDecorator(inner)
    {
        public override void PublishUsed()
        {
            if (Split is { } ring)
            {
                ring.UsedFlags |= 2;
            }

            base.PublishUsed();
        }
    }

    private sealed class Reversing(DeviceRing inner) : RingDecorator(inner)
    {
        private readonly Stack<(ushort Id, ushort Entries, uint Written)> batch = new();

        public override void Complete(ushort id, ushort ringEntries, uint written) => batch.Push((id, ringEntries, written));

        public override void PublishUsed()
        {
            while (batch.TryPop(out (ushort Id, ushort Entries, uint Written) chain))
            {
                base.Complete(chain.Id, chain.Entries, chain.Written);
            }

            base.PublishUsed();
        }
    }

    private sealed class CountsOne(DeviceRing inner) : RingDecorator(inner)
    {
        public override void Complete(ushort id, ushort ringEntries, uint written) =>
            base.Complete(id, Setup.Layout == RingLayout.Packed ? (ushort)1 : ringEntries, written);
    }

    private sealed class Overrunning(DeviceRing inner) : RingDecorator(inner)
    {
        private ulong end;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            end = result == TakeResult.Chain && chain.Writable is [.., RingBuffer last] ? last.Address + last.Length : ulong.MaxValue;
            return result;
        }

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (Memory.TrySlice(end, 1, out Span<byte> behind))
            {
                behind[0] = 0;
            }

            base.Complete(id, ringEntries, written);
        }
    }

    private sealed class Keeping(DeviceRing inner, Predicate<DeviceChain> which) : RingDecorator(inner)
    {
        private bool keep;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            keep = result == TakeResult.Chain && which(chain);
            return result;
        }

        public override void Complete(ushort id, ushort ringEntries, uint written)
        {
            if (!keep)
            {
                base.Complete(id, ringEntries, written);
            }
        }
    }

    private sealed class Dying(DeviceRing inner, TakeResult of) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            return result == of ? throw new InvalidOperationException(chain.Defect) : result;
        }
    }

    private sealed class Offended(DeviceRing inner) : RingDecorator(inner)
    {
        private int looks;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            looks = result == TakeResult.Empty ? looks + 1 : 0;
            return looks > 10 ? TakeResult.BrokenRing : result;
        }
    }

    private sealed class ComparesIndices(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain) => IsBehind ? TakeResult.Empty : base.TryTake(chain);

        public override bool EnableKicks() => base.EnableKicks() && !IsBehind;

        private bool IsBehind => Split is { } ring && ring.AvailIdx < Base;
    }

    private sealed class OwnEvent(DeviceRing inner, Func<ushort, ushort, ushort, bool> passed) : RingDecorator(inner)
    {
        private ushort? before;

        public override bool CallNeeded()
        {
            bool needed = base.CallNeeded();
            if (Split is not { } ring || !Setup.EventIdx)
            {
                return needed;
            }

            ushort now = ring.UsedIdx;
            bool call = before is not { } last || (now != last && passed(ring.UsedEvent, now, last));
            before = now;
            return call;
        }
    }

    private sealed class MindsAvailFlags(DeviceRing inner) : RingDecorator(inner)
    {
        public override bool CallNeeded() => base.CallNeeded() && !(Setup.EventIdx && Split is { AvailFlags: SplitRingMemory.NoInterrupt });
    }

    private sealed class FlagsToo(DeviceRing inner) : RingDecorator(inner)
    {
        public override void DisableKicks()
        {
            base.DisableKicks();
            if (Setup.EventIdx && Split is { } ring)
            {
                ring.UsedFlags = SplitRingMemory.NoNotify;
            }
        }
    }

    private sealed class SleepsAtStart(DeviceRing inner) : RingDecorator(inner)
    {
        private const int Looks = 3;
        private int looks;

        public override TakeResult TryTake(DeviceChain chain) => looks++ < Looks ? TakeResult.Empty : base.TryTake(chain);

        public override bool EnableKicks() => base.EnableKicks() && looks >= Looks;
    }

    private sealed class TakesLastLap(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            const DescriptorFlags Both = DescriptorFlags.Avail | DescriptorFlags.Used;
            TakeResult result = base.TryTake(chain);
            int index = (int)(Base & 0x7fff);
            bool wrap = (Base & 0x8000) != 0;
            if (result != TakeResult.Empty || Packed is not { } ring || wrap || (ring.GetFlags(index) & Both) != Both)
            {
                return result;
            }

            // The last lap's used descriptor, with the address it had when it was available.
            ring.SetFlags(index, DescriptorFlags.Used);
            return base.TryTake(chain);
        }
    }

    private sealed class TakesTooEarly(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            const DescriptorFlags Both = DescriptorFlags.Avail | DescriptorFlags.Used;
            TakeResult result = base.TryTake(chain);
            int index = (int)(Base & 0x7fff);
            DescriptorFlags available = (Base & 0x8000) != 0 ? DescriptorFlags.Avail : DescriptorFlags.Used;
            if (result != TakeResult.Empty || Packed is not { } ring || index + 1 == ring.Size || (ring.GetFlags(index + 1) & Both) != available)
            {
                return result;
            }

            ring.SetFlags(index, available);
            return base.TryTake(chain);
        }
    }

    private sealed class SwapsNeighbours(DeviceRing inner) : RingDecorator(inner)
    {
        private bool second;

        public override TakeResult TryTake(DeviceChain chain)
        {
            int index = (int)(Base & 0x7fff);
            second = !second && Packed is { } ring && Swap(ring, index);
            return base.TryTake(chain);
        }

        private bool Swap(PackedRingMemory ring, int index)
        {
            const DescriptorFlags State = DescriptorFlags.Avail | DescriptorFlags.Used | DescriptorFlags.Next;
            DescriptorFlags available = (Base & 0x8000) != 0 ? DescriptorFlags.Avail : DescriptorFlags.Used;
            if (index + 1 == ring.Size || (ring.GetFlags(index) & State) != available || (ring.GetFlags(index + 1) & State) != available)
            {
                return false;
            }

            PackedDescriptor first = ring.GetDescriptor(index);
            ring.SetDescriptor(index, ring.GetDescriptor(index + 1));
            ring.SetDescriptor(index + 1, first);
            return true;
        }
    }

    private sealed class IdIsIndex(DeviceRing inner) : RingDecorator(inner)
    {
        private ushort index;

        public override TakeResult TryTake(DeviceChain chain)
        {
            index = (ushort)(Base & 0x7fff);
            return base.TryTake(chain);
        }

        public override void Complete(ushort id, ushort ringEntries, uint written) =>
            base.Complete(Packed is null ? id : index, ringEntries, written);
    }

    private sealed class ReservedMode(DeviceRing inner) : RingDecorator(inner)
    {
        public override bool EnableKicks()
        {
            bool available = base.EnableKicks();
            if (Packed is { } ring)
            {
                ring.DeviceEvent = new EventSuppression(0, (ushort)EventMode.Reserved);
            }

            return available;
        }
    }

    private sealed class IgnoresEventWrap(DeviceRing inner) : RingDecorator(inner)
    {
        private uint before;
        private bool any;

        public override bool CallNeeded()
        {
            bool needed = base.CallNeeded();
            if (Packed is not { } ring || !Setup.EventIdx || ring.DriverEvent.Mode != EventMode.Desc)
            {
                return needed;
            }

            uint now = (Base >> 16) & 0x7fff;
            uint last = before;
            bool first = !any;
            before = now;
            any = true;
            return first || (ring.DriverEvent.Offset >= last && ring.DriverEvent.Offset < now);
        }
    }

    private sealed class MindsTableFlags(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            int index = (int)(Base & 0x7fff);
            TakeResult result = base.TryTake(chain);
            return result == TakeResult.Chain
                && Packed?.GetDescriptor(index) is { } head
                && head.Is(DescriptorFlags.Indirect)
                && Memory.TrySlice(head.Address, PackedDescriptor.Size, out Span<byte> entry)
                && PackedDescriptor.Read(entry).Is(DescriptorFlags.Next)
                    ? TakeResult.BadChain
                    : result;
        }
    }

    private sealed class OneRegion(DeviceRing inner, Half half) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            if (result == TakeResult.Chain)
            {
                foreach (RingBuffer buffer in half(chain))
                {
                    if (!Memory.TrySlice(buffer.Address, buffer.Length, out _))
                    {
                        return TakeResult.BadChain;
                    }
                }
            }

            return result;
        }
    }
}
