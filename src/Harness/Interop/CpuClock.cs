using System.Runtime.InteropServices;

namespace Vsockspec.Interop;

/// <summary>clock_gettime(2) for the clocks of processes and threads, which Tmds.LibC lacks. Times are nanoseconds on processors, in user space and in the kernel.</summary>
public static unsafe partial class CpuClock
{
    private const int ThreadClock = 3;
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>What the calling thread has used.</summary>
    public static long OfThisThread() => Read(ThreadClock) ?? throw new ErrnoException("clock_gettime", Marshal.GetLastPInvokeError());

    /// <summary>What all threads of a process have used, those that have ended too; null: there is no such process, or it is not ours to see.</summary>
    public static long? OfProcess(int id)
    {
        int clock;
        return GetCpuClockId(id, &clock) == 0 ? Read(clock) : null;
    }

    private static long? Read(int clock)
    {
        long* time = stackalloc long[2];
        return GetTime(clock, time) == 0 ? (time[0] * NanosecondsPerSecond) + time[1] : null;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int GetTime(int clock, long* time);

    [LibraryImport("libc", EntryPoint = "clock_getcpuclockid")]
    private static partial int GetCpuClockId(int id, int* clock);
}
