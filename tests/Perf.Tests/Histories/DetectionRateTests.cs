using NUnit.Framework;
using Vsockspec.Perf.Histories;

namespace Vsockspec.Perf.Tests.Histories;

/// <summary>A part of what 'vsockspec perf history rates' measures: enough to see a detector that became deaf or nervous.</summary>
[TestFixture]
public sealed class DetectionRateTests
{
    private static readonly DetectionRates Rates = new(series: 100, seed: 1);

    [TestCase(0.01, 0.03, 7, 0.90)]
    [TestCase(0.02, 0.05, 7, 0.85)]
    [TestCase(0.03, 0.10, 5, 0.85)]
    public void Rates_OfSteps_AreFoundAndConfirmed(double spread, double step, int after, double least)
    {
        StepRate rate = Rates.Of(new SyntheticHistory(0, spread) { StepAt = DetectionRates.Before, Step = step }, after);
        Assert.That(rate.Confirmed, Is.GreaterThanOrEqualTo(least), $"{rate}");
        Assert.That(rate.Found, Is.GreaterThanOrEqualTo(rate.Confirmed));
        Assert.That(rate.SecondOpinion, Is.GreaterThanOrEqualTo(rate.Confirmed));
    }

    [Test]
    public void Rates_OfAStepAmongStrays_AreFoundAndConfirmed()
    {
        StepRate rate = Rates.Of(new SyntheticHistory(0, 0.02) { StepAt = DetectionRates.Before, Step = 0.05, Outliers = 0.05 }, 7);
        Assert.That(rate.Confirmed, Is.GreaterThanOrEqualTo(0.7), $"{rate}");
    }

    /// <summary>A figure that became better is found and fails nothing.</summary>
    [Test]
    public void Rates_OfAStepForTheBetter_AreNoRegressions()
    {
        StepRate rate = Rates.Of(new SyntheticHistory(0, 0.01) { StepAt = DetectionRates.Before, Step = -0.05 }, 7);
        Assert.That(rate.Found, Is.GreaterThan(0.9));
        Assert.That(rate.Confirmed, Is.Zero);
    }

    [TestCase(0.01, 0.0)]
    [TestCase(0.03, 0.0)]
    [TestCase(0.02, 0.05)]
    public void Rates_OfQuietNights_AreHardlyEverAlarms(double spread, double outliers)
    {
        QuietRate rate = Rates.Of(new SyntheticHistory(DetectionRates.Quiet, spread) { Outliers = outliers }, isEveryNight: false);
        Assert.That(rate.Regressions, Is.LessThanOrEqualTo(0.05), $"{rate}");
    }

    [Test]
    public void History_OfASeed_IsTheSameAgain()
    {
        SyntheticHistory kind = new(30, 0.02) { Outliers = 0.1 };
        IReadOnlyList<HistoryEntry> made = kind.Make(7).Entries;
        Assert.That(kind.Make(7).Entries, Is.EqualTo(made));
        Assert.That(kind.Make(8).Entries, Is.Not.EqualTo(made));
    }

    [Test]
    public void History_Made_HasWhatItSays()
    {
        double[] Values(SyntheticHistory kind) => [.. kind.Make(3).Entries.Select(e => e.Value)];
        Assert.That(Values(new SyntheticHistory(4, 0) { StepAt = 2, Step = 0.10 }), Is.EqualTo(new[] { 1000.0, 1000, 1100, 1100 }).Within(1e-9));
        Assert.That(Values(new SyntheticHistory(3, 0) { DriftPerNight = 0.01 }), Is.EqualTo(new[] { 1000.0, 1010, 1020.1 }).Within(1e-9));
        double[] noise = [.. Values(new SyntheticHistory(4000, 0.02)).Select(v => Math.Log(v / 1000))];
        Assert.That(noise.Average(), Is.Zero.Within(0.001));
        Assert.That(Math.Sqrt(noise.Average(v => v * v)), Is.EqualTo(0.02).Within(0.001));
        Assert.That(Values(new SyntheticHistory(4000, 0) { Outliers = 0.05 }).Count(v => v > 1200) / 4000.0, Is.EqualTo(0.05).Within(0.012));
    }
}
