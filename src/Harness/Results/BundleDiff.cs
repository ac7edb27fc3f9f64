using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>A case whose verdict differs between two bundles; null: the bundle does not have the case.</summary>
public sealed record CaseChange(string Case, string Title, Verdict? Before, Verdict? After)
{
    /// <summary>The later verdict is graver, or a case that had passed is gone.</summary>
    public bool IsWorse => (Before, After) switch
    {
        (null, null) => false,
        (null, { } after) => Verdicts.ExitCode([after]) != 0,
        ({ } before, null) => Verdicts.ExitCode([before]) == 0,
        ({ } before, { } after) => before != after && Verdicts.Worst(before, after) == after && !IsNeutral(after),
    };

    private static bool IsNeutral(Verdict verdict) => verdict is Verdict.Pass or Verdict.Informational;
}

/// <summary>Compares bundles case by case.</summary>
public static class BundleDiff
{
    /// <summary>In order of full name; with repetitions, the worst of each case counts.</summary>
    public static IReadOnlyList<CaseChange> Between(RunReport before, RunReport after)
    {
        Dictionary<string, (string Title, Verdict Verdict)> old = Worst(before);
        Dictionary<string, (string Title, Verdict Verdict)> now = Worst(after);
        return
        [
            .. from name in old.Keys.Union(now.Keys).Order(StringComparer.Ordinal)
               let a = old.TryGetValue(name, out (string Title, Verdict Verdict) x) ? x.Verdict : (Verdict?)null
               let b = now.TryGetValue(name, out (string Title, Verdict Verdict) y) ? y.Verdict : (Verdict?)null
               where a != b
               select new CaseChange(name, b is null ? old[name].Title : now[name].Title, a, b),
        ];
    }

    private static Dictionary<string, (string Title, Verdict Verdict)> Worst(RunReport report) => report.Cases
        .GroupBy(c => c.FullName, StringComparer.Ordinal)
        .ToDictionary(g => g.Key, g => (g.First().Title, g.Select(c => c.Verdict).Aggregate(Verdicts.Worst)), StringComparer.Ordinal);
}
