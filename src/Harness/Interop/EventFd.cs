using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>A non-blocking eventfd counter. Safe to signal and read from different threads.</summary>
public sealed class EventFd : IDisposable
{
    private readonly bool mayFill;

    /// <summary>A new counter at zero.</summary>
    public EventFd()
    {
        int fd = LibC.eventfd(0, LibC.EFD_CLOEXEC | LibC.EFD_NONBLOCK);
        if (fd < 0)
        {
            throw ErrnoException.Last("eventfd");
        }

        Handle = new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>
    /// Takes over a descriptor received from a peer; it is expected, not proven, to be an eventfd. User-mode Linux sends sockets and older
    /// front ends pipes, which block a writer when nobody reads.
    /// </summary>
    public EventFd(SafeFileHandle handle)
    {
        Handle = handle;
        mayFill = IsSocketOrPipe();
    }

    public SafeFileHandle Handle { get; }

    /// <summary>The descriptor for poll; valid while this object is.</summary>
    public int Fd => (int)Handle.DangerousGetHandle();

    /// <summary>Adds one. False when the descriptor refuses (a full counter, not an eventfd, or a reader that went away); never blocks.</summary>
    public unsafe bool Signal()
    {
        if (mayFill)
        {
            Span<PollEntry> entry = [new PollEntry(Fd, PollEvents.Writable)];
            if (Poll.Wait(entry, 0) == 0)
            {
                return false;
            }
        }

        ulong one = 1;
        return (long)LibC.write(Fd, &one, 8) == 8;
    }

    /// <summary>
    /// Makes <see cref="Drain"/> safe on a descriptor of a peer's. The flag is shared with everybody who holds the descriptor, so only the reader
    /// may set it.
    /// </summary>
    /// <exception cref="ErrnoException">The descriptor is no file that has flags.</exception>
    public void DoNotBlock()
    {
        int flags = LibC.fcntl(Fd, LibC.F_GETFL);
        if (flags < 0 || LibC.fcntl(Fd, LibC.F_SETFL, flags | LibC.O_NONBLOCK) != 0)
        {
            throw ErrnoException.Last("fcntl(O_NONBLOCK)");
        }
    }

    /// <summary>
    /// Reads and clears the counter. Zero when it was not signalled. Never blocks on a descriptor that we made, nor after <see cref="DoNotBlock"/>.
    /// </summary>
    public unsafe ulong Drain()
    {
        ulong value;
        return (long)LibC.read(Fd, &value, 8) == 8 ? value : 0;
    }

    public void Dispose() => Handle.Dispose();

    private unsafe bool IsSocketOrPipe()
    {
        stat status;
        if (LibC.fstat(Fd, &status) != 0)
        {
            return false;
        }

        uint type = (uint)status.st_mode & (uint)LibC.S_IFMT;
        return type == (uint)LibC.S_IFSOCK || type == (uint)LibC.S_IFIFO;
    }
}
