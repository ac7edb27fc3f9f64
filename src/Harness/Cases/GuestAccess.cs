using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>What a case may do with guests: the one that serves it, that one booted again, and a second one.</summary>
internal sealed class GuestAccess(GuestKeeper keeper, IDeviceTarget target, ITargetInstance instance, ulong otherCid, CancellationToken cancellation)
{
    /// <summary>The guest that serves the case.</summary>
    public Guest Current { get; private set; } = keeper.Ready(instance, cancellation);

    public void Reboot() => Current = keeper.Reboot(instance, cancellation);

    public void TakeRestartable() => Current = keeper.Restartable(instance, cancellation)
        ?? throw new CaseSkippedException(Verdict.NotApplicable, "whether guests in the manifest's VMM can start anew by themselves is not known");

    public void Restart() => keeper.Restart();

    public GuestSide Another(Timeline timeline) => target.CanRestart
        ? keeper.Another(target, otherCid, timeline, cancellation)
        : throw new CaseSkippedException(Verdict.NotApplicable, "a second guest needs a second device, and an attached target is not started here") { Code = CaseSkippedException.CannotRestart };
}
