using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>The content of <c>results.json</c>: everything a run found out. The JSON schema is reports/schema/results.schema.json.</summary>
public sealed record RunReport
{
    public const string SchemaId = "urn:vsockspec:results:1";

    /// <summary><see cref="SchemaId"/>; a reader refuses another one.</summary>
    public required string Schema { get; init; }

    public required SuiteInfo Suite { get; init; }

    public required TargetInfo Target { get; init; }

    public required EnvironmentInfo Environment { get; init; }

    public required RunInfo Run { get; init; }

    /// <summary>The guests that served cases; empty where no case needed one.</summary>
    public IReadOnlyList<GuestRecord> Guests { get; init; } = [];

    /// <summary>In the order in which they ran.</summary>
    public required IReadOnlyList<CaseResult> Cases { get; init; }

    /// <summary>What the auditor found, case by case.</summary>
    public required IReadOnlyList<AuditorEntry> Auditor { get; init; }

    /// <summary>Every requirement that a case of this run judged, in order of id.</summary>
    public required IReadOnlyList<RequirementVerdict> Requirements { get; init; }

    /// <summary>What the target does where the specification is silent.</summary>
    public required IReadOnlyList<RecordedBehaviour> ImplementationProfile { get; init; }

    public required Summary Summary { get; init; }

    /// <summary>The known failures that the target's manifest names, and what became of them; null when it names none, and while a run is under way.</summary>
    public ExpectationsInfo? Expectations { get; init; }

    /// <summary>The runs that this bundle was merged from; empty for a run of its own.</summary>
    public IReadOnlyList<RunPart> Parts { get; init; } = [];
}

/// <summary>An expectations file in a run.</summary>
/// <param name="Sha256">Of the file.</param>
/// <param name="Entries">In the order of the file.</param>
public sealed record ExpectationsInfo(string Sha256, IReadOnlyList<ExpectationUse> Entries);

/// <summary>A run that became part of a merged bundle.</summary>
/// <param name="Shard"><c>2/4</c>; null when it was none.</param>
/// <param name="Id">See <see cref="RunInfo.Id"/>.</param>
/// <param name="State">How far it got.</param>
/// <param name="Environment">The machine that it took place on.</param>
public sealed record RunPart(string? Shard, string Id, DateTimeOffset StartedAt, double DurationMs, RunState State, EnvironmentInfo Environment);

/// <summary>The suite that judged.</summary>
/// <param name="Commit">Null when the build did not come from a git work tree.</param>
/// <param name="CatalogueHash">SHA-256 over the cases' ids, titles and requirements.</param>
/// <param name="RegisterHash">SHA-256 over the register of requirements.</param>
public sealed record SuiteInfo(string Name, string Version, string? Commit, string CatalogueHash, string RegisterHash)
{
    /// <summary>SHA-256 over the definitions of all profiles; null in a bundle of an earlier vsockspec.</summary>
    public string? ProfilesHash { get; init; }

    /// <summary>The suite of others whose tests the cases are; null: they are our own.</summary>
    public AdoptedSuiteInfo? Adopted { get; init; }

    /// <summary>The published proof that the cases can fail; null where the suite's data has none.</summary>
    public KillMatrixInfo? KillMatrix { get; init; }
}

/// <summary>The published kill matrix, in short.</summary>
/// <param name="Digest">SHA-256 of the file.</param>
/// <param name="Mutants">How many mutants of the reference device and driver there are.</param>
/// <param name="Killed">How many of them a case of the requirement that they break catches.</param>
public sealed record KillMatrixInfo(string Digest, int Mutants, int Killed);

/// <summary>A suite of others, as vsockspec ran it.</summary>
/// <param name="Name"><c>linux-vsock-test</c>.</param>
/// <param name="Package">The package of its source.</param>
/// <param name="PackageSha256">64 hexadecimal digits.</param>
/// <param name="SourceSha256">Over names and contents of the files that were built.</param>
/// <param name="Guest">Release of the guest's kernel.</param>
public sealed record AdoptedSuiteInfo(string Name, string Package, string PackageVersion, string PackageSha256, string SourceSha256, string Guest);

