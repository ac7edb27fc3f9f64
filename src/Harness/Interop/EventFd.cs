using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>A non-blocking eventfd counter. Safe to signal and read from different threads.</summary>
public sealed class EventFd : IDisposable
{
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

    /// <summary>Takes over a descriptor received from a peer; it is expected, not proven, to be an eventfd.</summary>
    public EventFd(SafeFileHandle handle) => Handle = handle;

    public SafeFileHandle Handle { get; }

    /// <summary>The descriptor for poll; valid while this object is.</summary>
    public int Fd => (int)Handle.DangerousGetHandle();

    /// <summary>Adds one. False when the descriptor refuses (a full counter, or not an eventfd).</summary>
    public unsafe bool Signal()
    {
        ulong one = 1;
        return (long)LibC.write(Fd, &one, 8) == 8;
    }

    /// <summary>Reads and clears the counter. Zero when it was not signalled. Never blocks on a descriptor that we made.</summary>
    public unsafe ulong Drain()
    {
        ulong value;
        return (long)LibC.read(Fd, &value, 8) == 8 ? value : 0;
    }

    public void Dispose() => Handle.Dispose();
}
