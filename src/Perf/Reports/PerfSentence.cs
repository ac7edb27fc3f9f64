using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports.Sections;
using Vsockspec.Perf.Statistics;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports;

/// <summary>What a measurement says, for somebody who does not know vsock.</summary>
/// <param name="Headline">Two to six words.</param>
/// <param name="Text">The sentences.</param>
/// <param name="Style">See <see cref="Status.Style"/>.</param>
internal sealed record PerfSentence(string Headline, string Text, string Style)
{
    /// <summary>What the page's other parts say.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];

    private const int MostNamed = 4;
    private const int LongestReason = 160;

    /// <summary>The worst says the headline; the sentences of all follow, the worst first.</summary>
    public static PerfSentence Of(IEnumerable<PerfSentence> parts)
    {
        PerfSentence[] sorted = [.. parts.OrderBy(p => Rank(p.Style))];
        return sorted.Length == 0
            ? new PerfSentence("Nothing was measured", "There is no figure to show.", "none")
            : sorted[0] with { Others = [.. sorted[0].Others, .. sorted.Skip(1).SelectMany(p => p.Others.Prepend($"{p.Headline}: {p.Text}"))] };
    }

    public static PerfSentence Of(RunView target)
    {
        int failed = target.Count(WorkloadOutcome.Failed);
        int disturbed = target.Count(WorkloadOutcome.Disturbed);
        int asked = target.Figures.Count(f => f.IsGoalMet is not null);
        int missed = target.Figures.Count(f => f.IsGoalMet == false);
        bool isFit = target.Report.Conditions.AreFit;
        int missing = target.Report.IsComplete ? 0 : target.Report.Plan.Workloads - target.Report.Workloads.Count;
        string stopped = missing == 0 ? "" : $"The run was stopped, and {missing} of {HtmlParts.Count(target.Report.Plan.Workloads, "workload")} of the plan are missing.";
        string[] parts = [Joined(Failures(target), stopped, isFit ? "" : Unfit(target.Report.Conditions), Disturbed(disturbed)), Joined(Finding(target), Goals(asked, missed))];
        string[] said = [.. parts.Where(t => t.Length > 0)];
        string text = said.Length > 0 ? said[0] : $"{target.Name}: no figure was measured.";
        PerfSentence sentence = (target.Figures.Count, failed, isFit, disturbed, missed, asked) switch
        {
            (_, > 0, _, _, _, _) => new($"{HtmlParts.Count(failed, "workload")} failed", text, "fail"),
            (_, _, false, _, _, _) => new("The machine was not fit to measure on", text, "unsure"),
            (0, _, _, 0, _, _) => new("Nothing was measured", text, "none"),
            _ when missing != 0 => new($"Stopped after {HtmlParts.Count(target.Report.Workloads.Count, "workload")}", text, "unsure"),
            (_, _, _, > 0, _, _) => new($"{HtmlParts.Count(disturbed, "workload")} disturbed", text, "unsure"),
            (_, _, _, _, > 0, _) => new($"Measured; {missed} of {HtmlParts.Count(asked, "goal")} missed", text, "loose"),
            (_, _, _, _, _, > 0) => new(asked == 1 ? "Measured; its goal is met" : $"Measured; all {asked} goals met", text, "pass"),
            _ => new("Measured", text, "info"),
        };
        return sentence with { Others = [.. said.Skip(1)] };
    }

