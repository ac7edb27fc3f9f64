using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Tests;

/// <summary>A vhost-user target behind a tap. What the tap saw since it was last asked is in <see cref="Take"/>.</summary>
internal sealed class TappedTarget(IDeviceTarget inner) : IDeviceTarget
{
    private GuestTap? _tap;
    private GuestEvidence? _evidence;

    public string Name => inner.Name;

    public string? Version => inner.Version;

    public TargetRole Role => inner.Role;

    public string Transport => inner.Transport;

    public string? Digest => inner.Digest;

    public IReadOnlyList<string>? Claims => inner.Claims;

    public bool CanRestart => inner.CanRestart;

    /// <summary>The tap of the instance that was started last.</summary>
    public GuestTap Tap => _tap!;

    public GuestCaseEvidence Take(bool patienceIsOver = false) => _evidence!.Take(patienceIsOver);

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        TappedInstance instance = new((IVhostUserInstance)inner.Start(place, cancellation), Path.Combine(place.Folder, "tap.sock"));
        _tap = instance.Tap;
        _evidence = instance.Evidence;
        return instance;
    }
}

/// <summary>A running target with a tap in front of it, which it owns.</summary>
internal sealed class TappedInstance : IVhostUserInstance
{

    public TappedInstance(IVhostUserInstance inner, string socket)
    {
        Inner = inner;
        Evidence = new GuestEvidence(inner.GuestCid);
        Tap = GuestTap.Start(inner.Socket, socket, inner.GuestCid, Evidence);
    }

    /// <summary>The target without the tap.</summary>
    public IVhostUserInstance Inner { get; }

    public GuestTap Tap { get; }

    public GuestEvidence Evidence { get; }

    public string Socket => Tap.Socket;

    public string Uds => Inner.Uds;

    public ulong GuestCid => Inner.GuestCid;

    public int? ProcessId => Inner.ProcessId;

    public bool HasExited => Inner.HasExited;

    public string? ExitStatus => Inner.ExitStatus;

    public IReadOnlyList<string> LastLines => Inner.LastLines;

    /// <summary>Ends the target under the tap.</summary>
    public void EndTarget() => Inner.Dispose();

    public void Dispose()
    {
        Tap.Dispose();
        Inner.Dispose();
    }
}
