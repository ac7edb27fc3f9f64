namespace Vsockspec.Perf.Statistics;

/// <summary>Made-up measurements.</summary>
public static class Noise
{
    /// <summary>Standard normal, by Box and Muller.</summary>
    public static double NextNormal(this Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
