using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>All results of one case: its variants, each with its repetitions.</summary>
internal sealed class CaseGroup
{
    private readonly CaseResult first;

    /// <param name="results">At least one.</param>
    public CaseGroup(string id, IReadOnlyList<CaseResult> results)
    {
        Id = id;
        first = results[0];
        Variants =
        [
            .. results.GroupBy(r => r.Variant, StringComparer.Ordinal)
                .Select(g => new CaseVariant(g.Key, [.. g.OrderBy(r => r.Repetition)]))
                .OrderBy(v => v.Complexity).ThenByDescending(v => v.Name.StartsWith("split", StringComparison.Ordinal)).ThenBy(v => v.Name, StringComparer.Ordinal),
        ];
        Worst = Variants.Select(v => v.Worst).Aggregate(Verdicts.Worst);
    }

    public string Id { get; }

    public string Title => first.Title;

    public string Area => first.Area;

    public IReadOnlyList<string> Requirements => first.Requirements;

    /// <summary>The simplest first.</summary>
    public IReadOnlyList<CaseVariant> Variants { get; }

    public Verdict Worst { get; }

    /// <summary>The results of one of these verdicts, those of the simplest variant first.</summary>
    public IReadOnlyList<CaseVariant> With(params IReadOnlyCollection<Verdict> verdicts) => [.. Variants.Where(v => verdicts.Contains(v.Worst))];

    /// <summary>
    /// What all variants with one of these verdicts have and none of the others that came to a result has, in words; null when it is nothing, or when there are no others.
    /// </summary>
    public string? CommonTo(IReadOnlyCollection<CaseVariant> chosen)
    {
        CaseVariant[] others = [.. Variants.Except(chosen).Where(v => v.Worst is Verdict.Pass or Verdict.NonStrict or Verdict.Informational)];
        if (others.Length == 0)
        {
            return null;
        }

        return CaseVariant.Options.FirstOrDefault(o => chosen.All(v => v.Has(o.Key)) && !others.Any(v => v.Has(o.Key))).Value;
    }
}

/// <summary>One variant of a case.</summary>
/// <param name="name">Empty for a case that does not vary.</param>
/// <param name="results">By repetition; at least one.</param>
internal sealed class CaseVariant(string name, IReadOnlyList<CaseResult> results)
{
    /// <summary>What a variant may have, and how that is called.</summary>
    public static readonly IReadOnlyDictionary<string, string> Options = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["packed"] = "packed rings",
        ["split"] = "split rings",
        ["event_idx"] = "event indices",
        ["indirect"] = "indirect descriptors",
    };

    private readonly string[] parts = name.Split('+');

    public string Name => name;

    public IReadOnlyList<CaseResult> Results => results;

    public Verdict Worst { get; } = results.Select(r => r.Verdict).Aggregate(Verdicts.Worst);

    /// <summary>The first result that says what <see cref="Worst"/> says.</summary>
    public CaseResult Telling => results.First(r => r.Verdict == Worst);

    /// <summary>The repetitions did not all say the same.</summary>
    public bool IsUnstable => results.Any(r => r.Verdict != Worst);

    /// <summary>How many things it has that the simplest variant has not.</summary>
    public int Complexity => parts.Length - 1 + (Has("packed") ? 1 : 0);

    public bool Has(string option) => parts.Contains(option);
}
