using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>epoll(7) event bits.</summary>
[Flags]
public enum EpollEvents : uint
{
    None = 0,
    Readable = 1,
    Writable = 4,
    Error = 8,
    HangUp = 0x10,
    PeerClosed = 0x2000,

    /// <summary>One report per change instead of one per look.</summary>
    EdgeTriggered = 1u << 31,
}

/// <summary>A watched descriptor that is ready.</summary>
/// <param name="Token">As given when the descriptor was added.</param>
public readonly record struct EpollEvent(EpollEvents Events, ulong Token);

/// <summary>
/// An epoll set for an event loop: it reports which events happened, and edges where asked to. One thread waits; others may
/// add and remove.
/// </summary>
public sealed unsafe class Epoll : IDisposable
{
    private readonly SafeFileHandle handle;

    public Epoll()
    {
        int fd = LibC.epoll_create1(LibC.EPOLL_CLOEXEC);
        handle = fd < 0 ? throw ErrnoException.Last("epoll_create1") : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>The set can be watched itself: it is readable while one of its members is ready.</summary>
    public int Fd => (int)handle.DangerousGetHandle();

    /// <exception cref="ErrnoException">EPERM: not a descriptor that can be watched. ENOSPC, ENOMEM: too many are.</exception>
    public void Add(int fd, EpollEvents events, ulong token) => Control(LibC.EPOLL_CTL_ADD, fd, events, token);

    /// <summary>Sets new events; an edge that is already there is reported again.</summary>
    public void Modify(int fd, EpollEvents events, ulong token) => Control(LibC.EPOLL_CTL_MOD, fd, events, token);

    /// <summary>
    /// Must come before the descriptor is closed: the kernel keeps watching for as long as anybody, also another process, has the
    /// same file open.
    /// </summary>
    public void Remove(int fd) => Control(LibC.EPOLL_CTL_DEL, fd, EpollEvents.None, 0);

    /// <summary>
    /// Waits until something is ready or <paramref name="timeoutMs"/> passed (0: look only, -1: no limit). Returns how many
    /// entries of <paramref name="ready"/> are filled; an interrupted wait returns 0.
    /// </summary>
    public int Wait(Span<EpollEvent> ready, int timeoutMs)
    {
        epoll_event* events = stackalloc epoll_event[ready.Length];
        int count = LibC.epoll_wait(Fd, events, ready.Length, timeoutMs);
        if (count < 0)
        {
            int errno = LibC.errno;
            return errno == LibC.EINTR ? 0 : throw new ErrnoException("epoll_wait", errno);
        }

        for (int i = 0; i < count; i++)
        {
            ready[i] = new EpollEvent((EpollEvents)events[i].events, events[i].data.u64);
        }

        return count;
    }

    public void Dispose() => handle.Dispose();

    private void Control(int operation, int fd, EpollEvents events, ulong token)
    {
        epoll_event change = default;
        change.events = (int)events;
        change.data.u64 = token;
        if (LibC.epoll_ctl(Fd, operation, fd, &change) != 0)
        {
            throw ErrnoException.Last("epoll_ctl");
        }
    }
}
