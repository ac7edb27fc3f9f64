using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Measuring;

/// <summary>Says whether the target limits a figure or our load generator does.</summary>
public static class BoundVerdict
{
    /// <summary>Alone the generator must do so many times as much as the figure, or it is in the figure.</summary>
    public const double Headroom = 1.25;

    private const string Throughput = "/throughput";

    /// <summary>Name of the limit that says what the load generator does alone, one flow with the usual settings, in MiB/s.</summary>
    public static string NameOfGenerator(Direction direction, int size) => $"generator/{Directions.NameOf(direction)}{Throughput}/{size}";

    /// <summary>A generator that alone did less than with the target was disturbed, and says nothing.</summary>
    /// <param name="generatorAlone">The generator against a device that only returns buffers, in the figure's unit.</param>
    public static Bound Of(Figure figure, double value, double generatorAlone) => (figure.Better == Better.Higher ? generatorAlone / value : value / generatorAlone) switch
    {
        >= Headroom => Bound.Target,
        >= 1 => Bound.Generator,
        _ => Bound.Unknown,
    };

    /// <summary>The workload with its bound, where one of the limits tells it: throughput one way. The generator does the same for each packet under every setting.</summary>
    public static WorkloadResult Judge(WorkloadResult result, IReadOnlyList<MachineLimit> limits)
    {
        foreach (Measurement measurement in result.Measurements)
        {
            if (limits.FirstOrDefault(l => l.Name == GeneratorOf(measurement.Figure)) is { } alone)
            {
                return result with { BoundBy = Of(measurement.Figure, measurement.Summary.Middle, alone.Summary.Middle) };
            }
        }

        return result;
    }

    /// <summary>Of <c>seqpacket/guest-to-host/throughput</c> and <c>4096-flows8</c>: <c>generator/guest-to-host/throughput/4096</c>; null for what is not throughput.</summary>
    private static string? GeneratorOf(Figure figure) => figure.Family.EndsWith(Throughput, StringComparison.Ordinal)
        ? $"generator{figure.Family[figure.Family.IndexOf('/', StringComparison.Ordinal)..]}/{figure.Parameter.Split('-')[0]}"
        : null;
}
