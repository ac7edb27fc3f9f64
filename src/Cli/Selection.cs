using System.Globalization;
using Vsockspec.Cases;
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

    /// <exception cref="UsageException">A glob matches no case, or nothing is left.</exception>
    public IReadOnlyList<CaseRun> From(Catalogue catalogue) => From([.. catalogue.Runs]);

    /// <inheritdoc cref="From(Catalogue)"/>
    public IReadOnlyList<CaseRun> From(IReadOnlyList<CaseRun> all)
    {
        foreach (string glob in Cases)
        {
            RefuseUnknown(glob, all);
        }

        IEnumerable<CaseRun> selected = all
            .Where(run => Cases.Count == 0 ? IsAboutTarget(run.Case) : Cases.Any(glob => Matches(glob, run)))
            .Where(Profile.Includes)
            .Where(run => !Quick || !run.Case.Attribute.Slow);
        if (Shard is { } shard)
        {
            selected = selected.Where((_, index) => index % shard.Count == shard.Index - 1);
        }

        CaseRun[] runs = [.. selected];
        if (runs.Length == 0)
        {
            throw new UsageException($"no case is left: the profile '{Profile.Name}'{(Quick ? ", --quick" : "")}{(Shard is null ? "" : ", --shard")} leaves out all that --case selects");
        }

        if (ShuffleSeed is { } seed)
        {
            new Random(unchecked((int)(seed ^ (seed >> 32)))).Shuffle(runs);
        }

        return runs;
    }

    private bool IsAboutTarget(CaseInfo info) => Role == TargetRole.Driver ? info.Role == TargetRole.Driver : info.IsAbout(Transport);

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

/// <summary>One part of a run that is spread over machines.</summary>
/// <param name="Index">From 1.</param>
internal sealed record Shard(int Index, int Count)
{
    public override string ToString() => $"{Index}/{Count}";

    /// <summary><c>2/4</c>; null when it is not that.</summary>
    public static Shard? Parse(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && index >= 1 && index <= count
                ? new Shard(index, count)
                : null;
    }
}