    public static PerfSentence Of(CompareReport report)
    {
        FigureComparison[] deciding = [.. report.Figures.Where(f => f.Decides)];
        FigureComparison[] slower = [.. deciding.Where(f => f.Verdict == PerfVerdict.Slower).OrderByDescending(f => f.Slowdown?.Ratio ?? 0)];
        FigureComparison[] open = [.. deciding.Where(f => f.Verdict == PerfVerdict.Inconclusive)];
        FigureComparison[] faster = [.. deciding.Where(f => f.Verdict == PerfVerdict.Faster)];
        string a = Numbers.Cut(report.A.Name, 60);
        string b = Numbers.Cut(report.B.Name, 60);
        (string before, string after) = a == b ? ($"A ({a})", $"B ({b})") : (a, b);
        if (report.Failure is { } failure)
        {
            return new PerfSentence(
                $"{Numbers.Cut(failure.Target, 40)} failed",
                $"{Numbers.Cut(failure.Sentence, 60 + LongestReason).TrimEnd('.')}. {HtmlParts.Count(report.RunsEach, "run")} {(report.RunsEach == 1 ? "was" : "were")} measured until then. What was measured is kept and decides nothing.",
                "fail");
        }

        string stopped = report.IsComplete ? "" : "The comparison was stopped, and what was measured until then is kept. ";
        string rest = $" {HtmlParts.Count(report.RunsEach, "run")}, both in turn in each; a change of {Numbers.Percent(report.Options.Tolerance)} does not matter.";
        if (!report.Conditions.AreFit)
        {
            string seemed = slower.Length == 0 ? $"No figure seemed slower in {after} than in {before}." : $"{after} seemed slower or dearer than {before} in {slower.Length} of {HtmlParts.Count(deciding.Length, "figure")}: {Named(slower)}.";
            return new PerfSentence("Inconclusive: the machine was not fit", $"{stopped}{Unfit(report.Conditions)} {seemed}{rest}", "unsure");
        }

        if (!report.IsComplete)
        {
            return new PerfSentence("Inconclusive: the comparison was stopped", $"What was measured until then is kept and decides nothing.{rest}", "unsure");
        }

        return report.Verdict switch
        {
            PerfVerdict.Slower => new(
                $"Slower in {HtmlParts.Count(slower.Length, "figure")}",
                $"{after} is slower or dearer than {before} in {slower.Length} of {HtmlParts.Count(deciding.Length, "figure")} that decide: {Named(slower)}.{(open.Length > 0 ? $" {open.Length} {(open.Length == 1 ? "is" : "are")} open." : "")}{rest}",
                "fail"),
            PerfVerdict.Inconclusive => new(
                "Inconclusive", $"The runs do not tell whether {after} is slower than {before}: {open.Length} of {HtmlParts.Count(deciding.Length, "figure")} that decide {(open.Length == 1 ? "is" : "are")} open, none is slower.{rest}", "unsure"),
            PerfVerdict.Faster => new("Faster", $"{after} is faster or cheaper than {before} in {faster.Length} of {HtmlParts.Count(deciding.Length, "figure")} that decide, and slower in none.{rest}", "pass"),
            _ when deciding.Length == 0 => new("Nothing to decide by", $"No figure of {before} and {after} decides.", "none"),
            _ => new("No difference that matters", $"{after} is as fast as {before} in all {HtmlParts.Count(deciding.Length, "figure")} that decide.{rest}", "pass"),
        };
    }

    public static PerfSentence Of(HistoryView history)
    {
        (JudgedHistory Series, JudgedStep Step)[] open = [.. history.Steps.Where(s => s.Step.IsOpen).OrderByDescending(s => Math.Abs(s.Step.Step.Point.Change))];
        int worse = history.Steps.Count(s => s.Step.Step.IsRegression);
        int runs = history.Series.Select(s => s.History.Entries.Count).DefaultIfEmpty().Max();
        string looked = $"{HtmlParts.Count(history.Series.Count, "series", "series")} over up to {HtmlParts.Count(runs, "run")} were searched for lasting steps.";
        if (open.Length > 0)
        {
            string named = string.Join("; ", open.Take(MostNamed).Select(s =>
                $"{Numbers.Cut(s.Series.History.Series, 80)} by {Numbers.Change(s.Step.Step.Point.Change)} between {Numbers.Place(s.Step.Step.LastBefore)} and {Numbers.Place(s.Step.Step.First)}"));
            return new(
                $"Became worse: {HtmlParts.Count(open.Length, "lasting step")}",
                $"{named}{(open.Length > MostNamed ? $"; and {open.Length - MostNamed} more" : "")}. Both detectors see {(open.Length == 1 ? "it" : "each")}, and nobody has said what {(open.Length == 1 ? "it is" : "they are")}. {looked}",
                "fail");
        }

        return history.Series.Count == 0
            ? new("The history is empty", "No run was kept yet.", "none")
            : new(
                "No new regression",
                $"{looked} {(worse == 0 ? "None is for the worse." : $"{HtmlParts.Count(worse, "step")} for the worse {(worse == 1 ? "is" : "are")} explained, or not confirmed.")}",
                "pass");
    }

