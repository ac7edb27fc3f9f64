using System.Globalization;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Counting;

/// <summary>Counts the system calls of a target's threads, by the kernel's tracepoint. That slows every system call of the machine down: for passes whose time does not matter.</summary>
public sealed class SystemCalls : IDisposable
{
    private static readonly string[] Folders = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    private readonly List<TraceCounter> counters = [];

    private SystemCalls()
    {
    }

    /// <summary>How many until now.</summary>
    public long Count => counters.Sum(c => c.Read());

    /// <summary>Null where they can be counted; otherwise why not.</summary>
    public static string? WhyNot()
    {
        if (Tracepoint() is not { } tracepoint)
        {
            return "the kernel's tracepoints cannot be read";
        }

        try
        {
            using TraceCounter own = TraceCounter.Open(Environment.ProcessId, tracepoint);
            return null;
        }
        catch (ErrnoException e)
        {
            return e.Message;
        }
    }

    /// <summary>Begins to count; null where nothing can be counted.</summary>
    public static SystemCalls? Begin(TargetProcesses processes)
    {
        if (Tracepoint() is not { } tracepoint)
        {
            return null;
        }

        SystemCalls calls = new();
        foreach (int thread in processes.Threads())
        {
            try
            {
                calls.counters.Add(TraceCounter.Open(thread, tracepoint));
            }
            catch (ErrnoException)
            {
                // The thread has ended meanwhile. Where none can be counted, there is no counter, and that is the answer.
            }
        }

        if (calls.counters.Count > 0)
        {
            return calls;
        }

        calls.Dispose();
        return null;
    }

    public void Dispose() => counters.ForEach(c => c.Dispose());

    private static ulong? Tracepoint()
    {
        foreach (string folder in Folders)
        {
            try
            {
                string text = File.ReadAllText(Path.Combine(folder, "events/raw_syscalls/sys_enter/id"));
                return ulong.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out ulong id) ? id : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Not mounted there, or not for us: the next place.
            }
        }

        return null;
    }
}
