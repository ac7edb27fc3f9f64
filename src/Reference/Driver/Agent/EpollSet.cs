using Vsockspec.Interop;

namespace Vsockspec.Reference.Driver;

/// <summary>An epoll(7) instance over sockets.</summary>
internal sealed class EpollSet(WakeList wakeups) : Description(wakeups)
{
    private const uint EdgeTriggered = 1u << 31;
    private const uint OneShot = 1u << 30;

    /// <summary>EPOLLERR and EPOLLHUP are told whether asked for or not.</summary>
    private const uint Always = (uint)(PollEvents.Error | PollEvents.HangUp);

    private const int AddOperation = 1;
    private const int RemoveOperation = 2;
    private const int ModifyOperation = 3;

    private readonly Dictionary<Description, Item> items = [];

    public IReadOnlyList<Description> Members => [.. items.Keys];

    public override PollEvents Readiness => items.Any(i => EventsOf(i.Key, i.Value) != 0) ? PollEvents.Readable : PollEvents.None;

    /// <returns>An errno, or 0.</returns>
    public int Control(int operation, Description target, uint events, ulong data)
    {
        bool has = items.ContainsKey(target);
        switch (operation)
        {
            case AddOperation when has:
                return LinuxErrno.AlreadyExists;
            case AddOperation:
            case ModifyOperation when has:
                items[target] = new Item(events, data);
                Change();
                return 0;
            case RemoveOperation when has:
                items.Remove(target);
                return 0;
            case RemoveOperation or ModifyOperation:
                return LinuxErrno.NoSuchFile;
            default:
                return LinuxErrno.Invalid;
        }
    }

    /// <summary>A closed descriptor leaves every set.</summary>
    public void Forget(Description target) => items.Remove(target);

    /// <summary>Takes what is ready, at most so many.</summary>
    public List<(uint Events, ulong Data)> Take(int most)
    {
        List<(uint Events, ulong Data)> ready = [];
        foreach ((Description target, Item item) in items)
        {
            uint events = EventsOf(target, item);
            if (events != 0 && ready.Count < most)
            {
                item.Seen = target.Changes;
                item.IsSpent = (item.Interest & OneShot) != 0;
                ready.Add((events, item.Data));
            }
        }

        return ready;
    }

    private static uint EventsOf(Description target, Item item)
    {
        bool isOld = (item.Interest & EdgeTriggered) != 0 && item.Seen == target.Changes;
        return item.IsSpent || isOld ? 0 : (uint)(ushort)target.Readiness & (item.Interest | Always);
    }

    private sealed class Item(uint interest, ulong data)
    {
        public uint Interest => interest;

        public ulong Data => data;

        /// <summary>The changes that were there when it was told last; null: it never was.</summary>
        public uint? Seen { get; set; }

        /// <summary>Told once, and that was all (EPOLLONESHOT).</summary>
        public bool IsSpent { get; set; }
    }
}
