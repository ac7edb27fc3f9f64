namespace Vsockspec.Perf.Comparing;

/// <summary>What the nights of a history say about false alarms.</summary>
/// <param name="Last">The newest of them, also one on an unfit machine; null: no night was compared with itself.</param>
/// <param name="Alarms">How many nights on a fit machine had a false alarm.</param>
public sealed record AlarmNights(AlarmRateReport? Last, Rate Alarms)
{
    /// <summary>Within the folder of a history.</summary>
    private const string Folder = "nights";

    public static readonly AlarmNights None = new(null, new Rate(0, 0));

    /// <summary>Reads the nights of a history, and those that are not among them yet.</summary>
    /// <param name="history">Its folder.</param>
    /// <param name="beside">Folders that may have a report of their own, such as that of the night that is not over.</param>
    public static AlarmNights Read(string history, IEnumerable<string> beside)
    {
        AlarmRateReport? last = null;
        HashSet<DateTimeOffset> seen = [];
        int alarms = 0;
        foreach (AlarmRateReport night in AlarmRateReport.ReadNights(Path.Combine(history, Folder)).Concat(beside.Select(AlarmRateReport.Read).OfType<AlarmRateReport>()))
        {
            last = last is null || night.StartedAt > last.StartedAt ? night : last;
            alarms += night.Conditions.AreFit && seen.Add(night.StartedAt) && night.Accused.Count > 0 ? 1 : 0;
        }

        return new AlarmNights(last, new Rate(alarms, seen.Count));
    }
}
