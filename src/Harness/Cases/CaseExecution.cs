using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Vsockspec.Audit;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>Runs one case and turns what happened into a verdict.</summary>
internal sealed class CaseExecution(RunRequest request, RequirementRegister register) : IDisposable
{
    // Every wait of a case has a deadline of its own; this only catches a case that has a loop of its own. A thousand connections of a translated guest took 127 s.
    private static readonly TimeSpan CaseLimit = TimeSpan.FromSeconds(KvmProof.IsTranslated ? 600 : 180);

    private const int ConsoleLines = 30;
    private const string EndlessCode = "case-does-not-end";

    private readonly KernelWitness? kernel = request.KernelLog is { } open ? new KernelWitness(open()) : null;

    /// <summary>The result of a case that cannot be asked because a feature it needs is not offered; null when it can.</summary>
    public CaseResult? Skips(CaseRun run, int repetition, TargetFacts facts)
    {
        if (run.Case.Role != request.Target.Role)
        {
            return NotApplicable(run, repetition, $"asks about a {Name(run.Case.Role)}, and the target is a {Name(request.Target.Role)}");
        }

        if (run.Case.Role == TargetRole.Device && !run.Case.IsAbout(request.Target.Transport))
        {
            return NotApplicable(run, repetition, $"asks about {run.Case.Transport}, and the target is reached over {request.Target.Transport}");
        }

        if (run.Case.NeedsGuest && request.Guests is null)
        {
            return NotApplicable(run, repetition, "the case needs a guest, and none can be booted on this target", "no-guest");
        }

        VirtioFeatures missing = (run.Variant.Features | run.Case.Attribute.Needs) & ~facts.OfferedFeatures;
        if (missing != 0)
        {
            return Without([.. FeatureNames.Of(missing)], $"{missing} is not {(run.Case.Role == TargetRole.Driver ? "accepted" : "offered")}", Begin(run, repetition)) with
            {
                Termination = Termination.NotStarted,
            };
        }

        return run.Case.Attribute.Isolation == Isolation.Process && !request.Target.CanRestart
            ? NotApplicable(run, repetition, "the case may end the target, and an attached target cannot be started again", CaseSkippedException.CannotRestart)
            : null;
    }

    private static string Name(TargetRole role) => role.ToString().ToLowerInvariant();

    /// <param name="code">Where it is not the target's nature that keeps the case from being put; null: it is.</param>
    private CaseResult NotApplicable(CaseRun run, int repetition, string why, string? code = null) =>
        Begin(run, repetition) with { Verdict = Verdict.NotApplicable, Termination = Termination.NotStarted, FailureCode = code, Observed = why };

    /// <summary>The result of a case that needs features which are not there: they are optional, unless the target claims them.</summary>
    private CaseResult Without(IReadOnlyList<string> missing, string observed, CaseResult result)
    {
        string[] claimed = [.. missing.Intersect(request.Target.Claims ?? [], StringComparer.Ordinal)];
        return claimed.Length == 0
            ? result with { Verdict = Verdict.NotSupported, Observed = observed }
            : result with { Verdict = Verdict.Fail, FailureCode = "claimed-not-offered", Expected = $"what the target claims: {string.Join(", ", claimed)}", Observed = observed };
    }

    /// <summary>Judges a device.</summary>
    /// <param name="guest">Runs on the instance; null for cases that play the driver themselves.</param>
    public CaseResult Run(CaseRun run, int repetition, ITargetInstance instance, GuestAccess? guest, TargetFacts facts)
    {
        kernel?.CaseBegins();
        CaseEvidence evidence = new();
        CaseResult begun = Begin(run, repetition);
        CaseResult judged = WithinLimit(begun, () => WithConsole(
            Judge(run, new DeviceSuspect(instance), begun, () => new CaseContext(run, instance, guest, facts, begun.Seed, request.Patience, evidence)),
            guest?.Current));
        if (judged.FailureCode == EndlessCode)
        {
            return judged;
        }

        judged = WithFindings(judged, evidence.Findings);
        return SaveTrace(kernel?.Judge(judged) ?? judged, evidence.PacketCount, evidence.Save);
    }

    /// <summary>Judges a driver.</summary>
    public CaseResult Run(CaseRun run, int repetition, DrivenGuest driven, TargetFacts facts)
    {
        CaseResult begun = Begin(run, repetition);
        return WithinLimit(begun, () => WithConsole(
            Judge(run, driven, begun, () => new DriverContext(run, driven, facts, begun.Seed, request.Patience)),
            driven.Guest));
    }

