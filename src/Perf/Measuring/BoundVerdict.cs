using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Measuring;

/// <summary>Says whether the target limits a figure or our load generator does.</summary>
public static class BoundVerdict
{
    /// <summary>The limits that say what the load generator does alone are called <c>generator/</c> and the name of the figure.</summary>
    public const string GeneratorPrefix = "generator/";

    /// <summary>Alone the generator must do so many times as much as the figure, or it is in the figure.</summary>
    public const double Headroom = 1.25;

    /// <param name="generatorAlone">The generator against a device that only returns buffers, in the figure's unit.</param>
    public static Bound Of(Figure figure, double value, double generatorAlone) =>
        (figure.Better == Better.Higher ? generatorAlone < Headroom * value : generatorAlone * Headroom > value) ? Bound.Generator : Bound.Target;

    /// <summary>The workload with its bound, where one of the limits tells it.</summary>
    public static WorkloadResult Judge(WorkloadResult result, IReadOnlyList<MachineLimit> limits)
    {
        foreach (Measurement measurement in result.Measurements)
        {
            if (limits.FirstOrDefault(l => l.Name == GeneratorPrefix + measurement.Figure.Name) is { } alone)
            {
                return result with { BoundBy = Of(measurement.Figure, measurement.Summary.Middle, alone.Summary.Middle) };
            }
        }

        return result;
    }
}
