using Vsockspec.Targets;

namespace Vsockspec.Perf.Histories;

/// <summary>What people have made of a step.</summary>
public enum TriageState
{
    /// <summary>Nobody has looked at it: it fails the night.</summary>
    New,

    /// <summary>Somebody is at it.</summary>
    Acknowledged,

    /// <summary>The reason is known and right.</summary>
    Explained,

    /// <summary>Mended; the history will show a step back.</summary>
    Fixed,

    /// <summary>It stays.</summary>
    WontFix,
}

/// <param name="Run">The first run of the new level.</param>
/// <param name="By">Who says so.</param>
/// <param name="Note">Why, in words.</param>
public sealed record TriageEntry(string Series, string Run, TriageState State, string By, string Note);

/// <summary>The file <c>triage.yaml</c> beside the histories, written by people.</summary>
public sealed class Triage
{
    public const string File = "triage.yaml";
    private const int SamePlace = 2;

    private static readonly Dictionary<string, TriageState> States = new(StringComparer.Ordinal)
    {
        ["acknowledged"] = TriageState.Acknowledged,
        ["explained"] = TriageState.Explained,
        ["fixed"] = TriageState.Fixed,
        ["wont-fix"] = TriageState.WontFix,
    };

    private readonly IReadOnlyList<TriageEntry> _entries;

    private Triage(IReadOnlyList<TriageEntry> entries)
    {
        _entries = entries;
    }

    /// <summary>Nothing where the file is not there.</summary>
    /// <exception cref="DataFileException">It is wrong; the message names line and field.</exception>
    public static Triage Load(string folder)
    {
        string file = Path.Combine(folder, File);
        if (!System.IO.File.Exists(file))
        {
            return new Triage([]);
        }

        YamlMap map = YamlMap.Load(file);
        map.AllowOnly("steps");
        List<TriageEntry> entries = [];
        foreach (YamlMap row in map.Maps("steps"))
        {
            row.AllowOnly("series", "run", "state", "by", "note");
            TriageState state = States.TryGetValue(row.Text("state"), out TriageState known)
                ? known
                : throw row.Error("state", $"is '{row.Text("state")}'; write one of: {string.Join(", ", States.Keys)}");
            entries.Add(new TriageEntry(row.Text("series"), row.Text("run"), state, row.Text("by"), row.Text("note")));
        }

        return new Triage(entries);
    }

    /// <summary>What is said of a step; null: nothing yet. As nights are added a step's place may move by a run or two, and it is still the same one.</summary>
    public TriageEntry? Of(History history, Step step) => _entries.FirstOrDefault(entry =>
        entry.Series == history.Series
        && PlaceOf(history, entry.Run) is { } place
        && PlaceOf(history, step.First.Run) is { } found
        && Math.Abs(place - found) <= SamePlace);

    private static int? PlaceOf(History history, string run)
    {
        for (int i = 0; i < history.Entries.Count; i++)
        {
            if (history.Entries[i].Run == run)
            {
                return i;
            }
        }

        return null;
    }
}
