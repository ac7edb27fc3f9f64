using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class MannWhitneyTests
{
    /// <summary>Critical values of published tables (two-sided, 5 % and 1 %): the largest U that is refused.</summary>
    [TestCase(5, 5, 0.05, 2)]
    [TestCase(7, 7, 0.05, 8)]
    [TestCase(10, 10, 0.05, 23)]
    [TestCase(20, 20, 0.05, 127)]
    [TestCase(8, 12, 0.05, 22)]
    [TestCase(5, 5, 0.01, 0)]
    [TestCase(7, 7, 0.01, 4)]
    [TestCase(10, 10, 0.01, 16)]
    [TestCase(20, 20, 0.01, 105)]
    public void Distribution_OfSmallGroups_HasThePublishedCriticalValues(int first, int second, double rate, int critical)
    {
        IReadOnlyList<double> distribution = MannWhitney.Distribution(first, second);
        Assert.That(2 * distribution[critical], Is.LessThanOrEqualTo(rate));
        Assert.That(2 * distribution[critical + 1], Is.GreaterThan(rate));
    }

    [Test]
    public void Distribution_OfAnyGroups_IsThatOfCountedOrders([Range(1, 5)] int first, [Range(1, 5)] int second)
    {
        // An independent computation: all ways to place the first group's values among all ranks.
        int all = first + second;
        long[] counts = new long[(first * second) + 1];
        for (int mask = 0; mask < 1 << all; mask++)
        {
            if (int.PopCount(mask) == first)
            {
                int pairs = Enumerable.Range(0, all).Where(i => (mask >> i & 1) == 1).Sum(i => i - int.PopCount(mask & ((1 << i) - 1)));
                counts[pairs]++;
            }
        }

        IReadOnlyList<double> distribution = MannWhitney.Distribution(first, second);
        long sum = 0;
        for (int u = 0; u < counts.Length; u++)
        {
            sum += counts[u];
            Assert.That(distribution[u], Is.EqualTo((double)sum / counts.Sum()).Within(1e-12));
        }
    }

    [Test]
    public void SecondIsGreater_AllAbove_IsOneOrderOfAll() =>
        Assert.That(MannWhitney.SecondIsGreater([1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14]), Is.EqualTo(1 / 3432.0).Within(1e-12));

    /// <summary>The second is below in every pair: certainly not above, and no more than certainly.</summary>
    [Test]
    public void SecondIsGreater_AllBelow_IsNoMoreThanCertain([Range(1, 40)] int each)
    {
        double[] low = [.. Enumerable.Range(1, each).Select(i => (double)i)];
        Assert.That(MannWhitney.SecondIsGreater([.. low.Select(v => v + 1000)], low), Is.EqualTo(1).Within(1e-12).And.LessThanOrEqualTo(1));
    }

    [Test]
    public void SecondIsGreater_AllEqual_IsNoEvidence() => Assert.That(MannWhitney.SecondIsGreater([1, 1, 1, 1], [1, 1, 1, 1]), Is.GreaterThan(0.5));

    [TestCase(0)]
    [TestCase(MannWhitney.MostRuns + 1)]
    public void Distribution_OfImpossibleGroup_IsRefused(int size) => Assert.That(() => MannWhitney.Distribution(size, 5), Throws.TypeOf<ArgumentOutOfRangeException>());
}
