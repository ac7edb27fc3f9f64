namespace Vsockspec.Reference;

/// <summary>Something that must happen by a certain time.</summary>
internal interface IExpiring
{
    void Expire();
}

/// <summary>Points in time at which something gives up waiting; at most one per object, so that their number is bounded.</summary>
internal sealed class Timers
{
    private readonly SortedSet<Entry> entries = new(Comparer<Entry>.Create(Compare));
    private readonly Dictionary<IExpiring, Entry> byOwner = new(ReferenceEqualityComparer.Instance);
    private ulong sequence;

    /// <summary>Milliseconds until the next one for epoll: 0 when one is due, -1 when there is none.</summary>
    public int NextTimeout => entries.Count == 0 ? -1 : (int)Math.Clamp(entries.Min.Due - Environment.TickCount64, 0, int.MaxValue);

    /// <summary>Sets or moves the owner's time.</summary>
    public void Set(IExpiring owner, TimeSpan fromNow)
    {
        Cancel(owner);
        Entry entry = new(Environment.TickCount64 + Math.Max(1, (long)fromNow.TotalMilliseconds), sequence++, owner);
        byOwner.Add(owner, entry);
        entries.Add(entry);
    }

    public void Cancel(IExpiring owner)
    {
        if (byOwner.Remove(owner, out Entry entry))
        {
            entries.Remove(entry);
        }
    }

    /// <summary>Calls everything that is due.</summary>
    public void Run()
    {
        while (entries.Count > 0 && entries.Min.Due <= Environment.TickCount64)
        {
            Entry due = entries.Min;
            Cancel(due.Owner);
            due.Owner.Expire();
        }
    }

    private static int Compare(Entry a, Entry b) => a.Due != b.Due ? a.Due.CompareTo(b.Due) : a.Sequence.CompareTo(b.Sequence);

    private readonly record struct Entry(long Due, ulong Sequence, IExpiring Owner);
}
