using Vsockspec.Guests;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>One instance of a device, and the cases run on it.</summary>
/// <param name="cid">Of its guest.</param>
/// <param name="secondCid">Of the guest on a second instance, where a case wants one.</param>
internal sealed class DeviceBench(RunRequest request, IDeviceTarget device, RequirementRegister register, IRunListener listener, ulong cid, ulong secondCid) : IBench
{
    private readonly CaseExecution execution = new(request, register);
    private readonly GuestKeeper? guests = request.Guests is { } source ? new GuestKeeper(source, listener) : null;
    private InstanceFolder? folder;
    private ITargetInstance? instance;
    private bool hasServedGuest;

    public TargetFacts Probe(CancellationToken cancellation)
    {
        string? answer = request.AskUnknownOption ? device.AskUnknownOption(Place(), cancellation) : null;
        return TargetProbe.Ask(device, Instance(cancellation), request.Patience) with { UnknownOption = answer };
    }

    public CaseResult Run(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation) =>
        execution.Skips(run, repetition, facts) ?? RunOnTarget(run, repetition, facts, cancellation);

    public void Dispose()
    {
        guests?.Dispose();
        instance?.Dispose();
        folder?.Dispose();
        execution.Dispose();
    }

    private CaseResult RunOnTarget(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
    {
        bool alone = run.Case.Attribute.Isolation == Isolation.Process || (device.IsFreshForEachCase && !run.Case.NeedsGuest);
        if (alone || run.Case.NeedsGuest != hasServedGuest)
        {
            // A back end has one front end at a time: the guest's or ours.
            Retire();
        }

        hasServedGuest = run.Case.NeedsGuest;
        CaseResult result;
        try
        {
            result = run.Case.NeedsGuest ? RunInGuest(run, repetition, facts, cancellation) : execution.Run(run, repetition, Instance(cancellation), null, facts);
        }
        catch (Exception e) when (e is GuestException or KernelException or GuestCallException)
        {
            Retire();
            return execution.Unable(run, repetition, "guest-not-ready", e.Message);
        }

        // After a failure nothing is known about the state of the target: the next case gets a new one.
        if (alone || Verdicts.ExitCode([result.Verdict]) != 0)
        {
            Retire();
        }

        return result;
    }

    private CaseResult RunInGuest(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
    {
        ITargetInstance target = Instance(cancellation);
        GuestAccess access = new(guests!, device, target, secondCid, cancellation);
        VirtioFeatures missing = guests!.Lacks(run.Case.Attribute.Needs);
        return missing == 0
            ? guests.Inspect(execution.Run(run, repetition, target, access, facts), execution.Audited)
            : execution.Beyond(run, repetition, missing);
    }

    /// <summary>A target that cannot be started again goes on, without the guest.</summary>
    private void Retire()
    {
        guests?.Release();
        if (device.CanRestart)
        {
            instance?.Dispose();
            instance = null;
        }
    }

    private ITargetInstance Instance(CancellationToken cancellation)
    {
        if (instance is { HasExited: true } && device.CanRestart)
        {
            Retire();
        }

        return instance ??= device.Start(Place(), cancellation);
    }

    private TargetPlace Place()
    {
        folder ??= InstanceFolder.Create();
        return new TargetPlace(folder.Path, cid);
    }
}