    private static string Joined(params IEnumerable<string> sentences) => string.Join(' ', sentences.Where(s => s.Length > 0));

    private static string Failures(RunView target)
    {
        WorkloadResult[] failed = [.. target.Report.Workloads.Where(w => w.Outcome == WorkloadOutcome.Failed)];
        return failed.Length == 0
            ? ""
            : $"{target.Name} failed in {Workloads.Name(failed[0])}: {Numbers.Cut(failed[0].Why ?? "no reason is given", LongestReason).TrimEnd('.')}{(failed.Length > 1 ? $", and in {failed.Length - 1} more" : "")}. What was measured until then is kept.";
    }

    private static string Unfit(Conditions conditions) =>
        $"Nothing here decides, because of {string.Join(" and ", conditions.Checks.Where(c => c.Grade == ConditionGrade.Unfit).Take(MostNamed).Select(c => $"{Numbers.Cut(c.Name, 40)} ({Numbers.Cut(c.Observed, LongestReason)})"))}.";

    private static string Disturbed(int disturbed) => disturbed == 0 ? "" : $"{HtmlParts.Count(disturbed, "workload")} {(disturbed == 1 ? "says" : "say")} nothing about the target, because the machine was disturbed.";

    /// <summary>The few figures that people ask for first.</summary>
    private static string Finding(RunView target)
    {
        List<string> said = [];
        foreach ((string direction, string words) in (ReadOnlySpan<(string, string)>)[("guest-to-host", "from guest to host"), ("host-to-guest", "from host to guest")])
        {
            if (target.Usual($"stream/{direction}/throughput", 65_536) is { Value: { } rate } figure)
            {
                string beside = figure.Ratio is { } ratio ? $", {Numbers.Percent(ratio.Middle)} of what the machine's own {Numbers.Cut(figure.Beside!.Limit, 40)} carries" : "";
                said.Add($"carries {Numbers.Show(rate.Middle)}{Numbers.Blank}{Numbers.Cut(figure.Figure.Unit, 20)} {words}{(figure.Parameter.Size is { } size ? $" in messages of {Numbers.Bytes(size)}" : "")}{beside}");
            }
        }

        if (target.Usual("stream/round-trip/p50", 64) is { Value: { } trip } first)
        {
            said.Add($"has the answer to a message of {first.Parameter.Label} back within {Numbers.Show(trip.Middle)}{Numbers.Blank}{Numbers.Cut(first.Figure.Unit, 20)} in half of all cases");
        }

        return said.Count == 0 ? "" : $"{target.Name} {string.Join("; it ", said)}.";
    }

    private static string Goals(int asked, int missed) => asked == 0 ? "" : missed == 0
        ? $"{(asked == 1 ? "The goal" : $"All {asked} goals")} beside the machine's own limits {(asked == 1 ? "is" : "are")} met."
        : $"{missed} of {HtmlParts.Count(asked, "goal")} beside the machine's own limits {(missed == 1 ? "is" : "are")} missed.";

    private static string Named(FigureComparison[] figures) =>
        string.Join("; ", figures.Take(MostNamed).Select(f => $"{FigureParts.Words(f.Figure.Family, Parameter.Parse(f.Figure.Parameter))}{(f.Slowdown is { } s ? $" by {Numbers.Percent(s.Ratio - 1)} ({Numbers.Ratio(s.Lower)} to {Numbers.Ratio(s.Upper)} times)" : "")}"))
        + (figures.Length > MostNamed ? $"; and {figures.Length - MostNamed} more" : "");

    private static int Rank(string style) => Array.IndexOf(["fail", "unsure", "loose", "none", "info", "pass"], style);
}
