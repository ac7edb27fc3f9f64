using System.Globalization;
using System.Text;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Histories;

/// <summary>How often a step of a known size was found, so many nights after it.</summary>
/// <param name="NightsAfter">Nights of the new level that are there.</param>
/// <param name="Found">Part of the series in which the step was found within two nights of its place.</param>
/// <param name="SecondOpinion">Part in which ED-PELT by itself sees a step there.</param>
/// <param name="Confirmed">Part in which both do, as a regression: what fails a night.</param>
public sealed record StepRate(SyntheticHistory History, int NightsAfter, int Series, double Found, double SecondOpinion, double Confirmed);

/// <summary>What is found in histories in which nothing happened.</summary>
/// <param name="Steps">Steps for each series, over all its nights.</param>
/// <param name="SecondOpinion">Steps that ED-PELT by itself sees.</param>
/// <param name="Regressions">Confirmed regressions.</param>
/// <param name="Alarms">Part of the series in which some night would have failed: looked at every night, not only at the end.</param>
public sealed record QuietRate(SyntheticHistory History, int Series, double Steps, double SecondOpinion, double Regressions, double Alarms);

/// <summary>
/// Proves the detection of steps on histories of which it is known what happened. A figure of which less is better stands for all: a rise is a regression.
/// </summary>
/// <param name="together">As many series as are judged together in the history that the rates are for.</param>
public sealed class DetectionRates(int series, int seed, int together = 1)
{
    /// <summary>Nights before a step.</summary>
    public const int Before = 60;

    public const int Quiet = 90;
    private const int SamePlace = 2;

    private static readonly int[] NightsAfter = [3, 4, 5, 7, 10];
    private readonly Trend trend = new(new ChangePointDetector(), together);

    /// <summary>The cells that docs/performance.md shows.</summary>
    public static IReadOnlyList<SyntheticHistory> UsualSteps { get; } =
    [
        new(Before, 0.01) { StepAt = Before, Step = 0.03 },
        new(Before, 0.01) { StepAt = Before, Step = 0.05 },
        new(Before, 0.02) { StepAt = Before, Step = 0.05 },
        new(Before, 0.02) { StepAt = Before, Step = 0.05, Outliers = 0.05 },
        new(Before, 0.03) { StepAt = Before, Step = 0.05 },
        new(Before, 0.03) { StepAt = Before, Step = 0.10 },
        new(Before, 0.03) { StepAt = Before, Step = 0.10, Outliers = 0.05 },
        new(Before, 0.05) { StepAt = Before, Step = 0.10 },
    ];

    /// <summary>The cells that docs/performance.md shows.</summary>
    public static IReadOnlyList<SyntheticHistory> UsualQuiet { get; } =
    [
        new(Quiet, 0.01),
        new(Quiet, 0.02),
        new(Quiet, 0.03),
        new(Quiet, 0.05),
        new(Quiet, 0.02) { Outliers = 0.05 },
        new(Quiet, 0.01) { DriftPerNight = 0.0005 },
    ];

    /// <summary>One for each number of nights after the step.</summary>
    public IEnumerable<StepRate> Steps(SyntheticHistory history) => NightsAfter.Select(after => Of(history, after));

    /// <summary>After so many nights of the new level.</summary>
    public StepRate Of(SyntheticHistory history, int nightsAfter)
    {
        int at = history.StepAt ?? throw new ArgumentException("a history without a step", nameof(history));
        SyntheticHistory whole = history with { Nights = at + nightsAfter };
        int found = 0;
        int second = 0;
        int confirmed = 0;
        bool IsThere(int place) => Math.Abs(place - at) <= SamePlace;
        foreach (History made in Histories(whole))
        {
            Step[] steps = [.. trend.Steps(made, Better.Lower).Where(s => IsThere(s.Point.Index))];
            found += steps.Length > 0 ? 1 : 0;
            confirmed += steps.Any(IsAlarm) ? 1 : 0;
            second += SecondOpinion.Places([.. made.Entries.Select(e => e.Value)]).Any(IsThere) ? 1 : 0;
        }

        return new StepRate(whole, nightsAfter, series, Part(found), Part(second), Part(confirmed));
    }

