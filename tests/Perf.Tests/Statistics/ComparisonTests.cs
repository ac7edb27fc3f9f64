using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class ComparisonTests
{
    [Test]
    public void RatioEstimate_OfKnownRuns_IsTheMiddleOfTheMeansOfTwoWithItsInterval()
    {
        // Five runs: none may be left out for 10 %, and they cannot be surer than 6.25 %.
        double[] first = [1, 20, 4, 8, 16];
        double[] second = [2, 60, 16, 40, 96];
        RatioEstimate ten = RatioEstimate.Of(first, second, 0.1);
        Assert.That(ten.Ratio, Is.EqualTo(Math.Sqrt(3 * 5)).Within(1e-12), "eighth of fifteen");
        Assert.That((ten.Lower, ten.Upper), Is.EqualTo((2.0, 6.0)).Using<double>((a, b) => Math.Abs(a - b) < 1e-12 ? 0 : a.CompareTo(b)));
        Assert.That(ten.ErrorRate, Is.EqualTo(2 / 32.0).Within(1e-12));
        Assert.That(RatioEstimate.Of(first, second, 0.05).Upper, Is.EqualTo(double.PositiveInfinity));
    }

    [Test]
    public void RatioEstimate_OfUnequalRuns_IsRefused() => Assert.That(() => RatioEstimate.Of([1, 2, 3], [1, 2], 0.05), Throws.InstanceOf<ArgumentException>());

    /// <summary>What the machine does to both is in neither: with such a drift two groups of runs would say nothing.</summary>
    [Test]
    public void Comparison_OfAMachineThatChanges_SaysWhatTheRatiosSay()
    {
        Random random = new(9);
        double[] machine = [.. Enumerable.Range(0, 20).Select(i => i % 7 < 3 ? 1.0 : 1.6)];
        double[] first = [.. Runs(random, 50, 0.01, 20).Zip(machine, (value, by) => value * by)];
        double[] second = [.. Runs(random, 52.5, 0.01, 20).Zip(machine, (value, by) => value * by)];
        Assert.That(Comparison.Of(first, second, Better.Lower).Verdict, Is.EqualTo(PerfVerdict.Slower));
    }

    [Test]
    public void RatioEstimate_OfManyComparisons_MissesNoOftenerThanItSays()
    {
        Random random = new(20261126);
        int missed = 0;
        const int Times = 4000;
        for (int i = 0; i < Times; i++)
        {
            RatioEstimate estimate = RatioEstimate.Of(Runs(random, 100, 0.05, 10), Runs(random, 110, 0.05, 10), 0.05);
            missed += estimate.Lower > 1.1 || estimate.Upper < 1.1 ? 1 : 0;
        }

        // 0.0488 is what ten runs reach; three standard errors beside it.
        Assert.That((double)missed / Times, Is.EqualTo(0.0488).Within(0.0103));
    }

    [TestCase(1.00, PerfVerdict.Equivalent)]
    [TestCase(1.10, PerfVerdict.Slower)]
    [TestCase(1 / 1.10, PerfVerdict.Faster)]
    [TestCase(1.03, PerfVerdict.Inconclusive)]
    public void Comparison_OfLatencies_SaysWhatTheRunsAllow(double factor, PerfVerdict expected)
    {
        Random random = new(1);
        Comparison comparison = Comparison.Of(Runs(random, 50, 0.01, 20), Runs(random, 50 * factor, 0.01, 20), Better.Lower);
        Assert.That(comparison.Verdict, Is.EqualTo(expected), $"{comparison}");
    }

    [Test]
    public void Comparison_OfThroughput_LessIsSlower()
    {
        Random random = new(2);
        Comparison comparison = Comparison.Of(Runs(random, 900, 0.01, 10), Runs(random, 800, 0.01, 10), Better.Higher);
        Assert.That(comparison.Verdict, Is.EqualTo(PerfVerdict.Slower));
        Assert.That(comparison.Slowdown.Ratio, Is.EqualTo(900 / 800.0).Within(0.02));
        Assert.That(comparison.PSlower, Is.LessThan(0.001));
    }

    [Test]
    public void Comparison_OfTwoHeaps_IsInconclusive()
    {
        Random random = new(3);
        double[] heaps = [.. Runs(random, 50, 0.005, 6), .. Runs(random, 75, 0.005, 6)];
        Comparison comparison = Comparison.Of(Runs(random, 50, 0.005, 12), heaps, Better.Lower);
        Assert.That(comparison.Verdict, Is.EqualTo(PerfVerdict.Inconclusive));
        Assert.That(comparison.Modes, Does.Contain("more than one heap"));
    }

    /// <summary>Rates for 10 runs, a tolerance of 3 % and an interval error of 1 %, to within a few points.</summary>
    [TestCase(0.01, 1.00, 0.00, 0.01)]
    [TestCase(0.01, 1.03, 0.00, 0.02)]
    [TestCase(0.01, 1.05, 0.75, 0.95)]
    [TestCase(0.02, 1.08, 0.90, 1.00)]
    [TestCase(0.02, 1.00, 0.00, 0.01)]
    public void Comparison_OverAndOver_FindsWhatItShould(double spread, double factor, double least, double most)
    {
        Random random = new(4);
        const int Times = 600;
        int slower = Enumerable.Range(0, Times).Count(_ => Comparison.Of(Runs(random, 10, spread, 10), Runs(random, 10 * factor, spread, 10), Better.Lower).Verdict == PerfVerdict.Slower);
        Assert.That((double)slower / Times, Is.InRange(least, most));
    }

    [TestCase(0.0)]
    [TestCase(-1.0)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void RatioEstimate_OfWhatHasNoRatio_IsRefused(double value) =>
        Assert.That(() => RatioEstimate.Of([1, 2, 3], [1, value, 3], 0.05), Throws.ArgumentException.With.Message.Contains("no positive number"));

    internal static double[] Runs(Random random, double middle, double spread, int count) => [.. Enumerable.Range(0, count).Select(_ => middle * Math.Exp(spread * random.NextNormal()))];
}
