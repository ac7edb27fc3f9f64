using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Reports;

/// <summary>A figure of a run with what it is held against.</summary>
internal sealed class MeasuredFigure(WorkloadResult workload, Measurement measurement)
{
    public WorkloadResult Workload => workload;

    public Figure Figure => measurement.Figure;

    public IReadOnlyList<double> Values => measurement.Values;

    public Yardstick? Beside => measurement.Beside;

    public Parameter Parameter { get; } = Parameter.Parse(measurement.Figure.Parameter);

    /// <summary>Null: no value is a number.</summary>
    public Spread? Value { get; } = Spread.Of(measurement.Values);

    public Spread? Limit { get; } = measurement.Beside is { } beside ? Spread.Of(beside.Values) : null;

    /// <summary>1 is as good as the machine's limit, less is worse.</summary>
    public Spread? Ratio { get; } = measurement.Beside is { } beside ? RatioTo(beside, measurement) : null;

    public double? Goal => Beside?.Goal;

    /// <summary>Null: nothing is asked, or there is nothing to tell by.</summary>
    public bool? IsGoalMet => Goal is { } goal && Ratio is { } ratio ? ratio.Middle >= goal : null;

    private static Spread? RatioTo(Yardstick beside, Measurement measurement) => Spread.Of(
        measurement.Values.Zip(beside.Values, (value, limit) => measurement.Figure.Better == Better.Higher ? value / limit : limit / value));
}
