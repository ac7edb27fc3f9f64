using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>The tap between a guest and the target, and the auditors that read it. Serves one guest after the other.</summary>
internal sealed class GuestWire : IDisposable
{
    /// <summary>How long the end of a case may take on the rings.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly InstanceFolder folder = InstanceFolder.Create();
    private readonly GuestEvidence evidence;
    private readonly GuestTap tap;

    private GuestWire(IVhostUserInstance target)
    {
        evidence = new GuestEvidence(target.GuestCid);
        tap = GuestTap.Start(target.Socket, Path.Combine(folder.Path, "tap.sock"), target.GuestCid, evidence);
    }

    /// <summary>What the guest connects to.</summary>
    public GuestVsock Device => new GuestVsock.VhostUser(tap.Socket);

    /// <summary>Null where guest and device meet in a kernel, and nobody can stand between them.</summary>
    public static GuestWire? On(ITargetInstance target) => target is IVhostUserInstance back ? new GuestWire(back) : null;

    /// <summary>What came since the last call, once it has come to rest.</summary>
    public GuestCaseEvidence Take() => evidence.Take(patienceIsOver: !tap.Settle(Patience));

    /// <summary>The result, with what became of the connection to the target.</summary>
    public CaseResult Judge(CaseResult result)
    {
        if (tap.Fault is { } own)
        {
            return result with { Verdict = Verdict.HarnessError, FailureCode = "tap", Observed = own.Message, Log = own.ToString() };
        }

        return tap.TargetFault is { } fault && result.Verdict is not (Verdict.Fail or Verdict.HarnessError)
            ? result with
            {
                Verdict = Verdict.Fail,
                FailureCode = "transport-" + fault.Fault.ToString().ToLowerInvariant(),
                Expected = "the device keeps serving its guest",
                Observed = fault.Message,
            }
            : result;
    }

    public void Dispose()
    {
        tap.Dispose();
        folder.Dispose();
    }
}
