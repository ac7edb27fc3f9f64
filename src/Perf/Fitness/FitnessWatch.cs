using System.Globalization;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Fitness;

/// <summary>
/// Watches the machine while something is measured. It is looked at before the first measurement, so that an unfit machine is refused in half a second, calibrated in between,
/// and judged over the whole time.
/// </summary>
public sealed class FitnessWatch
{
    /// <summary>Before measuring, so that a machine whose speed goes up and down is told by itself.</summary>
    private const int FirstCalibrations = 5;

    private readonly IMachine machine;
    private readonly FitnessLimits limits;
    private readonly List<int> followed = [];
    private readonly List<Calibration> calibrations = [];
    private readonly IReadOnlyList<Condition> standing;
    private MachineMoment start;

    /// <summary>Looks at the machine for about half a second; <see cref="SoFar"/> says how it is.</summary>
    public FitnessWatch(IMachine machine, FitnessLimits? limits = null)
    {
        this.machine = machine;
        this.limits = limits ?? new FitnessLimits();
        standing = StandingConditions.Of(machine);

        // The first brings its code and the cores to speed, and counts for nothing.
        _ = machine.Calibrate();
        start = Mark();
        for (int i = 0; i < FirstCalibrations; i++)
        {
            Calibrate();
        }
    }

    /// <summary>From the start to now.</summary>
    public Conditions SoFar => new([.. standing, .. new Stretch(start, Mark(), limits).Conditions, Speed()]);

    /// <summary>Counts a target that somebody else started as ours; what we started counts anyway.</summary>
    public void Follow(int? process)
    {
        if (process is { } id && !followed.Contains(id))
        {
            // What it had used before does not belong to the time that is watched.
            long before = Mark().OurTicks;
            followed.Add(id);
            start = start with { OurTicks = start.OurTicks + Mark().OurTicks - before };
        }
    }

    /// <summary>Measures the machine's speed once more.</summary>
    public void Calibrate() => calibrations.Add(machine.Calibrate());

    public MachineMoment Mark() => MachineMoment.Of(machine, followed);

    /// <summary>Why what was measured since then says nothing about a target; null: nothing kept it from that.</summary>
    public string? DisturbanceSince(MachineMoment begin) => WhyUnfit(new Conditions(new Stretch(begin, Mark(), limits).Conditions));

    /// <summary>One sentence, with the remedies; null for a machine that is fit.</summary>
    public static string? WhyUnfit(Conditions conditions)
    {
        string[] reasons = [.. conditions.Checks.Where(c => c.Grade == ConditionGrade.Unfit).Select(c => $"{c.Name}: {c.Observed} ({c.Remedy})")];
        return reasons.Length == 0 ? null : string.Join("; ", reasons);
    }

    private Condition Speed()
    {
        double copies = Farthest([.. calibrations.Select(c => c.CopyBytesPerSecond)]);
        double trips = Farthest([.. calibrations.Select(c => c.RoundTripMicroseconds)]);
        ConditionGrade grade = limits.Calibration.Grade(Math.Max(copies, trips));
        string observed = string.Create(
            CultureInfo.InvariantCulture,
            $"{calibrations.Count} times the same work: copies within {copies:0.0 %} of the middle, wake-ups within {trips:0.0 %}");
        return new Condition("calibration", grade, observed, grade == ConditionGrade.Good ? null : "the machine's speed changes: look at load, steal, governor and turbo, here or on its host");
    }

    /// <summary>How far the value that is farthest from the middle lies from it, as a part of it.</summary>
    private static double Farthest(IReadOnlyCollection<double> values)
    {
        double middle = Summary.Median(values);
        return values.Max(v => Math.Abs((v / middle) - 1));
    }
}
