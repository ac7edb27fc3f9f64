using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Reports;

/// <summary>A step of a history with what people have made of it.</summary>
/// <param name="Said">Null: nobody has looked at it.</param>
public sealed record JudgedStep(Step Step, TriageEntry? Said)
{
    /// <summary>Fails the night.</summary>
    public bool IsOpen => Step is { IsRegression: true, IsConfirmed: true } && Said is null;
}

/// <summary>One series with its steps.</summary>
public sealed record JudgedHistory(History History, Better Better, IReadOnlyList<JudgedStep> Steps);

/// <summary>All histories of a folder, judged.</summary>
public sealed record HistoryView(IReadOnlyList<JudgedHistory> Series)
{
    /// <summary>How often the nights' comparison of the target with itself accused it.</summary>
    public AlarmNights Alarms { get; init; } = AlarmNights.None;

    public IEnumerable<string> Notices => Series.SelectMany(s => s.History.Notices);

    public IEnumerable<(JudgedHistory Series, JudgedStep Step)> Steps => Series.SelectMany(series => series.Steps.Select(step => (series, step)));

    /// <param name="beside">Folders that may have the alarm rate of a night that is not among the history's yet.</param>
    /// <exception cref="HistoryException">A history cannot be read.</exception>
    /// <exception cref="DataFileException">What people say of the steps cannot be read.</exception>
    public static HistoryView Read(string folder, params IEnumerable<string> beside)
    {
        IReadOnlyList<History> all = new HistoryStore(folder).ReadAll();
        Triage triage = Triage.Load(folder);
        Trend trend = new(new ChangePointDetector(), all.Count);
        return new HistoryView(
        [
            .. all.Select(history =>
            {
                Better better = Nightly.BetterOf(history.Series);
                return new JudgedHistory(history, better, [.. trend.Steps(history, better).Select(step => new JudgedStep(step, triage.Of(history, step)))]);
            }),
        ]) { Alarms = AlarmNights.Read(folder, beside) };
    }
}
