using System.Globalization;

namespace Vsockspec.Perf.Fitness;

/// <summary>The machine's counters at one moment; two of them say what happened between.</summary>
/// <param name="OurTicks">Processor time of our processes and the target's, in ticks of 10 ms.</param>
/// <param name="MemoryStall">For so long something has waited for memory.</param>
/// <param name="Throttled">How often cores were slowed down because of heat.</param>
public sealed record MachineMoment(ClockReading Clocks, CpuTimes? Cpu, long OurTicks, TimeSpan? MemoryStall, long? Throttled)
{
    /// <param name="followed">As <see cref="ProcessTimes.Ours"/>.</param>
    public static MachineMoment Of(IMachine machine, IReadOnlyCollection<int> followed) =>
        new(machine.Clocks(), CpuTimes.Of(machine), ProcessTimes.Ours(machine, followed), StallOf(machine), ThrottlesOf(machine));

    private static TimeSpan? StallOf(IMachine machine)
    {
        const string Total = "total=";
        string? some = machine.Read("/proc/pressure/memory")?.Split('\n').FirstOrDefault(l => l.StartsWith("some ", StringComparison.Ordinal));
        string? total = some?.Split(' ').FirstOrDefault(w => w.StartsWith(Total, StringComparison.Ordinal));
        return long.TryParse(total?[Total.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds) ? TimeSpan.FromMicroseconds(microseconds) : null;
    }

    private static long? ThrottlesOf(IMachine machine)
    {
        long[] counts = [.. StandingConditions.Processors(machine)
            .Select(cpu => machine.Read($"{cpu}/thermal_throttle/core_throttle_count"))
            .OfType<string>()
            .Select(text => long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : 0)];
        return counts.Length == 0 ? null : counts.Sum();
    }
}
