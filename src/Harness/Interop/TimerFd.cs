using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>timerfd_create(2) and timerfd_settime(2), which Tmds.LibC lacks: ends a poll(2) more exactly than its timeout in milliseconds can. One thread.</summary>
public sealed unsafe partial class TimerFd : IDisposable
{
    // linux/time.h
    private const int ClockMonotonic = 1;

    // TFD_CLOEXEC and TFD_NONBLOCK are O_CLOEXEC and O_NONBLOCK.
    private static readonly int Flags = LibC.O_CLOEXEC | LibC.O_NONBLOCK;
    private readonly SafeFileHandle handle;

    public TimerFd()
    {
        int fd = Create(ClockMonotonic, Flags);
        handle = fd < 0 ? throw new ErrnoException("timerfd_create", Marshal.GetLastPInvokeError()) : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Readable once the time has come.</summary>
    public int Fd => (int)handle.DangerousGetHandle();

    /// <summary>Sets the time, in place of an earlier one; the descriptor is not readable until then.</summary>
    /// <param name="fromNow">At least 1 ns is taken: 0 would stop the timer.</param>
    public void Arm(TimeSpan fromNow)
    {
        long nanoseconds = Math.Max(1, (long)fromNow.TotalNanoseconds);

        // struct itimerspec: interval (none), then the time.
        long* setting = stackalloc long[4];
        setting[2] = nanoseconds / 1_000_000_000;
        setting[3] = nanoseconds % 1_000_000_000;
        if (SetTime(Fd, 0, setting, null) != 0)
        {
            throw new ErrnoException("timerfd_settime", Marshal.GetLastPInvokeError());
        }
    }

    public void Dispose() => handle.Dispose();

    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    private static partial int Create(int clock, int flags);

    [LibraryImport("libc", EntryPoint = "timerfd_settime", SetLastError = true)]
    private static partial int SetTime(int fd, int flags, long* setting, long* old);
}
