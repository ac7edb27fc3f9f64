using Vsockspec.Perf.Measuring;
using Vsockspec.Results;

namespace Vsockspec.Perf.Reports;

/// <summary>A run of a plan as the sections of a page see it.</summary>
/// <param name="index">Of the runs on the page.</param>
/// <param name="isAlone">The page has no other run.</param>
/// <param name="folder">Where the page will be; null: nowhere yet.</param>
internal sealed class RunView(PerfReport report, int index, bool isAlone, string? folder)
{
    private const int LongestName = 60;

    public PerfReport Report => report;

    public string Name => Numbers.Cut(report.Target.Name, LongestName);

    /// <summary>In the order of measuring.</summary>
    public IReadOnlyList<MeasuredFigure> Figures { get; } = [.. report.Workloads.SelectMany(w => w.Measurements.Select(m => new MeasuredFigure(w, m)))];

    public IReadOnlyList<LatencyCurve> Curves { get; } = [.. report.Workloads.SelectMany(w => w.Latencies)];

    public int Count(WorkloadOutcome outcome) => report.Workloads.Count(w => w.Outcome == outcome);

    /// <summary>Raw histograms that are beside the page.</summary>
    public IReadOnlyList<string> Histograms =>
        folder is null ? [] : [.. Curves.Select(c => c.Histogram).OfType<string>().Distinct(StringComparer.Ordinal).Where(file => BundlePath.IsInside(file) && File.Exists(Path.Combine(folder, file)))];

    /// <summary>An id that no other run's section has.</summary>
    public string Id(string section) => index == 0 ? section : $"{section}-{index + 1}";

    public string Title(string title) => isAlone ? title : $"{title}: {Name}";

    /// <summary>The first figure of a family that could be measured, whatever its parameter; null: there is none.</summary>
    public MeasuredFigure? First(string family) => Figures.FirstOrDefault(f => f.Figure.Family == family && f.Value is not null);

    /// <summary>The default's figure of a family, of the size asked for or of the largest one; null: there is none that could be measured.</summary>
    public MeasuredFigure? Usual(string family, long size) => Figures
        .Where(f => f.Figure.Family == family && f.Parameter.Changes.Count == 0 && f.Value is not null)
        .OrderBy(f => f.Parameter.Size == size ? 0 : 1)
        .ThenByDescending(f => f.Parameter.Size)
        .FirstOrDefault();
}
