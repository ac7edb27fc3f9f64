using System.Globalization;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Fitness;

/// <summary>A stretch of time, and what the machine did in it besides our work.</summary>
public sealed class Stretch(MachineMoment from, MachineMoment to, FitnessLimits limits)
{
    /// <summary>The kernel counts in ticks of 10 ms; of fewer than these, over all processors, no share can be told.</summary>
    private const int FewestTicks = 50;

    public IReadOnlyList<Condition> Conditions => [Load, Steal, Memory, Heat, Clock];

    private TimeSpan Length => to.Clocks.Monotonic - from.Clocks.Monotonic;

    /// <summary>Ticks of all processors; null: too few of them, or the machine does not count.</summary>
    private long? Ticks => from.Cpu is { } a && to.Cpu is { } b && b.All - a.All >= FewestTicks ? b.All - a.All : null;

    private Condition Load => Ticks is { } ticks
        ? Share(
            "load",
            Math.Max(0, to.Cpu!.Processes - from.Cpu!.Processes - (to.OurTicks - from.OurTicks)) / (double)ticks,
            limits.Load,
            "of the processors' time used by other processes",
            "end what else runs on this machine ('top' shows it), or measure on one that does nothing else")
        : Untold("load");

    private Condition Steal => Ticks is { } ticks
        ? Share("steal", (to.Cpu!.Steal - from.Cpu!.Steal) / (double)ticks, limits.Steal, "of the processors' time taken by the hypervisor", "measure on a machine, or on processors, that are not shared")
        : Untold("steal");

    private Condition Memory => from.MemoryStall is { } a && to.MemoryStall is { } b && Length > TimeSpan.Zero
        ? Share("memory-pressure", (b - a) / Length, limits.MemoryPressure, "of the time something waited for memory", "free memory: end what holds it ('free' and 'top' show it)")
        : Untold("memory-pressure");

    private Condition Heat => (from.Throttled, to.Throttled) switch
    {
        (not { } _, _) or (_, not { } _) => Untold("heat"),
        ({ } a, { } b) when b > a => new Condition("heat", ConditionGrade.Unfit, $"cores were slowed down {b - a} times because of heat", "cool the machine, or lower its clock so that it keeps it"),
        _ => new Condition("heat", ConditionGrade.Good, "no core was slowed down", null),
    };

    private Condition Clock
    {
        get
        {
            // Both the monotonic clock and the time of day are steered alike when the time is corrected bit by bit; they only move apart where it is set.
            TimeSpan suspended = to.Clocks.Boot - from.Clocks.Boot - Length;
            TimeSpan set = to.Clocks.Realtime - from.Clocks.Realtime - (to.Clocks.Boot - from.Clocks.Boot);
            return suspended > limits.ClockJump
                ? new Condition("clock", ConditionGrade.Unfit, $"the machine was suspended for {Seconds(suspended)}", "keep it awake: systemd-inhibit vsockspec ...")
                : set.Duration() > limits.ClockJump
                    ? new Condition("clock", ConditionGrade.Unfit, $"the time of day was set {(set > TimeSpan.Zero ? "forward" : "back")} by {Seconds(set.Duration())}, as after a pause of a virtual machine", "measure again when its time is right")
                    : new Condition("clock", ConditionGrade.Good, "no jump", null);
        }
    }

    private static Condition Share(string name, double share, Bounds bounds, string what, string remedy)
    {
        ConditionGrade grade = bounds.Grade(share);
        return new Condition(name, grade, $"{share.ToString("0.0 %", CultureInfo.InvariantCulture)} {what}", grade == ConditionGrade.Good ? null : remedy);
    }

    private static Condition Untold(string name) => new(name, ConditionGrade.Unknown, "the kernel does not say, or the time was too short", null);

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
}
