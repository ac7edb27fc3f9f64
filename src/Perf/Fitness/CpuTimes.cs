using System.Globalization;

namespace Vsockspec.Perf.Fitness;

/// <summary>What the processors have done since the start, in ticks of 10 ms (proc(5), /proc/stat).</summary>
/// <param name="Processes">In programs and in the kernel for them.</param>
/// <param name="Steal">Taken by a hypervisor for others.</param>
/// <param name="All">All of it, idle time too.</param>
public sealed record CpuTimes(long Processes, long Steal, long All)
{
    private const int Fields = 8;

    /// <summary>Null where the machine does not tell.</summary>
    public static CpuTimes? Of(IMachine machine)
    {
        // cpu user nice system idle iowait irq softirq steal ...
        string? line = machine.Read("/proc/stat")?.Split('\n').FirstOrDefault(l => l.StartsWith("cpu ", StringComparison.Ordinal));
        long[] ticks = [.. (line ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(Fields)
            .Select(word => long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : -1)];
        return ticks.Length == Fields && ticks.All(t => t >= 0) ? new CpuTimes(ticks[0] + ticks[1] + ticks[2], ticks[7], ticks.Sum()) : null;
    }
}
