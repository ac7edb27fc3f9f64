namespace Vsockspec.Cases;

/// <summary>One case under one variant: what was asked, what was seen, what follows. The unit of every report.</summary>
public sealed record CaseResult
{
    /// <summary>Permanent id, <c>VSC-0101</c>; of a test of the kernel's own suite its place in that suite, <c>LVT-08</c>.</summary>
    public required string Id { get; init; }

    public required string Title { get; init; }

    public required string Area { get; init; }

    /// <summary>Ids of the register that the case judges.</summary>
    public required IReadOnlyList<string> Requirements { get; init; }

    public required RequirementLevel Level { get; init; }

    /// <summary>Ring layout and features, <c>split+event_idx</c>; of a test of the kernel's own suite who is the client, <c>guest-client</c>; empty when the case has none.</summary>
    public required string Variant { get; init; }

    /// <summary>Counts from 1 with <c>--repeat</c>.</summary>
    public int Repetition { get; init; } = 1;

    public required Verdict Verdict { get; init; }

    /// <summary>Stable, machine-matched name of the way it failed; null unless the verdict is not a pass.</summary>
    public string? FailureCode { get; init; }

    public Termination Termination { get; init; }

    /// <summary>Why the case was run a second time, for which this is the result; null: it was not.</summary>
    public string? Repeated { get; init; }

    public double DurationMs { get; init; }

    /// <summary>Every legal outcome, in words.</summary>
    public string? Expected { get; init; }

    /// <summary>What happened, in words.</summary>
    public string? Observed { get; init; }

    /// <summary>Path of the trace in the bundle, relative.</summary>
    public string? Trace { get; init; }

    /// <summary>Target's last stderr lines, where it matters.</summary>
    public string? Log { get; init; }

    /// <summary>Seed of this case, derived from the run's.</summary>
    public ulong Seed { get; init; }

    /// <summary>Recorded behaviour where the specification is silent: the target's implementation profile.</summary>
    public IReadOnlyDictionary<string, string> Recorded { get; init; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>What the auditor found while this case ran.</summary>
    public IReadOnlyList<AuditFinding> Findings { get; init; } = [];

    /// <summary>Where the same failure was seen before; empty for a case that passed.</summary>
    public IReadOnlyList<RegressionHint> Hints { get; init; } = [];

    /// <summary><c>VSC-0101[split]</c>, the name under which a case is selected and replayed.</summary>
    public string FullName => Variant.Length == 0 ? Id : $"{Id}[{Variant}]";
}

/// <summary>One violation seen by the auditor.</summary>
/// <param name="Requirement">Register id.</param>
/// <param name="Packet">Number of the packet in the trace, from 1; 0 when no packet is involved.</param>
/// <param name="Detail">What was seen, with the numbers.</param>
public sealed record AuditFinding(string Requirement, int Packet, string Detail);