/// <summary>What was judged.</summary>
public sealed record TargetInfo
{
    public required string Name { get; init; }

    public string? Version { get; init; }

    /// <summary><c>device</c> or <c>driver</c>.</summary>
    public required string Role { get; init; }

    public required string Transport { get; init; }

    /// <summary>SHA-256 of the program.</summary>
    public string? Digest { get; init; }

    /// <summary>Full path of the manifest, or the name of a target that comes with the product; a replay starts from it.</summary>
    public required string Manifest { get; init; }

    public IReadOnlyList<string>? Claims { get; init; }

    /// <summary>Null until the target was asked.</summary>
    public IReadOnlyList<string>? OfferedFeatures { get; init; }

    public IReadOnlyList<string>? ProtocolFeatures { get; init; }

    /// <summary>Configuration space, hex.</summary>
    public string? Config { get; init; }

    /// <summary>What its program does with an option that it cannot know: <c>exit code 2</c>, a signal, <c>ignored</c>, <c>no answer</c>. Null where it was not asked.</summary>
    public string? UnknownOption { get; init; }
}

/// <summary>How far a run got.</summary>
public enum RunState
{
    /// <summary>The document was written at the start of a run that has not ended, or was killed.</summary>
    Running,

    /// <summary>All selected cases have a result.</summary>
    Complete,

    /// <summary>Somebody stopped it (Ctrl-C, SIGTERM) or <c>--fail-fast</c> did.</summary>
    Stopped,

    /// <summary>The harness could not go on; <see cref="RunInfo.Error"/> says why.</summary>
    Broken,
}

/// <summary>The run itself.</summary>
public sealed record RunInfo
{
    public required string Id { get; init; }

    /// <summary>All randomness of the run follows from it.</summary>
    public required ulong Seed { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public double DurationMs { get; init; }

    public required string Profile { get; init; }

    /// <summary><c>2/4</c>; null: the whole selection.</summary>
    public string? Shard { get; init; }

    /// <summary>How many results a complete run has.</summary>
    public required int Selected { get; init; }

    /// <summary>How many results all shards together have; null when this is none.</summary>
    public int? Whole { get; init; }

    /// <summary>True when each repetition had an order of its own, which follows from the seed; null when all had that of the selection.</summary>
    public bool? Shuffled { get; init; }

    public RunState State { get; init; }

    public string? Error { get; init; }
}

/// <summary>A violation that the auditor saw while a case ran, which may have been about something else.</summary>
/// <param name="Case">Full name of the case.</param>
/// <param name="Packet">Number in the case's trace, from 1; 0 when no packet is involved.</param>
public sealed record AuditorEntry(string Requirement, string Case, int Repetition, int Packet, string Detail);

/// <summary>The worst that any case, or the auditor, said of one requirement.</summary>
/// <param name="Cases">Full names of the cases it rests on.</param>
public sealed record RequirementVerdict(string Id, RequirementLevel Level, Verdict Verdict, IReadOnlyList<string> Cases);

/// <summary>One entry of the implementation profile.</summary>
/// <param name="Case">Id of the case.</param>
/// <param name="Situations">Open situations that the case probes.</param>
/// <param name="Variants">Variants in which this value was seen; empty for a case that does not vary.</param>
public sealed record RecordedBehaviour(string Case, IReadOnlyList<string> Situations, string Key, string Value, IReadOnlyList<string> Variants);

/// <summary>Counts.</summary>
/// <param name="ByVerdict">Case results by verdict.</param>
/// <param name="ByLevel">Requirements by level, then verdict.</param>
public sealed record Summary(
    int Cases,
    IReadOnlyDictionary<Verdict, int> ByVerdict,
    IReadOnlyDictionary<RequirementLevel, IReadOnlyDictionary<Verdict, int>> ByLevel);
