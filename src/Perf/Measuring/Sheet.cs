using Vsockspec.Perf.Comparing;

namespace Vsockspec.Perf.Measuring;

/// <summary>Takes down what the repeats of one workload measure, in the order of measuring.</summary>
public sealed class Sheet
{
    private readonly List<Figure> order = [];
    private readonly Dictionary<Figure, List<double>> values = [];
    private readonly Dictionary<Figure, (string Limit, double? Goal, List<double> Values)> beside = [];
    private readonly List<LatencyRecord> latencies = [];
    private readonly List<string> disturbances = [];

    public IReadOnlyList<Measurement> Measurements => [.. order.Select(figure => new Measurement(figure, values[figure], BesideOf(figure)))];

    public IReadOnlyDictionary<Figure, double> Medians => order.ToDictionary(figure => figure, figure => Summary.Median(values[figure]));

    public IReadOnlyList<LatencyRecord> Latencies => latencies;

    /// <summary>Why the figures say nothing about the target; null: they do. One disturbed repeat of several is what medians are for.</summary>
    public string? Disturbance => disturbances.Count * 2 > order.Select(figure => values[figure].Count).DefaultIfEmpty().Max() ? disturbances[^1] : null;

    /// <summary>A repeat was disturbed by the machine or by our own load generator.</summary>
    /// <param name="why">One sentence.</param>
    public void Disturbed(string why) => disturbances.Add(why);

    /// <exception cref="ArgumentException">Not a number, or without bound.</exception>
    public void Add(Figure figure, double value)
    {
        ListOf(figure).Add(Finite(figure, value));
    }

    /// <summary>What the machine's own limit came to, once for each value of the figure.</summary>
    public void AddBeside(Figure figure, string limit, double? goal, double value)
    {
        if (!beside.TryGetValue(figure, out (string, double?, List<double> Values) entry))
        {
            entry = (limit, goal, []);
            beside.Add(figure, entry);
        }

        entry.Values.Add(Finite(figure, value));
    }

    /// <summary>The record of a distribution; made at the first call, so that all repeats add to the same.</summary>
    /// <param name="name">See <see cref="LatencyCurve.Name"/>.</param>
    /// <param name="offeredPerSecond">See <see cref="LatencyCurve.OfferedPerSecond"/>.</param>
    public LatencyRecord Latency(string name, double? offeredPerSecond = null)
    {
        LatencyRecord? record = latencies.FirstOrDefault(l => l.Name == name);
        if (record is null)
        {
            record = new LatencyRecord(name, offeredPerSecond);
            latencies.Add(record);
        }

        return record;
    }

    private static double Finite(Figure figure, double value) =>
        double.IsFinite(value) ? value : throw new ArgumentException($"{figure.Name} has no finite value", nameof(value));

    private List<double> ListOf(Figure figure)
    {
        if (!values.TryGetValue(figure, out List<double>? list))
        {
            list = [];
            values.Add(figure, list);
            order.Add(figure);
        }

        return list;
    }

    /// <summary>A figure whose last repeat failed may have one value less than its limit; more it never has, unless it was stopped.</summary>
    private Yardstick? BesideOf(Figure figure) => beside.TryGetValue(figure, out var entry) && entry.Values.Count >= values[figure].Count
        ? new Yardstick(entry.Limit, entry.Values[..values[figure].Count], entry.Goal)
        : null;
}
