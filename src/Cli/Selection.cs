using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary>Which cases to run.</summary>
internal sealed record Selection
{
    public required Profile Profile { get; init; }

    /// <summary>The target's: cases about another one are only run where <see cref="Cases"/> asks for them.</summary>
    public required string Transport { get; init; }

    /// <summary>The target's, likewise.</summary>
    public TargetRole Role { get; init; } = TargetRole.Device;

    /// <summary>Globs over id, full name and method name; empty: all.</summary>
    public IReadOnlyList<string> Cases { get; init; } = [];

    /// <summary>Leave out cases that take seconds by their nature.</summary>
    public bool Quick { get; init; }

    public Shard? Shard { get; init; }

    /// <summary>Order by this seed; null: order of ids.</summary>
    public ulong? ShuffleSeed { get; init; }

    /// <summary>What is to run, in that order; an empty list for a shard of more parts than there are cases.</summary>
    /// <exception cref="UsageException">A glob matches no case, or nothing is left.</exception>
    public IReadOnlyList<CaseRun> From(Catalogue catalogue) => From([.. catalogue.Runs]);

    /// <inheritdoc cref="From(Catalogue)"/>
    public IReadOnlyList<CaseRun> From(IReadOnlyList<CaseRun> all)
    {
        IReadOnlyList<CaseRun> whole = OfAllShards(all);
        CaseRun[] runs = [.. Shard is null ? whole : Shard.Of(whole)];
        if (ShuffleSeed is { } seed)
        {
            new Random(unchecked((int)(seed ^ (seed >> 32)))).Shuffle(runs);
        }

        return runs;
    }

    /// <summary>What all shards together run, in the order of the catalogue.</summary>
    /// <exception cref="UsageException">A glob matches no case, or nothing is left.</exception>
    public IReadOnlyList<CaseRun> OfAllShards(IReadOnlyList<CaseRun> all)
    {
        foreach (string glob in Cases)
        {
            RefuseUnknown(glob, all);
        }

        CaseRun[] runs =
        [
            .. all
                .Where(run => Cases.Count == 0 ? run.Case.IsAbout(Role, Transport) : Cases.Any(glob => Matches(glob, run)))
                .Where(Profile.Includes)
                .Where(run => !Quick || !run.Case.Attribute.Slow),
        ];
        return runs.Length > 0
            ? runs
            : throw new UsageException($"no case is left: the profile '{Profile.Name}'{(Quick ? ", --quick" : "")} leaves out all that --case selects");
    }

    private static bool Matches(string glob, CaseRun run) =>
        Glob.Matches(glob, run.Case.Id) || Glob.Matches(glob, run.FullName) || Glob.Matches(glob, run.Case.Name) || Glob.Matches(glob, MethodName(run.Case));

    private static void RefuseUnknown(string glob, IReadOnlyList<CaseRun> all)
    {
        if (!all.Any(run => Matches(glob, run)))
        {
            IEnumerable<string> names = all.SelectMany(r => new[] { r.FullName, r.Case.Id, MethodName(r.Case) });
            throw new UsageException($"--case {glob}: no case is called so{Suggestion.For(glob, names)}{(all.Any(r => r.Direction is not null) ? "" : "; 'vsockspec list cases' shows all")}");
        }
    }

    private static string MethodName(CaseInfo info) => info.Name[(info.Name.IndexOf('.', StringComparison.Ordinal) + 1)..];
}
