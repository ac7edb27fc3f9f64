using System.Globalization;
using System.Text;
using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Comparing;

/// <param name="Digest">SHA-256 of the program; null where there is none.</param>
public sealed record ComparedTarget(string Name, string? Digest);

/// <summary>The values of both targets in one run, by the figures' names.</summary>
public sealed record RunPair(IReadOnlyDictionary<string, double> A, IReadOnlyDictionary<string, double> B);

/// <summary>How a target ended a comparison.</summary>
/// <param name="Which"><c>a</c> or <c>b</c>.</param>
/// <param name="Run">The run, counted from 1; 0: the one before those that count.</param>
/// <param name="Why">One sentence, with the workload.</param>
public sealed record ComparedFailure(string Which, string Target, int Run, string Why)
{
    /// <summary>Which target failed, when and how.</summary>
    public string Sentence => $"{Which} ({Target}) failed in {(Run == 0 ? "the run before those that count" : $"run {Run}")}: {Why}";
}

/// <summary><c>compare.json</c>, see reports/schema/compare.schema.json.</summary>
/// <param name="RunsEach">Whole runs.</param>
/// <param name="Figures">None where there are fewer than two runs.</param>
public sealed record CompareReport(
    string Schema,
    ComparedTarget A,
    ComparedTarget B,
    string Plan,
    DateTimeOffset StartedAt,
    IReadOnlyDictionary<string, string> Environment,
    CompareOptions Options,
    int RunsEach,
    IReadOnlyList<FigureComparison> Figures)
{
    public const string CurrentSchema = "vsockspec-compare/1";

    /// <summary>Every run, in the order of measuring; after a failure also the one that it broke off, with the workloads that both had carried.</summary>
    public IReadOnlyList<RunPair> Runs { get; init; } = [];

    /// <summary>Of the machine, over the whole time.</summary>
    public Conditions Conditions { get; init; } = new([]);

    /// <summary>Null: both targets carried all that they were asked for.</summary>
    public ComparedFailure? Failure { get; init; }

    /// <summary>False: it was kept between two runs, and the comparison was stopped before its end.</summary>
    public bool IsComplete { get; init; } = true;

    /// <summary>Failed when a target failed. Inconclusive on an unfit machine, and where the comparison was stopped. Slower when one figure that decides is; else Inconclusive when one is; else Faster when one is.</summary>
    public PerfVerdict Verdict => Failure is not null ? PerfVerdict.Failed
        : !Conditions.AreFit || !IsComplete ? PerfVerdict.Inconclusive
        : Figures.Where(f => f.Decides).Select(f => f.Verdict).Append(PerfVerdict.Equivalent).MinBy(Rank);

    /// <summary>For people: the worst first.</summary>
    public string ToMarkdown()
    {
        CultureInfo c = CultureInfo.InvariantCulture;
        StringBuilder text = new();
        text.AppendLine(c, $"# {B.Name} against {A.Name}: {Verdict}").AppendLine();
        if (Failure is { } failure)
        {
            text.AppendLine(c, $"**{failure.Sentence}.** What was measured until then is kept and decides nothing.").AppendLine();
        }

        if (!IsComplete)
        {
            text.AppendLine("**The comparison was stopped**. What was measured until then is kept and decides nothing.").AppendLine();
        }

        if (FitnessWatch.WhyUnfit(Conditions) is { } unfit)
        {
            text.AppendLine(c, $"**The machine was unfit, so that nothing is decided**: {unfit}.").AppendLine();
        }

        text.AppendLine(
            c,
            $"Plan {Plan}, {RunsEach} runs, in each a process of A and one of B that are measured in turn (slices, A B B A). The ratio is how many times slower or dearer B is, with an interval that misses the truth in at most {Options.ErrorRate * 100:0.##} of 100 comparisons, "
            + $"held against a tolerance of {Options.Tolerance * 100:0.##} %.").AppendLine();
        text.AppendLine("| verdict | figure | A | B | unit | ratio (interval) | note |").AppendLine("|---|---|---:|---:|---|---|---|");
        foreach (FigureComparison f in Figures.Where(f => f.Figure.Role != FigureRole.Counter).OrderBy(f => Rank(f.Verdict)).ThenByDescending(f => f.Slowdown!.Ratio))
        {
            text.AppendLine(c, $"| {(f.Decides ? $"{f.Verdict}" : $"({f.Verdict})")} | {f.Figure.Name} | {f.First:0.0} | {f.Second:0.0} | {f.Figure.Unit} | {f.Slowdown!.Ratio:0.000} ({f.Slowdown.Lower:0.000} to {f.Slowdown.Upper:0.000}) | {f.Why ?? ""} |");
        }

        text.AppendLine().AppendLine("Figures in brackets do not decide. Counters, per MiB; those that never vary decide, any difference counts:").AppendLine();
        text.AppendLine("| counter | A | B | |").AppendLine("|---|---:|---:|---|");
        foreach (FigureComparison f in Figures.Where(f => f.Figure.Role == FigureRole.Counter))
        {
            text.AppendLine(c, $"| {f.Figure.Name} | {f.First:0.00} | {f.Second:0.00} | {f.Why ?? $"{f.Verdict}"} |");
        }

        return text.ToString();
    }

    private static int Rank(PerfVerdict verdict) => verdict switch
    {
        PerfVerdict.Slower => 0,
        PerfVerdict.Inconclusive => 1,
        PerfVerdict.Faster => 2,
        _ => 3,
    };
}
