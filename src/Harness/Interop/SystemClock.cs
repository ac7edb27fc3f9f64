using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>The kernel's clocks, by the numbers of clock_gettime(2).</summary>
public enum SystemClock
{
    /// <summary>The time of day: it may be set, forward or back.</summary>
    Realtime = 0,

    /// <summary>Since the start; stands still while the machine is suspended.</summary>
    Monotonic = 1,

    /// <summary>As <see cref="Monotonic"/>, and goes on while the machine is suspended.</summary>
    Boot = 7,
}

/// <summary>clock_gettime(2) for the clocks of the system.</summary>
public static partial class SystemClocks
{
    /// <summary>Nanoseconds of a clock.</summary>
    public static unsafe long Nanoseconds(this SystemClock clock)
    {
        timespec now;
        return GetTime((int)clock, &now) == 0
            ? ((long)now.tv_sec * 1_000_000_000) + (long)now.tv_nsec
            : throw new ErrnoException("clock_gettime", Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static unsafe partial int GetTime(int clock, timespec* time);
}
