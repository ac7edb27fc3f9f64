using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class ComparisonTests
{
    [Test]
    public void RatioEstimate_OfKnownGroups_IsTheMedianOfAllPairsWithItsInterval()
    {
        // Five runs a side: of the 25 ratios two may be left out at each end for 5 %, none for 1 % (0.8 % are reached by the extremes).
        double[] first = [1, 2, 4, 8, 16];
        double[] second = [3, 6, 12, 24, 48];
        RatioEstimate five = RatioEstimate.Of(first, second, 0.05);
        Assert.That(five.Ratio, Is.EqualTo(3));
        Assert.That((five.Lower, five.Upper), Is.EqualTo((3 / 8.0, 24.0)), "third of 25, since P(U <= 2) is 0.0159");
        Assert.That(five.ErrorRate, Is.EqualTo(8 / 252.0).Within(1e-12));
        Assert.That(RatioEstimate.Of(first, second, 0.001).Upper, Is.EqualTo(double.PositiveInfinity), "five runs a side cannot be so sure");
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

        // 0.0433 is what ten runs a side reach; three standard errors beside it.
        Assert.That((double)missed / Times, Is.EqualTo(0.0433).Within(0.01));
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
        Assert.That(comparison.Modes, Does.Contain("second"));
    }

    /// <summary>The rates that a simulation of ours gave elsewhere for 10 runs a side, a tolerance of 3 % and an interval error of 1 %, to within a few points.</summary>
    [TestCase(0.01, 1.00, 0.00, 0.01)]
    [TestCase(0.01, 1.03, 0.00, 0.02)]
    [TestCase(0.01, 1.05, 0.80, 0.95)]
    [TestCase(0.02, 1.08, 0.94, 1.00)]
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
