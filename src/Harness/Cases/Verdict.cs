namespace Vsockspec.Cases;

/// <summary>What a case says of the target. The order is that of the glossary, not of severity: see <see cref="Verdicts.Worst"/>.</summary>
public enum Verdict
{
    Pass,

    /// <summary>Legal, but a SHOULD or a described behaviour was missed.</summary>
    NonStrict,

    /// <summary>A MUST was violated, with evidence.</summary>
    Fail,

    /// <summary>The specification is silent; what happened is recorded.</summary>
    Informational,

    /// <summary>An optional feature is neither offered nor claimed.</summary>
    NotSupported,

    /// <summary>The question cannot be put to this target over this transport.</summary>
    NotApplicable,

    /// <summary>The target could not be observed well enough to say.</summary>
    Inconclusive,

    /// <summary>The fault is ours: the harness, a missing tool, the machine.</summary>
    HarnessError,

    /// <summary>Failed exactly as the expectations file says.</summary>
    KnownFailure,

    /// <summary>Passed although the expectations file says it fails.</summary>
    UnexpectedPass,
}

public static class Verdicts
{
    private static readonly Verdict[] BySeverity =
    [
        Verdict.HarnessError,
        Verdict.Fail,
        Verdict.Inconclusive,
        Verdict.UnexpectedPass,
        Verdict.KnownFailure,
        Verdict.NonStrict,
        Verdict.Pass,
        Verdict.Informational,
        Verdict.NotSupported,
        Verdict.NotApplicable,
    ];

    /// <summary>The verdict that stands for both (design: HarnessError &gt; Fail &gt; Inconclusive &gt; UnexpectedPass &gt; KnownFailure &gt; NonStrict &gt; Pass &gt; the rest).</summary>
    public static Verdict Worst(Verdict a, Verdict b) => Rank(a) <= Rank(b) ? a : b;

    /// <summary>The process exit code a set of verdicts asks for: 0 passed, 1 the target failed, 3 harness error or inconclusive.</summary>
    public static int ExitCode(IEnumerable<Verdict> verdicts)
    {
        Verdict worst = verdicts.Aggregate(Verdict.NotApplicable, Worst);
        return worst switch
        {
            Verdict.HarnessError or Verdict.Inconclusive => 3,
            Verdict.Fail or Verdict.UnexpectedPass => 1,
            _ => 0,
        };
    }

    private static int Rank(Verdict verdict) => Array.IndexOf(BySeverity, verdict);
}

/// <summary>How a case's connection to the target ended.</summary>
public enum Termination
{
    /// <summary>We closed; the target was still there.</summary>
    Clean,

    /// <summary>The target closed the connection first.</summary>
    TargetClosed,

    /// <summary>The target's process ended.</summary>
    TargetExited,

    /// <summary>The target stopped answering.</summary>
    Hang,

    /// <summary>The case did not get as far as a connection.</summary>
    NotStarted,
}

/// <summary>Weight of a requirement.</summary>
public enum RequirementLevel
{
    Must,
    Should,
    May,

    /// <summary>Stated in prose without a keyword; missing it fails in a class of its own.</summary>
    Described,

    /// <summary>No requirement: a test of an adopted suite, whose word counts for what that suite asks and not for the specification.</summary>
    Adopted,
}
