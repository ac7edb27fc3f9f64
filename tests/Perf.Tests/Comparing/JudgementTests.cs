using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Tests.Statistics;

namespace Vsockspec.Perf.Tests.Comparing;

[TestFixture]
public sealed class JudgementTests
{
    private static readonly Figure Small = new("stream/throughput", "64", "MiB/s", Better.Higher, FigureRole.Gate);
    private static readonly Figure Large = new("stream/throughput", "65536", "MiB/s", Better.Higher, FigureRole.Gate);
    private static readonly Figure Tail = new("stream/round-trip/p99", "64", "µs", Better.Lower, FigureRole.Shown);
    private static readonly Figure Packets = new("stream/packets", "64", "per MiB", Better.Lower, FigureRole.Counter);

    [Test]
    public void Judgement_OfAKnownSlowdown_FindsItWithItsInterval([Values(0.05, 0.10)] double slower)
    {
        Random random = new(1);
        FigureComparison judged = Judge(random, 20, (Small, 1 - slower), (Large, 1 - slower))[0];
        Assert.That(judged.Verdict, Is.EqualTo(PerfVerdict.Slower));
        Assert.That(judged.Slowdown!.Lower, Is.LessThan(1 / (1 - slower)));
        Assert.That(judged.Slowdown.Upper, Is.GreaterThan(1 / (1 - slower)));
    }

    [Test]
    public void Judgement_OfTheSame_IsEquivalent() =>
        Assert.That(Judge(new Random(2), 20, (Small, 1), (Large, 1)).Select(f => f.Verdict), Is.All.EqualTo(PerfVerdict.Equivalent));

    [Test]
    public void Judgement_OfOneParameterAgainstTheOthers_AccusesNobody()
    {
        FigureComparison judged = Judge(new Random(3), 20, (Small, 0.9), (Large, 1.3))[0];
        Assert.That(judged.Verdict, Is.EqualTo(PerfVerdict.Inconclusive));
        Assert.That(judged.Why, Does.Contain("other parameters"));
    }

    [Test]
    public void Judgement_OfATail_IsShownAndDoesNotDecide()
    {
        FigureComparison judged = Judge(new Random(4), 20, (Tail, 2))[0];
        Assert.That((judged.Verdict, judged.Decides, judged.AdjustedP), Is.EqualTo((PerfVerdict.Slower, false, (double?)null)));
    }

    [TestCase(4.0, 4.0, PerfVerdict.Equivalent)]
    [TestCase(4.0, 4.0001, PerfVerdict.Slower)]
    [TestCase(4.0, 3.0, PerfVerdict.Faster)]
    [TestCase(0.0, 1.0, PerfVerdict.Slower)]
    public void Judgement_OfACountThatNeverVaries_NeedsNoStatistics(double before, double after, PerfVerdict expected)
    {
        FigureComparison judged = Of([.. Enumerable.Repeat(before, 4)], [.. Enumerable.Repeat(after, 4)]);
        Assert.That((judged.Verdict, judged.Decides), Is.EqualTo((expected, true)));
    }

    [Test]
    public void Judgement_OfACountThatVaries_DoesNotDecide() => Assert.That(Of([1, 2, 1, 2], [5, 6, 5, 6]).Decides, Is.False);

    /// <summary>Two hundred comparisons of a thing with itself, six figures each: not one is accused.</summary>
    [Test]
    public void Judgement_OfTheSameOverAndOver_AccusesHardlyEver()
    {
        Random random = new(5);
        Figure[] figures = [.. Enumerable.Range(0, 6).Select(i => Small with { Parameter = $"{i}" })];
        int accused = Enumerable.Range(0, 200).Count(_ => Judge(random, 10, [.. figures.Select(f => (f, 1.0))]).Any(f => f.Verdict == PerfVerdict.Slower));
        Assert.That(accused, Is.Zero);
    }

    [Test]
    public void Report_OfASlowdown_TellsTheWorstFirst()
    {
        IReadOnlyList<FigureComparison> figures = Judge(new Random(6), 10, (Large, 1), (Small, 0.8), (Tail, 1));
        CompareReport report = new(CompareReport.CurrentSchema, new("old", null), new("new", null), "smoke", default, new Dictionary<string, string>(), new CompareOptions(), 10, figures);
        string[] rows = [.. report.ToMarkdown().Split('\n').Where(line => line.Contains("stream/", StringComparison.Ordinal))];
        Assert.That(report.Verdict, Is.EqualTo(PerfVerdict.Slower));
        Assert.That(rows[0], Does.StartWith("| Slower | stream/throughput/64 |"));
        Assert.That(rows.Single(r => r.Contains("p99", StringComparison.Ordinal)), Does.StartWith("| ("));
    }

    private static FigureComparison Of(double[] first, double[] second) =>
        new Judgement(0.03, 0.01).Of([.. first.Select(v => new Dictionary<Figure, double> { [Packets] = v })], [.. second.Select(v => new Dictionary<Figure, double> { [Packets] = v })])[0];

    private static IReadOnlyList<FigureComparison> Judge(Random random, int runs, params (Figure Figure, double Factor)[] figures)
    {
        Dictionary<Figure, double>[] Group(bool isSecond)
        {
            Dictionary<Figure, double[]> values = figures.ToDictionary(f => f.Figure, f => ComparisonTests.Runs(random, 100 * (isSecond ? f.Factor : 1), 0.01, runs));
            return [.. Enumerable.Range(0, runs).Select(run => values.ToDictionary(f => f.Key, f => f.Value[run]))];
        }

        return new Judgement(0.03, 0.01).Of(Group(false), Group(true));
    }
}
