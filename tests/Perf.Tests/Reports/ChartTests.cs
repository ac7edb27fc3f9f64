using System.Text;
using NUnit.Framework;
using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Results.Html;
using Vsockspec.Tests;

namespace Vsockspec.Perf.Tests.Reports;

public sealed class ChartTests
{
    private static Chart Sample => new(
        "c", "two lines", "size of messages", "MiB/s", "It rises.", Scale.Sizes([64, 4096, 65_536]), Scale.Log([10, 900]),
        [
            new ChartLine("socketpair", LineStyle.Limit, [new ChartPoint(64, 20), new ChartPoint(4096, 400), new ChartPoint(65_536, 900)]),
            new ChartLine("target", LineStyle.Series[0], [new ChartPoint(64, 10, 9, 12, "64 B: 10"), new ChartPoint(65_536, 880, 850, 890, "64 KiB: 880")]),
        ],
        new ChartTable(["size", "MiB/s"], [["64 B", "10"], ["64 KiB", "880"]])) { Marks = [new ChartMark(4096, "here", "worse")] };

    [Test]
    public void Chart_TwoLines_IsAsApproved() => Snapshot.Match(Written(html => ChartDrawing.Write(html, Sample)), "chart.html");

    [Test]
    public void Forest_ThreeVerdicts_IsAsApproved() => Snapshot.Match(
        Written(html => Forest.Write(
            html, "f", "throughput", "One is slower.", 0.03,
            [
                new ForestRow("64 B", "slower 1.10 (1.08–1.12)", "fail", 1.1, 1.08, 1.12),
                new ForestRow("4 KiB", "inconclusive 1.02 (0.00–∞)", "unsure", 1.02, 0, double.PositiveInfinity),
                new ForestRow("64 KiB", "equivalent 1.00 (0.99–1.01)", "pass", 1, 0.99, 1.01),
            ],
            new ChartTable(["", "ratio"], [["64 B", "1.10"]]))),
        "forest.html");

    [Test]
    public void Spark_Values_IsAsApproved() => Snapshot.Match(Written(html => ChartDrawing.WriteSpark(html, [3, 3.1, 2.9, 4, 4.1])), "spark.html");

    [TestCase(new double[] { 10, 12, 13 }, new double[] { 10, 25, 40 }, TestName = "Labels_CloseTogether_AreMovedApart")]
    [TestCase(new double[] { 215, 218, 220 }, new double[] { 190, 205, 220 }, TestName = "Labels_AtTheBottom_AreMovedUp")]
    [TestCase(new double[] { 10, 100, 200 }, new double[] { 10, 100, 200 }, TestName = "Labels_FarApart_StayWhereTheyAre")]
    public void Labels(double[] wanted, double[] places) => Assert.That(ChartDrawing.Apart(wanted, 15, 220), Is.EqualTo(places));

    [Test]
    public void Labels_MoreThanThereIsRoomFor_StayInOrderAndWithin()
    {
        double[] places = ChartDrawing.Apart([.. Enumerable.Repeat(100.0, 40)], 15, 220);
        Assert.That(places, Is.Ordered.And.All.InRange(-0.001, 220.001));
    }

    [Test]
    public void LogScale_AFactorTenApart_IsAlwaysAsFar()
    {
        Scale scale = Scale.Log([1, 10_000]);
        Assert.That(scale.Of(1000) - scale.Of(100), Is.EqualTo(scale.Of(100) - scale.Of(10)).Within(1e-9));
    }

    [Test]
    public void LogScale_OneValue_StandsInTheMiddle() => Assert.That(Scale.Log([42]).Of(42), Is.EqualTo(0.5).Within(1e-9));

    [TestCase(0.001, 1e12)]
    [TestCase(3.0, 3.1)]
    [TestCase(1e-300, 1e300)]
    [TestCase(double.NaN, double.NegativeInfinity)]
    [TestCase(-5, 0)]
    public void Scales_OfAnyValues_HaveAFewTicksWithin(double low, double high)
    {
        foreach (Scale scale in (Scale[])[Scale.Log([low, high]), Scale.Linear([low, high], fromZero: true), Scale.Linear([low, high], fromZero: false)])
        {
            using (Assert.EnterMultipleScope())
            {
                Assert.That(scale.Ticks.Select(t => t.Place), Is.All.InRange(0.0, 1.0));
                Assert.That(scale.Ticks, Has.Count.LessThan(20));
                Assert.That((double[])[scale.Of(low), scale.Of(high), scale.Of(double.NaN)], Is.All.InRange(0.0, 1.0));
            }
        }
    }

    [Test]
    public void LinearScale_Ticks_AreRoundNumbers() =>
        Assert.That(Scale.Linear([0, 319_200], fromZero: true).Ticks.Select(t => t.Label), Is.EqualTo(["0", "100,000", "200,000", "300,000"]));

    [Test]
    public void PercentileScale_EachLabel_IsTenTimesRarerAndAsFar()
    {
        Scale scale = Scale.Percentiles([50, 90, 99, 99.9, 100]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(scale.Of(99) - scale.Of(90), Is.EqualTo(scale.Of(99.9) - scale.Of(99)).Within(1e-9));
            Assert.That((scale.Of(50), scale.Of(100)), Is.EqualTo((0.0, 1.0)));
            Assert.That(scale.Ticks.Select(t => t.Label), Is.EqualTo(["50", "90", "99", "99.9", "max"]));
        }
    }

    [Test]
    public void SlowdownScale_TwiceAndHalf_AreAsFarFromTheMiddle()
    {
        Scale scale = Scale.Slowdown([2, 0, double.PositiveInfinity], 0.03);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(scale.Of(1), Is.EqualTo(0.5));
            Assert.That(scale.Of(2) - 0.5, Is.EqualTo(0.5 - scale.Of(0.5)).Within(1e-9));
        }
    }

    /// <summary>A piece of a page.</summary>
    private static string Written(Action<HtmlWriter> write)
    {
        HtmlWriter html = new();
        write(html);
        return Encoding.UTF8.GetString(html.ToBytes()).Replace("<!DOCTYPE html>\n", "", StringComparison.Ordinal).Replace("><", ">\n<", StringComparison.Ordinal);
    }
}
