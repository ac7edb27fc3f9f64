using Vsockspec.Reference;
using Vsockspec.Rings;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Tests.Runs;

/// <summary>What goes wrong in the middle of a transfer.</summary>
public enum Fault
{
    None,
    Stalls,
    Dies,
    Corrupts,
}

/// <summary>The reference device on a thread of this process, which goes wrong after so many tx packets of an instance.</summary>
internal sealed class FaultyTarget(Func<int, Fault> faultOf, int after = 100) : IDeviceTarget
{
    /// <summary>Instances that were started.</summary>
    public int Started { get; private set; }

    public string Name => "faulty";

    public string? Version => null;

    public TargetRole Role => TargetRole.Device;

    public string Transport => "vhost-user";

    public string? Digest => null;

    public IReadOnlyList<string>? Claims => null;

    public bool CanRestart => true;

    /// <summary>Not to be offered.</summary>
    public VirtioFeatures Withheld { get; init; }

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        Fault fault = faultOf(Started++);
        ReferenceOptions options = new()
        {
            Socket = Path.Combine(place.Folder, "device.sock"),
            Uds = Path.Combine(place.Folder, "host.sock"),
            GuestCid = place.GuestCid,
            BufferBytes = 1 << 20,
            WithheldFeatures = Withheld,
        };
        int left = after;
        DeviceParts parts = new() { Ring = (queue, ring) => queue == VsockQueue.Tx && fault != Fault.None ? new FaultyRing(ring, fault, () => --left < 0) : ring };
        return new Instance(options, ReferenceDevice.Start(options, parts, _ => { }));
    }

    private sealed class Instance(ReferenceOptions options, ReferenceDevice device) : IVhostUserInstance
    {
        public string Socket => options.Socket!;

        public string Uds => options.Uds;

        public ulong GuestCid => options.GuestCid;

        public int? ProcessId => null;

        public bool HasExited => device.Fault is not null;

        public string? ExitStatus => device.Fault is { } fault ? $"an exception: {fault.Message}" : null;

        public IReadOnlyList<string> LastLines => [];

        public void Dispose() => device.Dispose();
    }

    private sealed class FaultyRing(DeviceRing inner, Fault fault, Func<bool> isDue) : DeviceRing(inner.Memory, inner.Setup)
    {
        public override uint Base => inner.Base;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = inner.TryTake(chain);
            if (result != TakeResult.Chain || !isDue())
            {
                return result;
            }

            switch (fault)
            {
                case Fault.Dies:
                    throw new InvalidOperationException("broken on purpose");
                case Fault.Stalls:
                    inner.Untake(chain);
                    return TakeResult.Empty;
                default:
                    RingBuffer last = chain.Readable[^1];
                    Memory.Slice(last.Address + last.Length - 1, 1)[0] ^= 1;
                    return result;
            }
        }

        public override void Untake(DeviceChain chain) => inner.Untake(chain);

        public override void Complete(ushort id, ushort ringEntries, uint written) => inner.Complete(id, ringEntries, written);

        public override void PublishUsed() => inner.PublishUsed();

        public override bool CallNeeded() => inner.CallNeeded();

        public override bool EnableKicks() => inner.EnableKicks();

        public override void DisableKicks() => inner.DisableKicks();
    }
}
