using Vsockspec.Rings;

namespace Vsockspec.Reference.Mutants;

/// <summary>A device ring that does as the ring inside does; a mutant overrides where it errs.</summary>
internal abstract class RingDecorator(DeviceRing inner) : DeviceRing(inner.Memory, inner.Setup)
{
    public override uint Base => inner.Base;

    /// <summary>The memory of a split ring; null for a packed one.</summary>
    protected SplitRingMemory? Split => (inner as SplitDeviceRing)?.Raw;

    /// <summary>The memory of a packed ring; null for a split one.</summary>
    protected PackedRingMemory? Packed => (inner as PackedDeviceRing)?.Raw;

    public override TakeResult TryTake(DeviceChain chain) => inner.TryTake(chain);

    public override void Untake(DeviceChain chain) => inner.Untake(chain);

    public override void Complete(ushort id, ushort ringEntries, uint written) => inner.Complete(id, ringEntries, written);

    public override void PublishUsed() => inner.PublishUsed();

    public override bool CallNeeded() => inner.CallNeeded();

    public override bool EnableKicks() => inner.EnableKicks();

    public override void DisableKicks() => inner.DisableKicks();
}
