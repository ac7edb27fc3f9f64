using static System.Globalization.CultureInfo;
using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;
using Vsockspec.Tests;

namespace Vsockspec.Perf.Tests.Comparing;

/// <summary>
/// Comparisons that were really made, of the reference device with itself and with a slower one, on a machine whose speed changed by a fifth and more: round trips where nobody sleeps, of which
/// about half is the device's.
/// </summary>
[TestFixture]
public sealed class RealRunsTests
{
    private static readonly Figure Trip = new("stream/round-trip/p50", "64-polling", "µs", Better.Lower, FigureRole.Gate);

    [TestCase("same", PerfVerdict.Equivalent)]
    [TestCase("slowed-5", PerfVerdict.Inconclusive)]
    [TestCase("slowed-10", PerfVerdict.Slower)]
    public void Judgement_OfRealRuns_SaysWhatIsKnownOfThem(string file, PerfVerdict expected)
    {
        (double A, double B)[] runs = Read(file);
        FigureComparison judged = new Judgement(Comparison.UsualTolerance, Comparison.UsualErrorRate / 2).Of([.. runs.Select(r => Of(r.A))], [.. runs.Select(r => Of(r.B))]).Single();
        Assert.That((judged.Verdict, judged.Why), Is.EqualTo((expected, (string?)null)), $"{judged.Slowdown}");
    }

    [Test]
    public void Ratios_OfRealRuns_GrowWithTheSlowdown()
    {
        double[] ratios = [.. new[] { "same", "slowed-5", "slowed-10" }.Select(Ratio)];
        Assert.That(ratios, Is.Ordered.Ascending);
    }

    /// <summary>Of the same device nobody is accused, whichever of the two in each run is called the second.</summary>
    [Test]
    public void Judgement_OfTheSameDeviceLabelledAnew_AccusesNobody()
    {
        (double A, double B)[] runs = Read("same");
        AlarmRates rates = new AlarmRate(new CompareOptions(), seed: 1).Of([.. runs.Select(r => Of(r.A))], [.. runs.Select(r => Of(r.B))], 1000, CancellationToken.None);
        Assert.That(rates.Relabelled.Count, Is.Zero);
    }

    private static double Ratio(string file)
    {
        (double A, double B)[] runs = Read(file);
        return RatioEstimate.Of([.. runs.Select(r => r.A)], [.. runs.Select(r => r.B)], 0.01).Ratio;
    }

    private static Dictionary<Figure, double> Of(double value) => new() { [Trip] = value };

    private static (double A, double B)[] Read(string file) =>
        [.. File.ReadLines(Repository.PathOf($"tests/Perf.Tests/Comparing/RealRuns/{file}.tsv")).Where(line => line[0] != '#').Select(line => line.Split('\t')).Select(v => (Number(v[0]), Number(v[1])))];

    private static double Number(string text) => double.Parse(text, InvariantCulture);
}