    /// <summary>Runs a case on a thread of its own, and gives up on it when it does not end.</summary>
    private static CaseResult WithinLimit(CaseResult result, Func<CaseResult> judge)
    {
        CaseResult judged = result;
        Thread thread = new(() => judged = judge()) { IsBackground = true, Name = result.FullName };
        long start = Stopwatch.GetTimestamp();
        thread.Start();
        if (!thread.Join(CaseLimit))
        {
            return result with
            {
                Verdict = Verdict.HarnessError,
                FailureCode = EndlessCode,
                Observed = $"the case still ran after {CaseLimit.TotalSeconds} s",
                DurationMs = CaseLimit.TotalMilliseconds,
            };
        }

        return judged with { DurationMs = Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 3) };
    }

    /// <summary>The result with what was seen on the guest's rings meanwhile.</summary>
    public CaseResult Audited(CaseResult result, GuestCaseEvidence evidence) =>
        SaveTrace(WithFindings(result, evidence.Findings), evidence.PacketCount, evidence.Save);

    /// <summary>The result of a case that needs more than the guest's driver accepted of what the target offers.</summary>
    public CaseResult Beyond(CaseRun run, int repetition, VirtioFeatures missing) => Begin(run, repetition) with
    {
        Verdict = Verdict.NotSupported,
        Termination = Termination.NotStarted,
        Observed = $"{missing}: offered by the target, and not accepted by the guest or what runs it",
    };

    /// <summary>The result of a case that something of ours kept from being put.</summary>
    public CaseResult Unable(CaseRun run, int repetition, string code, string why) => Begin(run, repetition) with
    {
        Verdict = Verdict.HarnessError,
        Termination = Termination.NotStarted,
        FailureCode = code,
        Observed = why,
    };

    /// <summary>The result of a case that the target kept from being put.</summary>
    public CaseResult Failed(CaseRun run, int repetition, ExpectationException why) => Begin(run, repetition) with
    {
        Verdict = Verdict.Fail,
        Termination = Termination.NotStarted,
        FailureCode = why.Code,
        Expected = why.Expected,
        Observed = why.Observed,
    };

    public void Dispose() => kernel?.Dispose();

    private CaseResult Begin(CaseRun run, int repetition) => Begin(run, repetition, request.Seed, register);

    /// <summary>A result of which everything is known but what happened.</summary>
    public static CaseResult Begin(CaseRun run, int repetition, ulong runSeed, RequirementRegister register) => new()
    {
        Id = run.Case.Id,
        Title = run.Case.Title,
        Area = run.Case.Area,
        Requirements = run.Case.Requirements,
        Level = run.Case.Requirements.Count == 0 ? RequirementLevel.Adopted : register.LevelOf(run.Case.Requirements[0]),
        Variant = run.VariantName,
        Repetition = repetition,
        Seed = SeedOf(run, repetition, runSeed),
        Verdict = Verdict.Pass,
    };

    internal static ulong SeedOf(CaseRun run, int repetition, ulong runSeed) =>
        BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{runSeed}/{run.FullName}#{repetition}")));

    private CaseResult Judge(CaseRun run, ISuspect suspect, CaseResult result, Func<ICaseStage> open)
    {
        ICaseStage? stage = null;
        try
        {
            stage = open();
            stage.Play();
            result = stage.Lapse is { } lapse
                ? result with { Verdict = Verdict.NonStrict, FailureCode = lapse.Code, Expected = lapse.Expected, Observed = lapse.Observed }
                : result with { Verdict = run.Case.Attribute.Probe ? Verdict.Informational : Verdict.Pass };
        }
        catch (CaseSkippedException e)
        {
            result = e.Missing.Count > 0 ? Without(e.Missing, e.Message, result) : result with { Verdict = e.Verdict, FailureCode = e.Code, Observed = e.Message };
        }
        catch (ExpectationException e)
        {
            result = result with { Verdict = Weigh(run, e.Code, suspect), FailureCode = e.Code, Expected = e.Expected, Observed = e.Observed };
        }
        catch (GuestTimeoutException e)
        {
            result = result with
            {
                Verdict = Weigh(run, "guest-call-stuck", suspect),
                FailureCode = "guest-call-stuck",
                Expected = "every call of the guest's application comes back",
                Observed = e.Message,
            };
        }
        catch (GuestCallException e)
        {
            result = result with
            {
                Verdict = Weigh(run, "guest-call-failed", suspect),
                FailureCode = "guest-call-failed",
                Expected = "the guest's calls succeed",
                Observed = e.Message,
            };
        }
        catch (GuestLostException e)
        {
            // A device that ended may take its guest with it; a guest that ends by itself says nothing of the device, and all of its driver.
            result = suspect.IsGuest
                ? result with { Verdict = Verdict.Fail, FailureCode = "driver-ended", Expected = "the driver and its kernel go on", Observed = FirstLine(e.Message) }
                : suspect.HasExited
                ? result with { Verdict = Verdict.Fail, FailureCode = "target-ended", Expected = "the target serves its guest", Observed = FirstLine(e.Message) }
                : result with { Verdict = Verdict.HarnessError, FailureCode = "guest-lost", Observed = FirstLine(e.Message) };
        }
        catch (TransportException e)
        {
            result = result with
            {
                Verdict = Verdict.Fail,
                FailureCode = "transport-" + e.Fault.ToString().ToLowerInvariant(),
                Expected = "the device keeps answering on its transport",
                Observed = e.Message,
            };
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever else escapes a case is our own mistake and must not be taken for the target's.
            result = result with { Verdict = Verdict.HarnessError, FailureCode = "harness", Observed = e.Message, Log = e.ToString() };
        }
        finally
        {
            bool gone = stage?.TargetClosed ?? false;
            stage?.Dispose();
            result = result with { Termination = gone ? Termination.TargetClosed : Termination.Clean, Recorded = stage?.Recorded ?? result.Recorded };
        }

        return WithPostmortem(result, suspect);
    }

    private static string FirstLine(string text) => text.Split('\n')[0];

    private static CaseResult WithConsole(CaseResult result, Guest? guest) =>
        guest is null || Verdicts.ExitCode([result.Verdict]) == 0 || guest.Console is not { Count: > 0 } console
            ? result
            : result with { Log = $"{(result.Log is null ? "" : $"{result.Log}\n\n")}the end of the guest's console:\n{string.Join('\n', console.TakeLast(ConsoleLines))}" };

    /// <summary>A missed SHOULD is legal; a device that no longer answers at all is not, whatever the case was about.</summary>
    private Verdict Weigh(CaseRun run, string code, ISuspect suspect)
    {
        bool wedged = code.StartsWith("fence-", StringComparison.Ordinal) || suspect.HasExited;
        return wedged || run.Case.Attribute.Probe
            ? Verdict.Fail
            : register.LevelOf(run.Case.Requirements[0]) is RequirementLevel.Should or RequirementLevel.May ? Verdict.NonStrict : Verdict.Fail;
    }

    private static CaseResult WithPostmortem(CaseResult result, ISuspect suspect)
    {
        if (result.Verdict is not (Verdict.Fail or Verdict.HarnessError))
        {
            return result;
        }

        string? log = result.Log ?? (!suspect.IsGuest && suspect.LastLines.Count > 0 ? string.Join('\n', suspect.LastLines.TakeLast(20)) : null);
        return suspect.HasExited
            ? result with
            {
                Termination = Termination.TargetExited,
                Observed = $"{result.Observed}; the target ended{(suspect.ExitStatus is { } status ? " with " + status : "")}",
                Log = log,
            }
            : result with { Log = log, Termination = result.FailureCode == "fence-no-answer" ? Termination.Hang : result.Termination };
    }

    private CaseResult WithFindings(CaseResult result, IReadOnlyList<Finding> all)
    {
        IReadOnlyList<Finding> findings = [.. all.Where(IsHeldTo)];
        if (findings.Count == 0)
        {
            return result;
        }

        result = result with { Findings = [.. findings.Select(f => new AuditFinding(f.Requirement, f.Packet, f.Detail))] };
        Finding? violation = findings.FirstOrDefault(f => f.Severity == FindingSeverity.Violation);
        return violation is null || Verdicts.ExitCode([result.Verdict]) != 0
            ? result
            : result with
            {
                Verdict = Verdict.Fail,
                FailureCode = "audit:" + violation.Requirement,
                Expected = "no violation of any rule on the rings while the case runs",
                Observed = $"packet {violation.Packet}: {violation.Detail}",
            };
    }

    private bool IsHeldTo(Finding finding) =>
        request.Specification is not { } version || register.Find(finding.Requirement) is not { SinceVirtio: not null } rule || rule.AppliesIn(version);

    private CaseResult SaveTrace(CaseResult result, int packets, Action<string, TraceLabel> save)
    {
        if (request.TraceFolder is null || packets == 0)
        {
            return result;
        }

        TraceLabel label = new(result.FullName, result.Repetition, result.Seed);
        save(Path.Combine(request.TraceFolder, label.FileName), label);
        return result with { Trace = "traces/" + label.FileName };
    }

    private sealed class DeviceSuspect(ITargetInstance instance) : ISuspect
    {
        public bool IsGuest => false;

        public bool HasExited => instance.HasExited;

        public string? ExitStatus => instance.ExitStatus;

        public IReadOnlyList<string> LastLines => instance.LastLines;
    }
}
