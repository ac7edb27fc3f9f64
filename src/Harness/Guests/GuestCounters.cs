using System.Globalization;

namespace Vsockspec.Guests;

/// <summary>Counters of a guest at one time.</summary>
/// <param name="BusyTicks">Processor time that was used, in the kernel's ticks (USER_HZ, 100 a second), all processors together.</param>
/// <param name="IdleTicks">Processor time that was not.</param>
/// <param name="AvailableKiB">MemAvailable.</param>
/// <param name="SlabKiB">Slab: memory of the kernel's own objects.</param>
public sealed record GuestCounters(long BusyTicks, long IdleTicks, long AvailableKiB, long SlabKiB)
{
    /// <param name="stat">The beginning of /proc/stat, proc(5).</param>
    /// <param name="memory">/proc/meminfo.</param>
    /// <exception cref="GuestException">Not as proc(5) says.</exception>
    internal static GuestCounters Parse(string stat, string memory)
    {
        string[] fields = stat.Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 8 || fields[0] != "cpu")
        {
            throw new GuestException("/proc/stat of the guest does not begin with the processors' times");
        }

        // user, nice, system, idle, iowait, irq, softirq
        long[] times = [.. fields.Skip(1).Take(7).Select(Number)];
        long idle = times[3] + times[4];
        return new GuestCounters(times.Sum() - idle, idle, Line(memory, "MemAvailable:"), Line(memory, "Slab:"));
    }

    private static long Line(string memory, string name) =>
        memory.Split('\n').FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal)) is { } line
            ? Number(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim())
            : throw new GuestException($"/proc/meminfo of the guest has no line {name}");

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
        ? number
        : throw new GuestException("a counter of the guest is no number");
}
