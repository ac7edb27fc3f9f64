using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Histories;

/// <summary>A history of which it is known what happened: levels, and what hides them. The same seed makes the same history.</summary>
/// <param name="Nights">How many.</param>
/// <param name="Spread">Standard deviation from night to night, as a part of the level; lognormal.</param>
public sealed record SyntheticHistory(int Nights, double Spread)
{
    private const double Level = 1000;

    /// <summary>The first night of a new level; null: there is none.</summary>
    public int? StepAt { get; init; }

    /// <summary>By how much the level changes there: 0.05 rises by 5 %.</summary>
    public double Step { get; init; }

    /// <summary>By how much the level changes in each night.</summary>
    public double DriftPerNight { get; init; }

    /// <summary>So many of all nights go astray by themselves.</summary>
    public double Outliers { get; init; }

    /// <summary>How far such a night lies from the level.</summary>
    public double OutlierSize { get; init; } = 0.30;

    /// <param name="seed">Any.</param>
    /// <param name="series">Name of the series.</param>
    public History Make(int seed, string series = "synthetic")
    {
        Random random = new(seed);
        DateTimeOffset first = new(2026, 1, 1, 2, 0, 0, TimeSpan.Zero);
        return new History(
            series,
            [.. Enumerable.Range(0, Nights).Select(night => new HistoryEntry(HistoryEntry.CurrentSchema, $"n{night}", first.AddDays(night), $"c{night}", "synthetic", Value(night, random)))],
            []);
    }

    private double Value(int night, Random random)
    {
        // Every night draws as much, so that a history with a step is the quiet one of the same seed, with a step.
        double noise = Spread * random.NextNormal();
        bool isAstray = random.NextDouble() < Outliers;
        double level = Level * Math.Pow(1 + DriftPerNight, night) * (night >= StepAt ? 1 + Step : 1);
        return level * Math.Exp(noise) * (isAstray ? 1 + OutlierSize : 1);
    }
}