    /// <param name="isEveryNight">Looks at each series as it was after every night too, which takes as many times longer.</param>
    public QuietRate Of(SyntheticHistory quiet, bool isEveryNight)
    {
        int steps = 0;
        int second = 0;
        int regressions = 0;
        int alarms = 0;
        foreach (History made in Histories(quiet))
        {
            IReadOnlyList<Step> found = trend.Steps(made, Better.Lower);
            steps += found.Count;
            regressions += found.Count(IsAlarm);
            second += SecondOpinion.Places([.. made.Entries.Select(e => e.Value)]).Count;
            alarms += isEveryNight && Enumerable.Range(1, quiet.Nights).Any(nights => trend.Steps(made with { Entries = [.. made.Entries.Take(nights)] }, Better.Lower).Any(IsAlarm)) ? 1 : 0;
        }

        return new QuietRate(quiet, series, Part(steps), Part(second), Part(regressions), isEveryNight ? Part(alarms) : double.NaN);
    }

    /// <summary>The tables of docs/performance.md.</summary>
    /// <param name="progress">Told of each row.</param>
    public string ToMarkdown(Action<string> progress, CancellationToken cancellation)
    {
        CultureInfo c = CultureInfo.InvariantCulture;
        StringBuilder text = new();
        text.AppendLine(c, $"{series} series for each cell, seed {seed}, {together} judged together, {Before} nights before the step. Found within {SamePlace} nights of its place, in percent of the series: Hunter / ED-PELT / both, which is what fails a night.").AppendLine();
        text.AppendLine(c, $"| night to night | step | {string.Join(" | ", NightsAfter.Select(n => $"{n} nights after"))} |").AppendLine(c, $"|---|---|{string.Concat(NightsAfter.Select(_ => "---:|"))}");
        foreach (SyntheticHistory history in UsualSteps)
        {
            cancellation.ThrowIfCancellationRequested();
            string cells = string.Join(" | ", Steps(history).Select(r => string.Create(c, $"{r.Found * 100:0} / {r.SecondOpinion * 100:0} / {r.Confirmed * 100:0}")));
            string row = string.Create(c, $"| {Noise(history)} | {history.Step:+0 %;-0 %} | {cells} |");
            progress(row);
            _ = text.AppendLine(row);
        }

        text.AppendLine().AppendLine(c, $"{Quiet} nights without a step, for each series: steps at the end, and in how many of 100 series some night failed.").AppendLine();
        text.AppendLine("| night to night | Hunter | ED-PELT | confirmed regressions | series with a false alarm in some night, % |").AppendLine("|---|---:|---:|---:|---:|");
        foreach (SyntheticHistory history in UsualQuiet)
        {
            cancellation.ThrowIfCancellationRequested();
            QuietRate rate = Of(history, isEveryNight: true);
            string row = string.Create(c, $"| {Noise(history)} | {rate.Steps:0.00} | {rate.SecondOpinion:0.00} | {rate.Regressions:0.000} | {rate.Alarms * 100:0.0} |");
            progress(row);
            _ = text.AppendLine(row);
        }

        return text.ToString();
    }

    private IEnumerable<History> Histories(SyntheticHistory kind) => Enumerable.Range(0, series).Select(i => kind.Make(unchecked((seed * 1_000_003) + i)));

    /// <summary>What fails a night.</summary>
    private static bool IsAlarm(Step step) => step is { IsRegression: true, IsConfirmed: true };

    private double Part(int count) => (double)count / series;

    private static string Noise(SyntheticHistory history) => string.Create(
        CultureInfo.InvariantCulture,
        $"{history.Spread:0 %}{(history.Outliers > 0 ? $", {history.Outliers:0 %} of nights astray by {history.OutlierSize:0 %}" : "")}{(history.DriftPerNight != 0 ? $", {history.DriftPerNight:0.00 %} drift a night" : "")}");
}
