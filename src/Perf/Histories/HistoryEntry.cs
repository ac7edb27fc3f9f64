namespace Vsockspec.Perf.Histories;

/// <summary>One night's value of one figure.</summary>
/// <param name="Schema"><see cref="CurrentSchema"/>.</param>
/// <param name="Run">Names the measurement; a series has each at most once.</param>
/// <param name="Commit">What was measured; null when unknown.</param>
/// <param name="Machine">What it was measured on: a figure of another machine, kernel or runtime starts a new stretch, it is no step.</param>
public sealed record HistoryEntry(string Schema, string Run, DateTimeOffset At, string? Commit, string Machine, double Value)
{
    public const string CurrentSchema = "vsockspec-history/1";
}

/// <summary>A figure over the nights.</summary>
/// <param name="Series">The figure's permanent name.</param>
/// <param name="Entries">In order of time.</param>
/// <param name="Notices">What was not read, and why: a cut-off line, a run that stands there twice.</param>
public sealed record History(string Series, IReadOnlyList<HistoryEntry> Entries, IReadOnlyList<string> Notices);

/// <summary>A history cannot be read or written. The message names file, line and remedy.</summary>
public sealed class HistoryException(string message, Exception? inner = null) : Exception(message, inner);
