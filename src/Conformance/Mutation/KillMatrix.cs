using Vsockspec.Cases;
using Vsockspec.Reference.Driver.Mutants;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Mutation;

/// <summary>A target that breaks one rule.</summary>
/// <param name="Id">Permanent name.</param>
/// <param name="Breaks">The requirement of the register that it breaks.</param>
/// <param name="Summary">What it does wrong, one sentence.</param>
/// <param name="Target">Makes it.</param>
public sealed record Suspect(string Id, string Breaks, string Summary, Func<ITarget> Target)
{
    /// <summary>The side that it is.</summary>
    public TargetRole Role { get; init; } = TargetRole.Device;

    /// <summary>What is run, for whoever shows it beside a case.</summary>
    public override string ToString() => Id;

    public static Suspect Of(DriverMutant mutant) =>
        new(mutant.Id, mutant.Breaks, mutant.Summary, () => new ReferenceDriverTarget(mutant.Id, mutant.Parts)) { Role = TargetRole.Driver };

    public static Suspect Of(Mutant mutant) => new(mutant.Id, mutant.Breaks, mutant.Summary, () => new ReferenceTarget(mutant.Id, mutant.Parts));
}

/// <summary>What the suite says of one mutant.</summary>
/// <param name="Id">See <see cref="Suspect.Id"/>.</param>
/// <param name="Breaks">The requirement that it breaks.</param>
/// <param name="KilledBy">Cases, with variant, whose verdict tells it from the reference.</param>
/// <param name="KilledByOwn">True when a case that judges <paramref name="Breaks"/> is among them.</param>
public sealed record MutantFate(string Id, string Breaks, string Summary, IReadOnlyList<string> KilledBy, bool KilledByOwn);

/// <summary>Which cases a mutant meets.</summary>
public enum KillScope
{
    /// <summary>Those that judge the requirement it breaks.</summary>
    Own,

    /// <summary>The others too, until enough have caught it.</summary>
    Usual,

    /// <summary>All of them: shows which cases catch nothing.</summary>
    Exhaustive,
}

/// <summary>
/// Runs the suite against every mutant of the reference device and of the reference driver: the proof that its cases can fail. A mutant first meets the cases that
/// judge the requirement it breaks, under all variants, then the others, until enough have caught it.
/// </summary>
/// <param name="patience">How long a case waits for an answer; null for what is right for the reference device.</param>
public sealed class KillMatrix(IReadOnlyList<CaseRun> runs, RequirementRegister register, ulong seed, TimeSpan? patience = null)
{
    /// <summary>
    /// What some mutants do wrong shows only when their thread comes to it before the case looks, which a busy machine may delay: they are asked again. A mutant that
    /// does nothing wrong passes every time.
    /// </summary>
    private const int Attempts = 3;

    /// <summary>A mutant that so many cases catch needs no more.</summary>
    private const int EnoughKills = 12;

    // The reference answers within milliseconds, so what a mutant leaves out is known soon; what must be right under load is the
    // baseline, which is given all the patience that a target gets.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(400);

    /// <summary>Judges one mutant.</summary>
    public MutantFate Judge(Suspect mutant, KillScope scope, CancellationToken cancellation)
    {
        ILookup<bool, CaseRun> byOwn = runs.Where(r => r.Case.Role == mutant.Role).ToLookup(r => r.Case.Requirements.Contains(mutant.Breaks));
        List<string> killers = [];
        bool own = false;
        for (int attempt = 0; attempt < Attempts && !own; attempt++)
        {
            own = Kill(mutant, byOwn[true], int.MaxValue, killers, cancellation);
        }

        if (scope == KillScope.Exhaustive || (scope == KillScope.Usual && killers.Count < EnoughKills))
        {
            IEnumerable<CaseRun> others = byOwn[false].Where(r => scope == KillScope.Exhaustive || !r.Case.Attribute.Slow).DistinctBy(r => r.Case.Id);
            _ = Kill(mutant, others, scope == KillScope.Exhaustive ? int.MaxValue : EnoughKills - killers.Count, killers, cancellation);
        }

        return new MutantFate(mutant.Id, mutant.Breaks, mutant.Summary, killers, own);
    }

    /// <summary>The cases that fail on a target which breaks nothing: they say nothing about one that does.</summary>
    public IReadOnlyList<string> FailOn(Suspect honest, IEnumerable<string> requirements, CancellationToken cancellation)
    {
        HashSet<string> asked = [.. requirements];
        List<string> failing = [];
        _ = Kill(honest, runs.Where(r => r.Case.Requirements.Any(asked.Contains)), int.MaxValue, failing, cancellation);
        return failing;
    }

    /// <summary>The cases, by id, that do not catch a mutant although they are said to.</summary>
    public IReadOnlyList<string> Missed(Suspect mutant, IEnumerable<string> cases, CancellationToken cancellation) =>
        [.. cases.Where(id => !Enumerable.Range(0, Attempts).Any(_ => runs.Where(run => run.Case.Id == id).Any(run => IsProof(mutant, run, cancellation))))];

    /// <summary>What the auditor finds it would find in any other case too: that proves something only where the case judges the requirement that is broken.</summary>
    private bool IsProof(Suspect mutant, CaseRun run, CancellationToken cancellation) =>
        Run(mutant, run, cancellation) is { } result
        && IsKill(result)
        && (run.Case.Requirements.Contains(mutant.Breaks) || result.FailureCode?.StartsWith("audit:", StringComparison.Ordinal) != true);

    private static bool IsKill(CaseResult result) => result.Verdict is Verdict.Fail or Verdict.NonStrict or Verdict.Inconclusive;

    private bool Kill(Suspect mutant, IEnumerable<CaseRun> chosen, int enough, List<string> killers, CancellationToken cancellation)
    {
        int before = killers.Count;
        foreach (CaseRun run in chosen)
        {
            cancellation.ThrowIfCancellationRequested();
            if (killers.Count - before >= enough)
            {
                break;
            }

            // A mutant that does not even complete the first exchange is caught by whichever case comes first.
            if (Run(mutant, run, cancellation) is not { } result || IsKill(result))
            {
                killers.Add(run.FullName);
            }
        }

        return killers.Count > before;
    }

    /// <summary>What the case says; null when the mutant does not come as far.</summary>
    private CaseResult? Run(Suspect mutant, CaseRun run, CancellationToken cancellation)
    {
        RunRequest request = new()
        {
            Target = mutant.Target(),
            Runs = [run],
            Seed = seed,
            Patience = patience ?? Patience,
        };
        Verdicts results = new();
        try
        {
            new SuiteRunner(register).Run(request, results, cancellation);
        }
        catch (TargetException)
        {
            return null;
        }

        return results.Last;
    }

    private sealed class Verdicts : IRunListener
    {
        public CaseResult? Last { get; private set; }

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => Last = result;
    }
}
