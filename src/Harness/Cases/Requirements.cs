using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>Whom a requirement binds.</summary>
public enum RequirementRole
{
    Device,
    Driver,

    /// <summary>Device and driver alike.</summary>
    Both,

    /// <summary>The process behind a vhost-user socket.</summary>
    BackEnd,

    /// <summary>The kernel behind <c>/dev/vhost-vsock</c>.</summary>
    VhostKernel,
}

/// <summary>What the suite does about a requirement.</summary>
public enum RequirementStatus
{
    /// <summary>At least one case judges it.</summary>
    Tested,

    /// <summary>It cannot be seen from outside over the transports that the suite has.</summary>
    Untestable,

    /// <summary>Deliberately left alone.</summary>
    OutOfScope,

    /// <summary>Another row says the same and is what cases judge.</summary>
    DuplicateOf,
}

/// <summary>One row of the register.</summary>
public sealed record Requirement
{
    public required string Id { get; init; }

    public required RequirementRole Role { get; init; }

    /// <summary>The keyword as the specification has it: <c>MUST NOT</c>, <c>SHOULD / MUST</c>; <c>described</c> for prose without one.</summary>
    public required string Keyword { get; init; }

    /// <summary>The weight of the first keyword.</summary>
    public required RequirementLevel Level { get; init; }

    /// <summary>What has it first: a version of virtio, <c>QEMU</c> and a revision of its document on vhost-user, or <c>Linux uapi</c>.</summary>
    public required string Since { get; init; }

    /// <summary>The version of virtio that has it first, be it as prose; null for rows of vhost-user and vhost.</summary>
    public VirtioVersion? SinceVirtio { get; init; }

    /// <summary>The version that first has it as a rule, where it was prose before; null: it has been what it is from the start.</summary>
    public VirtioVersion? NormativeSince { get; init; }

    /// <summary>The last version that has it; null: the newest still does.</summary>
    public VirtioVersion? Until { get; init; }

    public required string Clause { get; init; }

    /// <summary>The label in the specification's source, which outlives clause numbers.</summary>
    public required string Label { get; init; }

    /// <summary>A paraphrase; the clause is the authority.</summary>
    public required string Text { get; init; }

    public required RequirementStatus Status { get; init; }

    /// <summary>Why it is not tested; of a duplicate, the id of the row that is; null when it is tested.</summary>
    public string? Reason { get; init; }

    /// <summary>True when the specification's conformance clause 7 lists the label.</summary>
    public required bool ListedInConformanceClause { get; init; }

    /// <summary>True for a row of virtio that the version has.</summary>
    public bool AppliesIn(VirtioVersion version) => SinceVirtio is { } since && since <= version && (Until is not { } until || version <= until);
}

/// <summary>How much the specification says about an open situation.</summary>
public enum SituationClass
{
    /// <summary>A normative statement settles it.</summary>
    Decided,

    /// <summary>Prose settles it.</summary>
    Prose,

    /// <summary>Nothing is said.</summary>
    Open,

    /// <summary>Whatever is done, no data may be lost silently, no chain leaked, nothing hang or crash.</summary>
    Robustness,

    /// <summary>A matter of measurement.</summary>
    Performance,
}

/// <summary>A situation that the specification leaves open or states only in prose; probes record what a target does in it.</summary>
/// <param name="Specification">What the text does give; null: nothing.</param>
public sealed record OpenSituation(string Id, string Title, SituationClass Class, string? Specification);

/// <summary>All requirements and open situations, from <c>suites/requirements/</c>.</summary>
public sealed partial class RequirementRegister
{
    private readonly Dictionary<string, Requirement> _requirements = new(StringComparer.Ordinal);
    private readonly Dictionary<string, OpenSituation> _situations = new(StringComparer.Ordinal);

    private RequirementRegister(IReadOnlyList<Requirement> requirements, IReadOnlyList<OpenSituation> situations, string hash)
    {
        Requirements = requirements;
        Situations = situations;
        Hash = hash;
        foreach (Requirement requirement in requirements)
        {
            _requirements.Add(requirement.Id, requirement);
        }

        foreach (OpenSituation situation in situations)
        {
            _situations.Add(situation.Id, situation);
        }
    }

