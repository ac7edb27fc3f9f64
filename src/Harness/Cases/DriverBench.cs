using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// Guests of a driver that is judged, and the cases run on them. A guest serves case after case for as long as the cases want the same device and it is as good as
/// new. Where there is a processor for that, one guest for another device boots meanwhile and serves its cases in between: there are at most that, the one at hand and
/// the one to which the cases return.
/// </summary>
internal sealed class DriverBench(RunRequest request, IDriverTarget driver, RequirementRegister register, IRunListener listener, int index) : IBench, IForesight
{
    /// <summary>What the first look offers: every feature that this suite knows a way to use.</summary>
    internal const VirtioFeatures Everything = VirtioFeatures.DeviceType | VirtioFeatures.IndirectDesc | VirtioFeatures.EventIdx | VirtioFeatures.RingPacked;

    private readonly CaseExecution execution = new(request, register);

    /// <summary>No two workers of a run have the same.</summary>
    private readonly ulong cid = 0x100 + (request.Seed % 0x3fff_0000) + (ulong)index;

    private DrivenGuest? guest;
    private DrivenGuest? parked;
    private GuestAhead? ahead;
    private DeviceSetup? next;
    private bool returns;
    private bool isSpoilt;

    public TargetFacts Probe(CancellationToken cancellation)
    {
        DeviceSetup setup = new() { Offered = Everything | VirtioFeatures.Version1, GuestCid = cid };
        try
        {
            DrivenGuest first = On(setup, alone: false, cancellation);
            return new TargetFacts(first.Device.Accepted ?? VirtioFeatures.None, 0, null);
        }
        catch (Exception e) when (e is KernelException || DrivenGuest.IsUnfit(e))
        {
            throw new TargetException($"target '{driver.Name}': {e.Message}", inner: e);
        }
    }

    public CaseResult Run(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation) =>
        execution.Skips(run, repetition, facts) ?? RunInGuest(run, repetition, facts, cancellation);

    /// <summary>With as many workers as processors a boot would only take time from the cases.</summary>
    public bool PreparesFor(CaseRun run, TargetFacts facts) =>
        request.Jobs < Environment.ProcessorCount && execution.Skips(run, 1, facts) is null;

    public bool IsReady => ahead is { IsOver: true } && ahead.Setup == next;

    public void Prepare(CaseRun? next, bool returns)
    {
        this.next = next?.Case.Offer.Setup(next.Variant, cid);
        this.returns = returns;
    }

    public void Dispose()
    {
        ahead?.Dispose();
        parked?.Dispose();
        Release();
        execution.Dispose();
    }

    private CaseResult RunInGuest(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
    {
        bool alone = run.Case.Attribute.Isolation == Isolation.Process;
        DrivenGuest current;
        try
        {
            current = On(run.Case.Offer.Setup(run.Variant, cid), alone, cancellation);
        }
        catch (Exception e) when (e is GuestException or KernelException or GuestCallException or ErrnoException)
        {
            Release();
            return execution.Unable(run, repetition, "guest-not-ready", e.Message);
        }
        catch (ExpectationException e)
        {
            // The driver has broken a ring before anything was asked of it.
            Release();
            return execution.Failed(run, repetition, e);
        }

        BootAhead(cancellation);
        VirtioFeatures missing = (run.Case.Attribute.Needs | run.Variant.Features) & ~(current.Device.Accepted ?? VirtioFeatures.None);
        if (current.Device.IsUp && missing != 0)
        {
            return execution.Beyond(run, repetition, missing);
        }

        CaseResult result = Inspect(execution.Run(run, repetition, current, facts), current, alone);
        if (alone || isSpoilt || Verdicts.ExitCode([result.Verdict]) != 0)
        {
            Release();
        }

        return result;
    }

    /// <summary>The guest of cases before, if its device is the same, or a new one.</summary>
    /// <param name="alone">Only a new one will do.</param>
    private DrivenGuest On(DeviceSetup setup, bool alone, CancellationToken cancellation)
    {
        if (guest is { } current && (alone || !current.IsUsable || current.Device.Setup != setup))
        {
            Leave(current);
        }

        if (guest is null && !alone && parked is { IsUsable: true } kept && kept.Device.Setup == setup)
        {
            (guest, parked) = (kept, null);
        }

        if (!returns)
        {
            parked?.Dispose();
            parked = null;
        }

        if (guest is null)
        {
            guest = TakeAhead(setup) ?? DrivenGuest.Boot(setup, driver.Guests, request.Patience, cancellation);
            isSpoilt = false;
            Tell(guest.Record);
        }

        return guest;
    }

    /// <summary>Keeps the guest for the cases that return to it, or ends it.</summary>
    private void Leave(DrivenGuest current)
    {
        if (returns && parked is null && current.IsUsable)
        {
            (guest, parked) = (null, current);
        }
        else
        {
            Release();
        }
    }

    /// <summary>Boots the guest of the case that comes soon while this one serves.</summary>
    private void BootAhead(CancellationToken cancellation)
    {
        if (next is null || ahead?.Setup == next)
        {
            return;
        }

        ahead?.Dispose();
        ahead = GuestAhead.Begin(next, driver.Guests, request.Patience, cancellation);
    }

    /// <summary>The guest that was booted ahead, if it has the device.</summary>
    private DrivenGuest? TakeAhead(DeviceSetup setup)
    {
        if (ahead is null || ahead.Setup != setup)
        {
            return null;
        }

        using GuestAhead taken = ahead;
        ahead = null;
        return taken.Take();
    }

    /// <summary>Looks at the guest and its rings after a case.</summary>
    private CaseResult Inspect(CaseResult result, DrivenGuest current, bool alone)
    {
        bool failed = Verdicts.ExitCode([result.Verdict]) != 0;
        string? spoilt = current.Reset(mustBeClean: !alone && !failed);
        result = execution.Audited(result, current.Evidence.Take());
        if (current.Device.GuestCid != current.Device.Setup.GuestCid)
        {
            spoilt ??= "it has another CID";
        }

        try
        {
            if (!current.Guest.HasExited && current.Reports() is [var first, ..] reports)
            {
                result = Complained(result, first, reports);
                spoilt ??= "its kernel complained";
            }
        }
        catch (Exception e) when (DrivenGuest.IsUnfit(e))
        {
            spoilt ??= Printable.Clean(e.Message.Split('\n')[0]);
        }

        if (spoilt is not null)
        {
            isSpoilt = true;
            if (!alone)
            {
                Tell(current.Record with { Boots = 0, GivenUp = [$"after {result.FullName}: {spoilt}"] });
            }
        }

        return result;
    }

    /// <summary>A kernel must bear any device: an Oops, a warning or a stuck task is the driver's own.</summary>
    private static CaseResult Complained(CaseResult result, KernelReport first, IReadOnlyList<KernelReport> reports) => result.Verdict is Verdict.Fail or Verdict.HarnessError
        ? result with { Log = $"{result.Log}\n\n{string.Join("\n\n", reports.Select(r => r.Text))}" }
        : result with
        {
            Verdict = Verdict.Fail,
            FailureCode = GuestKeeper.ReportCode,
            Expected = "the guest's kernel reports nothing",
            Observed = $"{(result.Observed is null ? "" : $"{result.Observed}; ")}the guest's kernel reported: {first.Headline}",
            Log = string.Join("\n\n", reports.Select(r => r.Text)),
        };

    private void Release()
    {
        guest?.Dispose();
        guest = null;
    }

    private void Tell(GuestRecord record)
    {
        lock (listener)
        {
            listener.GuestBooted(record);
        }
    }
}
