using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Measuring;

/// <summary>Whether the machine is fit to measure on.</summary>
/// <param name="Checks">In the order of looking.</param>
public sealed record Conditions(IReadOnlyList<Condition> Checks)
{
    /// <summary>False: figures of these minutes decide nothing.</summary>
    public bool AreFit => Checks.All(c => c.Grade != ConditionGrade.Unfit);
}

/// <summary>How a condition is for measuring.</summary>
public enum ConditionGrade
{
    Good,

    /// <summary>Not as one would have it; said beside the figures.</summary>
    Doubtful,

    /// <summary>Nothing measured under it decides.</summary>
    Unfit,

    /// <summary>This machine does not tell.</summary>
    Unknown,
}

/// <param name="Name"><c>governor</c>, <c>steal</c>, <c>load</c>, <c>calibration</c>.</param>
/// <param name="Observed">With unit.</param>
/// <param name="Remedy">What to do about it; null when it is good.</param>
public sealed record Condition(string Name, ConditionGrade Grade, string Observed, string? Remedy);

/// <summary>One of the machine's own limits, measured in the same minutes as the workloads.</summary>
/// <param name="Name"><c>memcpy</c>, <c>memcpy-two-threads</c>, <c>eventfd-round-trip</c>, <c>relay-round-trip</c>, <c>socketpair/65536</c>, <c>unix-connect</c>.</param>
public sealed record MachineLimit(string Name, string Unit, Better Better, IReadOnlyList<double> Values)
{
    public Summary Summary => Summary.Of(Values);
}
