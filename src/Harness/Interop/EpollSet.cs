using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>A level-triggered epoll set. It can be watched itself: it is readable while one of its members is ready.</summary>
public sealed unsafe class EpollSet : IDisposable
{
    private readonly SafeFileHandle handle;

    public EpollSet()
    {
        int fd = LibC.epoll_create1(LibC.EPOLL_CLOEXEC);
        handle = fd < 0 ? throw ErrnoException.Last("epoll_create1") : new SafeFileHandle(fd, ownsHandle: true);
    }

    public int Fd => (int)handle.DangerousGetHandle();

    /// <summary>Watches a descriptor; <paramref name="tag"/> identifies it in <see cref="Wait"/>.</summary>
    /// <exception cref="ErrnoException">EPERM: the descriptor cannot be watched (a regular file). EEXIST: it is watched already.</exception>
    public void Add(int fd, PollEvents interest, ulong tag) => Control(LibC.EPOLL_CTL_ADD, fd, interest, tag);

    public void Modify(int fd, PollEvents interest, ulong tag) => Control(LibC.EPOLL_CTL_MOD, fd, interest, tag);

    /// <summary>Call before the descriptor is closed: a duplicate of it elsewhere would keep it in the set.</summary>
    public void Remove(int fd) => Control(LibC.EPOLL_CTL_DEL, fd, PollEvents.None, 0);

    /// <summary>Writes the tags of ready descriptors and returns their number. Waits at most <paramref name="timeoutMs"/> (0: look only, -1: no limit).</summary>
    public int Wait(Span<ulong> tags, int timeoutMs)
    {
        epoll_event* events = stackalloc epoll_event[tags.Length];
        int count = LibC.epoll_wait(Fd, events, tags.Length, timeoutMs);
        if (count < 0)
        {
            int errno = LibC.errno;
            return errno == LibC.EINTR ? 0 : throw new ErrnoException("epoll_wait", errno);
        }

        for (int i = 0; i < count; i++)
        {
            tags[i] = events[i].data.u64;
        }

        return count;
    }

    public void Dispose() => handle.Dispose();

    private void Control(int operation, int fd, PollEvents interest, ulong tag)
    {
        epoll_event entry = default;
        entry.events = (int)interest;
        entry.data.u64 = tag;
        if (LibC.epoll_ctl(Fd, operation, fd, &entry) != 0)
        {
            throw ErrnoException.Last("epoll_ctl");
        }
    }
}
