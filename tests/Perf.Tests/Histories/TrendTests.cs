using NUnit.Framework;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Tests.Statistics;

namespace Vsockspec.Perf.Tests.Histories;

[TestFixture]
public sealed class TrendTests
{
    private static readonly Trend Trend = new(new ChangePointDetector());

    [Test]
    public void Steps_OfAStep_NameTheCommitsBetween()
    {
        Random random = new(1);
        Step step = Trend.Steps(History([.. ComparisonTests.Runs(random, 100, 0.01, 30), .. ComparisonTests.Runs(random, 90, 0.01, 10)]), Better.Higher).Single();
        Assert.That((step.LastBefore.Commit, step.First.Commit), Is.EqualTo(("c29", "c30")));
        Assert.That((step.IsRegression, step.IsConfirmed), Is.EqualTo((true, true)));
    }

    /// <summary>What one series alone may be sure of is, among hundreds, what one of them shows by chance.</summary>
    [Test]
    public void Steps_AmongManySeries_AreConfirmedWhenTheyAreNoChance()
    {
        const int Many = 500;
        SyntheticHistory kind = new(67, 0.03) { StepAt = 60, Step = 0.05 };
        Step[] alone = [.. Enumerable.Range(0, 100).SelectMany(seed => Trend.Steps(kind.Make(seed), Better.Lower))];
        Step[] among = [.. Enumerable.Range(0, 100).SelectMany(seed => new Trend(new ChangePointDetector(), Many).Steps(kind.Make(seed), Better.Lower))];
        Assert.That(among.Select(s => s.Point), Is.EqualTo(alone.Select(s => s.Point)));
        Assert.That(among.Where(s => s.IsConfirmed).Select(s => s.Point.Probability * Many), Is.Not.Empty.And.All.LessThanOrEqualTo(0.01));
        Assert.That(alone.Count(s => s.IsConfirmed), Is.GreaterThan(among.Count(s => s.IsConfirmed)));
    }

    [TestCase(90, Better.Lower, false)]
    [TestCase(110, Better.Lower, true)]
    [TestCase(110, Better.Higher, false)]
    public void Steps_EitherWay_AreWorseOrBetter(double level, Better better, bool isRegression)
    {
        Random random = new(2);
        Assert.That(Trend.Steps(History([.. ComparisonTests.Runs(random, 100, 0.01, 30), .. ComparisonTests.Runs(random, level, 0.01, 10)]), better).Single().IsRegression, Is.EqualTo(isRegression));
    }

    [Test]
    public void Steps_WhereTheMachineChanges_AreNone()
    {
        Random random = new(3);
        History history = History([.. ComparisonTests.Runs(random, 100, 0.01, 30), .. ComparisonTests.Runs(random, 50, 0.01, 30)], at => at < 30 ? "old" : "new");
        Assert.That(Trend.Steps(history, Better.Higher), Is.Empty);
    }

    [Test]
    public void Steps_OfShortHistories_AreNone([Range(0, 6)] int count) =>
        Assert.That(Trend.Steps(History([.. Enumerable.Range(1, count).Select(i => 10.0 * i)]), Better.Higher), Is.Empty);

    private static History History(double[] values, Func<int, string>? machine = null) => new(
        "s",
        [.. values.Select((v, at) => new HistoryEntry(HistoryEntry.CurrentSchema, $"r{at}", DateTimeOffset.UnixEpoch.AddDays(at), $"c{at}", machine?.Invoke(at) ?? "m", v))],
        []);
}
