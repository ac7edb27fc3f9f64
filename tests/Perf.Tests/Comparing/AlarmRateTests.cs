using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Tests.Statistics;

namespace Vsockspec.Perf.Tests.Comparing;

[TestFixture]
public sealed class AlarmRateTests
{
    private static readonly Figure Small = new("stream/throughput", "64", "MiB/s", Better.Higher, FigureRole.Gate);
    private static readonly Figure Trip = new("stream/round-trip/p50", "64", "µs", Better.Lower, FigureRole.Gate);
    private static readonly Figure Packets = new("stream/packets", "64", "per MiB", Better.Lower, FigureRole.Counter);

    /// <summary>Points of published tables of Wilson's interval.</summary>
    [TestCase(0, 30, 0.0, 0.1135)]
    [TestCase(5, 10, 0.2366, 0.7634)]
    [TestCase(1, 100, 0.0018, 0.0545)]
    [TestCase(0, 0, 0.0, 1.0)]
    public void Rate_OfCounts_HasTheIntervalOfWilson(int count, int times, double lower, double upper)
    {
        Rate rate = new(count, times);
        Assert.That((rate.Lower, rate.Upper), Is.EqualTo((lower, upper)).Using<double>((a, b) => Math.Abs(a - b) < 0.0002 ? 0 : a.CompareTo(b)));
    }

    [TestCase(0.01)]
    [TestCase(0.05)]
    public void AlarmRate_OfNoise_IsHardlyAny(double spread)
    {
        AlarmRates rates = Of(new CompareOptions(), 10, (random, _) => ComparisonTests.Runs(random, 100, spread, 1)[0]);
        Assert.That(rates.Relabelled.Part, Is.LessThanOrEqualTo(0.01));
        Assert.That(rates.Simulated.Part, Is.LessThanOrEqualTo(0.01));
        Assert.That(rates.Figures.First(f => f.Figure == Small.Name).Spread, Is.EqualTo(spread).Within(0.4 * spread));
    }

    /// <summary>
    /// A rule of which the rate can be counted: four runs, no tolerance, an interval that errs one time in five. Of the 16 ways to be greater or less one is called slower.
    /// </summary>
    [Test]
    public void AlarmRate_OfARuleThatErrsOften_IsWhatCountingGives()
    {
        CompareOptions eager = new(RunsEach: 4, MostRunsEach: 4, Tolerance: 0, ErrorRate: 0.2);
        Random random = new(3);
        Dictionary<Figure, double>[] runs = [.. Enumerable.Range(0, 8).Select(_ => new Dictionary<Figure, double> { [Trip] = ComparisonTests.Runs(random, 20, 0.02, 1)[0] })];
        AlarmRates rates = new AlarmRate(eager, seed: 1).Of(runs[..4], runs[4..], 4000, default);
        Assert.That(rates.Simulated.Part, Is.EqualTo(1 / 16.0).Within(0.012));
    }

    /// <summary>Labels change within a run only, so that drift over the session accuses nobody; exchanged freely it would.</summary>
    [Test]
    public void AlarmRate_OfAMachineThatDrifts_AccusesNobody()
    {
        AlarmRates rates = Of(new CompareOptions(), 10, (random, turn) => 100 * (1 + (0.01 * turn)) * Math.Exp(0.001 * random.NextNormal()));
        Assert.That(rates.Relabelled.Count, Is.Zero);
    }

    [Test]
    public void AlarmRate_OfTheSameSeed_IsTheSameAgain()
    {
        AlarmRates Measure() => Of(new CompareOptions(Tolerance: 0, ErrorRate: 0.5), 6, (random, _) => ComparisonTests.Runs(random, 100, 0.02, 1)[0]);
        AlarmRates once = Measure();
        AlarmRates again = Measure();
        Assert.That((again.Relabelled, again.Simulated), Is.EqualTo((once.Relabelled, once.Simulated)));
    }

    /// <summary>A count that differs between the labels as measured, always the same under each, is the worst there is: a rule without statistics is asked.</summary>
    [Test]
    public void AlarmRate_OfACountThatVaries_SeesWhenItDecides()
    {
        Dictionary<Figure, double>[] four = [.. new[] { 1.0, 1, 2, 2 }.Select(count => new Dictionary<Figure, double> { [Packets] = count })];
        AlarmRates rates = new AlarmRate(new CompareOptions(2, 2), seed: 1).Of(four[..2], four[2..], 3000, default);
        Assert.That(rates.Relabelled.Part, Is.EqualTo(1 / 4.0).Within(0.03), "of the four ways to exchange in two runs, one puts both small counts first");
        Assert.That(rates.Figures.Single().Relabelled.Count, Is.EqualTo(rates.Relabelled.Count));
    }

    [Test]
    public void AlarmRate_WhenStopped_Stops()
    {
        using CancellationTokenSource stopped = new();
        stopped.Cancel();
        Dictionary<Figure, double>[] runs = [.. Enumerable.Repeat(new Dictionary<Figure, double> { [Trip] = 20 }, 4)];
        Assert.That(() => new AlarmRate(new CompareOptions(2, 2), 1).Of(runs[..2], runs[2..], 10, stopped.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    private static AlarmRates Of(CompareOptions options, int runsEach, Func<Random, int, double> value)
    {
        Random random = new(2);
        List<IReadOnlyDictionary<Figure, double>> a = [];
        List<IReadOnlyDictionary<Figure, double>> b = [];
        int turn = 0;
        foreach (bool isFirst in Interleaving.Abba(runsEach))
        {
            double now = value(random, turn);
            (isFirst ? a : b).Add(new Dictionary<Figure, double> { [Small] = now, [Trip] = value(random, turn++), [Packets] = 256 });
        }

        return new AlarmRate(options, seed: 4).Of(a, b, 300, default);
    }
}
