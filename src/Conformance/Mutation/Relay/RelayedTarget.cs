using Vsockspec.Peers;
using Vsockspec.Targets;
using Vsockspec.Transports;

namespace Vsockspec.Conformance.Mutation.Relay;

/// <summary>A target behind a relay.</summary>
/// <param name="rule">Makes the rule of one session.</param>
public sealed class RelayedTarget(IDeviceTarget inner, Func<RelayRule> rule) : IDeviceTarget
{
    public string Name => inner.Name;

    public string? Version => inner.Version;

    public TargetRole Role => inner.Role;

    public string Transport => inner.Transport;

    public string? Digest => inner.Digest;

    public IReadOnlyList<string>? Claims => inner.Claims;

    public bool CanRestart => inner.CanRestart;

    public bool IsFreshForEachCase => inner.IsFreshForEachCase;

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation) => new Instance(inner.Start(place, cancellation), rule);

    private sealed class Instance(ITargetInstance inner, Func<RelayRule> rule) : ITargetInstance
    {
        public ulong GuestCid => inner.GuestCid;

        public int? ProcessId => inner.ProcessId;

        public bool HasExited => inner.HasExited;

        public string? ExitStatus => inner.ExitStatus;

        public IReadOnlyList<string> LastLines => inner.LastLines;

        public IVsockDevice OpenDevice(TimeSpan patience) => new RelayDevice(inner.OpenDevice(patience), rule());

        public IHostPeer OpenHost(Timeline timeline) => inner.OpenHost(timeline);

        public void Dispose() => inner.Dispose();
    }
}
