using NUnit.Framework;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Tests.Latency;

[TestFixture]
public sealed class OpenLoopTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Service = TimeSpan.FromMicroseconds(100);

    /// <summary>
    /// A second at 10 000 messages per second with a stall of S ms: the messages that were due during it wait for what was left of it, so
    /// S/1000 of all are uniform between 0 and S. Only the backlog that the echo works off afterwards comes on top: it takes its service time for each.
    /// </summary>
    [Test]
    public void OpenLoop_OfAnEchoThatStalls_ShowsTheStallInItsPercentiles([Values(20, 50, 200)] int stallMs)
    {
        // Twice as fast as the load: the backlog of the stall is worked off in as much time as the stall took.
        ManualClock clock = new();
        ScriptedLine line = new(clock, TimeSpan.FromMicroseconds(50)) { StallsAt = TimeSpan.FromMilliseconds(300), StallsFor = TimeSpan.FromMilliseconds(stallMs) };
        OpenLoopResult result = OpenLoop.Run(line, 10_000, 10_000, Patience, clock);

        // Message i after the stall began waits S - i × 100 µs and for the i × 50 µs that those before it take: S - i × 50 µs for 2 × S of time.
        double affected = 2 * stallMs / 1000.0;
        double Expected(double percentile) => stallMs * 1000 * Math.Max(0, 1 - ((100 - percentile) / 100 / affected));
        foreach (double percentile in (double[])[90, 99, 99.9, 100])
        {
            double expected = Math.Max(50, Expected(percentile));
            Assert.That(LatencyRecord.Microseconds(result.Latency, percentile), Is.EqualTo(expected).Within(0.02 * stallMs * 1000), $"p{percentile}");
        }

        Assert.That(LatencyRecord.Microseconds(result.Latency, 50), Is.LessThan(60));
        Assert.That(result.Latency.TotalCount, Is.EqualTo(10_000));
        Assert.That(result.Disturbance, Is.Null);
    }

    [Test]
    public void ClosedLoop_OfAnEchoThatStalls_HidesTheStall()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, Service) { StallsAt = TimeSpan.FromMilliseconds(300), StallsFor = TimeSpan.FromMilliseconds(50) };
        HdrHistogram.LongHistogram histogram = ClosedLoop.Run(line, 10_000, Patience, clock);
        Assert.That(LatencyRecord.Microseconds(histogram, 99.9), Is.LessThan(110), "one of ten thousand was hit");
        Assert.That(LatencyRecord.Microseconds(histogram, 100), Is.EqualTo(50_000).Within(200));
    }

    [Test]
    public void OpenLoop_OfAnEchoThatHasNoRoom_CountsFromTheTimeWhenAMessageWasDue()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, Service) { StallsAt = TimeSpan.FromMilliseconds(10), StallsFor = TimeSpan.FromMilliseconds(40), Room = 4 };
        OpenLoopResult result = OpenLoop.Run(line, 1000, 100, Patience, clock);
        Assert.That(LatencyRecord.Microseconds(result.Latency, 100), Is.EqualTo(40_000).Within(1100));
        Assert.That(LatencyRecord.Microseconds(result.Latency, 75), Is.GreaterThan(10_000), "36 of 100 were refused while they waited");
        Assert.That(LatencyRecord.Microseconds(result.Lateness, 100), Is.LessThan(60), "that is not the generator's doing");
        Assert.That(result.Disturbance, Is.Null);
    }

    [Test]
    public void OpenLoop_BelowTheLinesCapacity_AchievesTheOfferedRate()
    {
        ManualClock clock = new();
        OpenLoopResult result = OpenLoop.Run(new ScriptedLine(clock, Service), 5000, 5000, Patience, clock);
        Assert.That(result.AchievedPerSecond, Is.EqualTo(5000).Within(1).Percent);
        Assert.That(LatencyRecord.Microseconds(result.Latency, 99), Is.EqualTo(100).Within(5));
    }

    [Test]
    public void OpenLoop_AboveTheLinesCapacity_AchievesTheCapacityAndTheQueueGrows()
    {
        ManualClock clock = new();
        OpenLoopResult result = OpenLoop.Run(new ScriptedLine(clock, Service), 20_000, 20_000, Patience, clock);
        Assert.That(result.AchievedPerSecond, Is.EqualTo(10_000).Within(1).Percent);
        Assert.That(LatencyRecord.Microseconds(result.Latency, 50), Is.EqualTo(500_000).Within(2).Percent);
        Assert.That(result.Disturbance, Is.Null, "the line is the bottleneck, not the generator");
    }

    [Test]
    public void OpenLoop_OfAGeneratorThatCannotKeepUp_SaysSo()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, TimeSpan.FromMicroseconds(10)) { Slowness = TimeSpan.FromMilliseconds(1) };
        OpenLoopResult result = OpenLoop.Run(line, 10_000, 5000, Patience, clock);
        Assert.That(result.Disturbance, Does.Contain("did not keep its schedule"));
    }

    [Test]
    public void OpenLoop_OfALineThatStandsStill_Ends()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, Service) { StallsAt = TimeSpan.FromMilliseconds(1), StallsFor = TimeSpan.FromHours(1) };
        PerfException? thrown = Assert.Throws<PerfException>(() => OpenLoop.Run(line, 1000, 1000, Patience, clock));
        Assert.That(thrown!.Message, Does.Contain("none came back for 2 s"));
    }

    [Test]
    public void ClosedLoop_OfALineThatStandsStill_Ends()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, Service) { StallsAt = TimeSpan.Zero, StallsFor = TimeSpan.FromHours(1) };
        Assert.Throws<PerfException>(() => ClosedLoop.Run(line, 10, Patience, clock));
    }

    [Test]
    public void Capacity_OfALine_IsWhatItServes()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, Service);
        Assert.That(Capacity.PerSecond(line, 256, TimeSpan.FromSeconds(1), Patience, clock), Is.EqualTo(10_000).Within(1).Percent);
        Assert.That(line.TrySend() && line.Returned > 9_000, Is.True, "everything has come back");
    }

    [Test]
    public void Capacity_OfALineThatStandsStill_Ends()
    {
        ManualClock clock = new();
        ScriptedLine line = new(clock, Service) { StallsAt = TimeSpan.Zero, StallsFor = TimeSpan.FromHours(1) };
        Assert.Throws<PerfException>(() => Capacity.PerSecond(line, 4, TimeSpan.FromSeconds(1), Patience, clock));
    }
}
