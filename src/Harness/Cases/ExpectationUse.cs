namespace Vsockspec.Cases;

/// <summary>An entry of an expectations file and what became of it in a run.</summary>
/// <param name="Case">Glob over full names of cases.</param>
/// <param name="IsExpired">Its last day was over when the run took place.</param>
/// <param name="Results">Results of the cases that it matches, as they count; empty when the run had none of them.</param>
public sealed record ExpectationUse(
    string Case,
    string FailureCode,
    string Reason,
    string Link,
    string Owner,
    DateOnly Expires,
    bool IsExpired,
    IReadOnlyDictionary<Verdict, int> Results)
{
    /// <summary>
    /// What is wrong with the entry that no result says, and fails the run; null when nothing is. An entry that the run never came to is not judged; nor is one whose cases could not
    /// be put here, though they might elsewhere.
    /// </summary>
    public string? Problem() =>
        Results.Count == 0 ? null
        : IsExpired ? $"expired on {Expires:yyyy-MM-dd}; renew or remove it"
        : Results.Keys.All(v => v is Verdict.NotSupported or Verdict.NotApplicable) && Results.ContainsKey(Verdict.NotSupported)
            ? "matches only cases that need what the target does not offer; remove it"
        : null;

    /// <summary>The use in several parts of one run.</summary>
    public ExpectationUse And(ExpectationUse other)
    {
        SortedDictionary<Verdict, int> results = new(Results.ToDictionary(p => p.Key, p => p.Value));
        foreach ((Verdict verdict, int count) in other.Results)
        {
            results[verdict] = results.GetValueOrDefault(verdict) + count;
        }

        return this with { Results = results };
    }
}