    /// <summary>In the order of the files.</summary>
    public IReadOnlyList<Requirement> Requirements { get; }

    public IReadOnlyList<OpenSituation> Situations { get; }

    /// <summary>SHA-256 over names and contents of the files.</summary>
    public string Hash { get; }

    public Requirement? Find(string id) => _requirements.GetValueOrDefault(id);

    public OpenSituation? FindSituation(string id) => _situations.GetValueOrDefault(id);

    public bool Knows(string id) => _requirements.ContainsKey(id) || _situations.ContainsKey(id);

    /// <summary>Level of a requirement or of an open situation; a situation that nothing settles has the level <see cref="RequirementLevel.May"/>.</summary>
    /// <exception cref="KeyNotFoundException">The register has no such id.</exception>
    public RequirementLevel LevelOf(string id)
    {
        if (Find(id) is { } requirement)
        {
            return requirement.Level;
        }

        return FindSituation(id)?.Class switch
        {
            SituationClass.Decided => RequirementLevel.Must,
            SituationClass.Prose or SituationClass.Robustness => RequirementLevel.Described,
            SituationClass.Open or SituationClass.Performance => RequirementLevel.May,
            _ => throw new KeyNotFoundException($"the register has no requirement '{id}'{Suggestion.For(id, _requirements.Keys.Concat(_situations.Keys))}"),
        };
    }

    /// <summary>The register of the suite that comes with the program.</summary>
    public static RequirementRegister Load() => Load(Path.Combine(SuiteData.Folder, "requirements"));

    /// <exception cref="DataFileException">A file, an id or a field is wrong; the message says which.</exception>
    public static RequirementRegister Load(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DataFileException($"{folder}: no such folder; the register of requirements belongs there");
        }

