namespace Vsockspec.Perf;

/// <summary>What is measured and how often.</summary>
/// <param name="Sizes">Message sizes in bytes; each divides <see cref="Pattern.Period"/>.</param>
/// <param name="Repeats">Pairs of workload and yardstick per figure.</param>
/// <param name="SecondsPerTransfer">A transfer is sized by a first one to take about this long.</param>
public sealed record PerfPlan(string Name, IReadOnlyList<int> Sizes, int Repeats, double SecondsPerTransfer, int RoundTrips)
{
    public static IReadOnlyList<PerfPlan> All { get; } = [new("smoke", [64, 4096, 65_536], 5, 0.15, 5000)];
}
