using Vsockspec.Perf.Comparing;

namespace Vsockspec.Perf.Reports;

/// <summary>What a page is made from; any of it may be absent.</summary>
/// <param name="Runs">Runs of a plan.</param>
/// <param name="Comparisons">Comparisons of two targets.</param>
/// <param name="History">The nights; null: none.</param>
public sealed record ReportInput(IReadOnlyList<PerfReport> Runs, IReadOnlyList<CompareReport> Comparisons, HistoryView? History = null);
