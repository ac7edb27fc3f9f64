using Vsockspec.Rings;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>A driver ring that does as the ring inside does; a mutant overrides where it errs.</summary>
internal abstract class DriverRingDecorator(DriverRing inner) : DriverRing(inner.Setup)
{
    public override int FreeDescriptors => inner.FreeDescriptors;

    public override int Outstanding => inner.Outstanding;

    public override bool LastUsedWasKnown => inner.LastUsedWasKnown;

    public override bool HasUsed => inner.HasUsed;

    /// <summary>The memory of a split ring; null for a packed one.</summary>
    protected SplitRingMemory? Split => (inner as SplitDriverRing)?.Raw;

    /// <summary>The memory of a packed ring; null for a split one.</summary>
    protected PackedRingMemory? Packed => (inner as PackedDriverRing)?.Raw;

    public override bool TryPost(ReadOnlySpan<RingBuffer> buffers, out ushort id) => inner.TryPost(buffers, out id);

    public override bool TryPostIndirect(ReadOnlySpan<RingBuffer> direct, ReadOnlySpan<RingBuffer> buffers, ulong tableAddress, out ushort id) =>
        inner.TryPostIndirect(direct, buffers, tableAddress, out id);

    public override void Publish() => inner.Publish();

    public override bool KickNeeded() => inner.KickNeeded();

    public override bool TryTakeUsed(out UsedChain used) => inner.TryTakeUsed(out used);

    public override bool EnableCalls(ushort after = 0) => inner.EnableCalls(after);

    public override void DisableCalls() => inner.DisableCalls();
}
