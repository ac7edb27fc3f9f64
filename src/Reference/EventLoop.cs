using Vsockspec.Interop;

namespace Vsockspec.Reference;

/// <summary>Is told when its descriptor is ready.</summary>
internal interface IWatcher
{
    void Ready(EpollEvents events);
}

/// <summary>
/// Watches descriptors and tells their watchers. A watcher may be removed while events are being told; what was already
/// reported for it is dropped, also when its place has been taken by another.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private const int EventsPerWait = 64;

    private readonly Epoll epoll = new();
    private readonly EpollEvent[] events = new EpollEvent[EventsPerWait];
    private readonly Stack<int> freePlaces = new();
    private Place[] places = new Place[64];
    private int placesUsed;

    /// <summary>Starts watching and returns a handle for <see cref="Change"/> and <see cref="Unwatch"/>.</summary>
    /// <exception cref="ErrnoException">The descriptor cannot be watched.</exception>
    public int Watch(int fd, EpollEvents interest, IWatcher watcher)
    {
        if (!freePlaces.TryPop(out int handle))
        {
            handle = placesUsed++;
            if (handle == places.Length)
            {
                Array.Resize(ref places, places.Length * 2);
            }
        }

        ref Place place = ref places[handle];
        place.Generation++;
        place.Fd = fd;
        place.Watcher = watcher;
        try
        {
            epoll.Add(fd, interest, Token(handle));
        }
        catch (ErrnoException)
        {
            place.Watcher = null;
            freePlaces.Push(handle);
            throw;
        }

        return handle;
    }

    /// <summary>Sets new events; an edge that is already there is reported again.</summary>
    public void Change(int handle, EpollEvents interest) => epoll.Modify(places[handle].Fd, interest, Token(handle));

    /// <summary>Must come before the descriptor is closed.</summary>
    public void Unwatch(int handle)
    {
        epoll.Remove(places[handle].Fd);
        Forget(handle);
    }

    /// <summary>Stops watching a descriptor that is closed already and was open nowhere else.</summary>
    public void Forget(int handle)
    {
        places[handle].Watcher = null;
        freePlaces.Push(handle);
    }

    /// <summary>Waits at most <paramref name="timeoutMs"/> (-1: no limit) and tells the watchers of what is ready.</summary>
    public void Wait(int timeoutMs)
    {
        int count = epoll.Wait(events, timeoutMs);
        for (int i = 0; i < count; i++)
        {
            ref Place place = ref places[(int)(uint)events[i].Token];
            if (place.Generation == (uint)(events[i].Token >> 32))
            {
                place.Watcher?.Ready(events[i].Events);
            }
        }
    }

    public void Dispose() => epoll.Dispose();

    private ulong Token(int handle) => ((ulong)places[handle].Generation << 32) | (uint)handle;

    private struct Place
    {
        public int Fd;
        public uint Generation;
        public IWatcher? Watcher;
    }
}
