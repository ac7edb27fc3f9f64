using Vsockspec.Cases;

namespace Vsockspec.Cli.Output;

/// <summary>Shows a run while it happens.</summary>
internal interface IRunDisplay : IDisposable
{
    void CaseStarted(CaseRun run);

    void CaseFinished(CaseResult result);
}

internal static class RunDisplay
{
    public static IRunDisplay For(Workbench bench, IReadOnlyList<CaseRun> runs, int repeat)
    {
        AreaProgress progress = new(runs, repeat);
        return bench.IsTerminal ? new LiveDisplay(progress) : new PlainDisplay(bench.Out, progress);
    }
}

/// <summary>Counts of one area.</summary>
internal sealed class AreaCount(string name, int total)
{
    private readonly SortedDictionary<Verdict, int> _verdicts = [];

    public string Name => name;

    public int Total => total;

    public int Done { get; private set; }

    public double DurationMs { get; private set; }

    /// <summary><c>12 Pass, 1 Fail</c>.</summary>
    public string Verdicts => string.Join(", ", _verdicts.Select(p => $"{p.Value} {p.Key}"));

    public bool HasFailures => Vsockspec.Cases.Verdicts.ExitCode(_verdicts.Keys) != ExitCodes.Passed;

    public void Add(CaseResult result)
    {
        Done++;
        DurationMs += result.DurationMs;
        _verdicts[result.Verdict] = _verdicts.GetValueOrDefault(result.Verdict) + 1;
    }
}

/// <summary>What is done and what is left, by area, in the order in which areas begin.</summary>
internal sealed class AreaProgress
{
    private readonly Dictionary<string, AreaCount> _byName;

    public AreaProgress(IReadOnlyList<CaseRun> runs, int repeat)
    {
        Areas = [.. runs.GroupBy(r => r.Case.Area).Select(g => new AreaCount(g.Key, g.Count() * repeat))];
        _byName = Areas.ToDictionary(a => a.Name, StringComparer.Ordinal);
    }

    public IReadOnlyList<AreaCount> Areas { get; }

    public AreaCount Add(CaseResult result)
    {
        AreaCount area = _byName[result.Area];
        area.Add(result);
        return area;
    }
}