        List<(YamlMap Row, Requirement Requirement)> requirements = [];
        List<OpenSituation> situations = [];
        Dictionary<string, string> fileById = new(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder, "*.yaml").Order(StringComparer.Ordinal))
        {
            YamlMap map = YamlMap.Load(file);
            map.AllowOnly("requirements", "situations");
            foreach (YamlMap row in map.Has("requirements") ? map.Maps("requirements") : [])
            {
                requirements.Add((row, ReadRequirement(row)));
                RefuseTwice(row, fileById);
            }

            foreach (YamlMap row in map.Has("situations") ? map.Maps("situations") : [])
            {
                situations.Add(ReadSituation(row));
                RefuseTwice(row, fileById);
            }
        }

        foreach ((YamlMap row, Requirement duplicate) in requirements.Where(r => r.Requirement.Status == RequirementStatus.DuplicateOf))
        {
            RefuseWrongDuplicate(row, duplicate, requirements.Select(r => r.Requirement));
        }

        return new RequirementRegister([.. requirements.Select(r => r.Requirement)], situations, DataFilesHash.Of(folder));
    }

    private static void RefuseWrongDuplicate(YamlMap row, Requirement duplicate, IEnumerable<Requirement> all)
    {
        Requirement original = all.FirstOrDefault(r => r.Id == duplicate.Reason)
            ?? throw row.Error("status", $"names '{duplicate.Reason}', which the register does not have{Suggestion.For(duplicate.Reason!, all.Select(r => r.Id))}");
        if (original.Status == RequirementStatus.DuplicateOf)
        {
            throw row.Error("status", $"names '{original.Id}', which is a duplicate itself; name the row that is not");
        }
    }

    private static void RefuseTwice(YamlMap row, Dictionary<string, string> fileById)
    {
        string id = row.Text("id");
        if (!fileById.TryAdd(id, row.File))
        {
            throw row.Error("id", $"is '{id}', which {Path.GetFileName(fileById[id])} has already; an id is never used twice");
        }
    }

    private static Requirement ReadRequirement(YamlMap row)
    {
        row.AllowOnly("id", "role", "level", "since", "normativeSince", "until", "clause", "label", "text", "status", "listedInConformanceClause");
        string keyword = row.Text("level");
        string since = row.Text("since");
        VirtioVersion? sinceVirtio = ReadSince(row, since);
        (RequirementStatus status, string? reason) = ReadStatus(row);
        return new Requirement
        {
            Id = row.Text("id"),
            Role = ReadRole(row),
            Keyword = keyword,
            Level = ReadLevel(row, keyword),
            Since = since,
            SinceVirtio = sinceVirtio,
            NormativeSince = ReadLaterVersion(row, "normativeSince", sinceVirtio, "later than", (later, first) => later > first),
            Until = ReadLaterVersion(row, "until", sinceVirtio, "not earlier than", (last, first) => last >= first),
            Clause = row.Text("clause"),
            Label = row.Text("label"),
            Text = row.Text("text"),
            Status = status,
            Reason = reason,
            ListedInConformanceClause = row.OptionalFlag("listedInConformanceClause")
                ?? throw row.Error("listedInConformanceClause", "is missing; write true or false"),
        };
    }

    private static VirtioVersion? ReadSince(YamlMap row, string since) =>
        VirtioVersion.TryParse(since, out VirtioVersion version) ? version
        : since == "Linux uapi" || VhostUserRevision().IsMatch(since) ? null
        : throw row.Error("since", $"is '{since}'; write a version of virtio ({VirtioVersion.Known}), 'QEMU' and eight digits of a revision, or 'Linux uapi'");

    private static VirtioVersion? ReadLaterVersion(YamlMap row, string field, VirtioVersion? since, string relation, Func<VirtioVersion, VirtioVersion, bool> isRight)
    {
        if (row.OptionalText(field) is not { } text)
        {
            return null;
        }

        return since is { } first && VirtioVersion.TryParse(text, out VirtioVersion version) && isRight(version, first)
            ? version
            : throw row.Error(field, $"is '{text}'; write a version of virtio ({VirtioVersion.Known}) that is {relation} the row's 'since'");
    }

    [GeneratedRegex("^QEMU [0-9a-f]{8}$")]
    private static partial Regex VhostUserRevision();

    private static RequirementRole ReadRole(YamlMap row) => row.Text("role") switch
    {
        "device" => RequirementRole.Device,
        "driver" => RequirementRole.Driver,
        "both" => RequirementRole.Both,
        "back-end" => RequirementRole.BackEnd,
        "vhost-vsock" => RequirementRole.VhostKernel,
        string other => throw row.Error("role", $"is '{other}'; write device, driver, both, back-end or vhost-vsock"),
    };

    private static RequirementLevel ReadLevel(YamlMap row, string keyword) => keyword.Split('/')[0].Trim() switch
    {
        "MUST" or "MUST NOT" => RequirementLevel.Must,
        "SHOULD" or "SHOULD NOT" => RequirementLevel.Should,
        "MAY" => RequirementLevel.May,
        "described" => RequirementLevel.Described,
        string other => throw row.Error("level", $"is '{other}'; write MUST, MUST NOT, SHOULD, SHOULD NOT, MAY or described"),
    };

    private static (RequirementStatus Status, string? Reason) ReadStatus(YamlMap row)
    {
        string text = row.Text("status");
        if (text == "tested")
        {
            return (RequirementStatus.Tested, null);
        }

        string[] parts = text.Split(": ", 2);
        RequirementStatus? status = parts[0] switch
        {
            "untestable" => RequirementStatus.Untestable,
            "out-of-scope" => RequirementStatus.OutOfScope,
            "duplicate-of" => RequirementStatus.DuplicateOf,
            _ => null,
        };
        return status is { } known && parts.Length == 2 && parts[1].Length > 0
            ? (known, parts[1])
            : throw row.Error("status", $"is '{text}'; write tested, or one of 'untestable: why', 'out-of-scope: why', 'duplicate-of: ID'");
    }

    private static OpenSituation ReadSituation(YamlMap row)
    {
        row.AllowOnly("id", "title", "class", "specification");
        SituationClass situationClass = row.Text("class") switch
        {
            "decided" => SituationClass.Decided,
            "prose" => SituationClass.Prose,
            "open" => SituationClass.Open,
            "robustness" => SituationClass.Robustness,
            "performance" => SituationClass.Performance,
            string other => throw row.Error("class", $"is '{other}'; write decided, prose, open, robustness or performance"),
        };
        return new OpenSituation(row.Text("id"), row.Text("title"), situationClass, row.OptionalText("specification"));
    }
}
