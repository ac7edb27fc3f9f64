using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Fitness;

/// <summary>From where on something is said beside the figures, and from where on they decide nothing. Both are parts of one: 0.05 is 5 %.</summary>
public readonly record struct Bounds(double Doubtful, double Unfit)
{
    public ConditionGrade Grade(double value) => value > Unfit ? ConditionGrade.Unfit : value > Doubtful ? ConditionGrade.Doubtful : ConditionGrade.Good;
}

/// <summary>What a machine may do besides measuring.</summary>
public sealed record FitnessLimits
{
    /// <summary>Of the processors' time, used by processes that are not ours and not the target's.</summary>
    public Bounds Load { get; init; } = new(0.02, 0.10);

    /// <summary>Of the processors' time, taken by the hypervisor for others.</summary>
    public Bounds Steal { get; init; } = new(0.01, 0.10);

    /// <summary>Of the time, in which something waited for memory (pressure stall information).</summary>
    public Bounds MemoryPressure { get; init; } = new(0.001, 0.01);

    /// <summary>How far a calibration may lie from the middle of all.</summary>
    public Bounds Calibration { get; init; } = new(0.03, 0.10);

    /// <summary>Clocks that move apart by more than this in one run have jumped.</summary>
    public TimeSpan ClockJump { get; init; } = TimeSpan.FromMilliseconds(100);
}
