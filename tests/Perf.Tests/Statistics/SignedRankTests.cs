using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class SignedRankTests
{
    /// <summary>Critical values of published tables (two-sided, 5 % and 1 %): the largest sum of ranks that is refused.</summary>
    [TestCase(6, 0.05, 0)]
    [TestCase(8, 0.05, 3)]
    [TestCase(10, 0.05, 8)]
    [TestCase(15, 0.05, 25)]
    [TestCase(20, 0.05, 52)]
    [TestCase(25, 0.05, 89)]
    [TestCase(30, 0.05, 137)]
    [TestCase(8, 0.01, 0)]
    [TestCase(10, 0.01, 3)]
    [TestCase(15, 0.01, 15)]
    [TestCase(20, 0.01, 37)]
    [TestCase(25, 0.01, 68)]
    [TestCase(30, 0.01, 109)]
    public void Distribution_OfSoManyPairs_HasThePublishedCriticalValues(int pairs, double rate, int critical)
    {
        IReadOnlyList<double> distribution = SignedRank.Distribution(pairs);
        Assert.That(2 * distribution[critical], Is.LessThanOrEqualTo(rate));
        Assert.That(2 * distribution[critical + 1], Is.GreaterThan(rate));
    }

    [Test]
    public void Distribution_OfAnyPairs_IsThatOfCountedSigns([Range(1, 10)] int pairs)
    {
        // An independent computation: all ways to give signs to the ranks.
        long[] counts = new long[(pairs * (pairs + 1) / 2) + 1];
        for (int mask = 0; mask < 1 << pairs; mask++)
        {
            counts[Enumerable.Range(0, pairs).Where(i => (mask >> i & 1) == 1).Sum(i => i + 1)]++;
        }

        IReadOnlyList<double> distribution = SignedRank.Distribution(pairs);
        long sum = 0;
        for (int w = 0; w < counts.Length; w++)
        {
            sum += counts[w];
            Assert.That(distribution[w], Is.EqualTo((double)sum / (1 << pairs)).Within(1e-12));
        }
    }

    /// <summary>Hollander and Wolfe, Nonparametric Statistical Methods, examples 3.1, 3.3 and 3.4: depression scores of nine patients at two visits.</summary>
    [Test]
    public void Averages_OfThePublishedExample_HaveItsEstimateAndInterval()
    {
        double[] before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        double[] after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        double[] averages = SignedRank.Averages([.. after.Zip(before, (y, x) => y - x)]);
        Assert.That(Summary.Median(averages), Is.EqualTo(-0.46).Within(1e-9));
        Assert.That(SignedRank.Distribution(9)[5], Is.EqualTo(0.0195).Within(0.0001));
        Assert.That((averages[5], averages[^6]), Is.EqualTo((-0.786, -0.010)).Using<double>((a, b) => Math.Abs(a - b) < 1e-9 ? 0 : a.CompareTo(b)));
        Assert.That(SignedRank.IsPositive([.. before.Zip(after, (x, y) => x - y)]), Is.EqualTo(0.0195).Within(0.0001));
    }

    [Test]
    public void IsPositive_AllAbove_IsOneOfAllSigns() => Assert.That(SignedRank.IsPositive([1, 2, 3, 4, 5, 6, 7]), Is.EqualTo(1 / 128.0).Within(1e-12));

    [Test]
    public void IsPositive_AllBelow_IsNoMoreThanCertain([Range(1, 40)] int pairs) =>
        Assert.That(SignedRank.IsPositive([.. Enumerable.Range(1, pairs).Select(i => -(double)i)]), Is.EqualTo(1).Within(1e-12).And.LessThanOrEqualTo(1));

    [Test]
    public void IsPositive_AllZero_IsNoEvidence() => Assert.That(SignedRank.IsPositive([0, 0, 0, 0]), Is.GreaterThan(0.5));

    [TestCase(0)]
    [TestCase(SignedRank.MostRuns + 1)]
    public void Distribution_OfImpossibleNumber_IsRefused(int pairs) => Assert.That(() => SignedRank.Distribution(pairs), Throws.TypeOf<ArgumentOutOfRangeException>());
}
