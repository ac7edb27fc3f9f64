using HdrHistogram;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Tests.Guests;

[Parallelizable(ParallelScope.All)]
public sealed class GuestLatencyRecordTests
{
    [Test]
    public void Histogram_OfManyTimes_HasTheirPercentilesWithinAHalfPercent()
    {
        Random random = new(5);
        long[] times = [.. Enumerable.Range(0, 20_000).Select(_ => (long)Math.Exp(8 + (4 * random.NextDouble())))];
        LongHistogram histogram = GuestLatencyRecord.ToHistogram(Of(times));
        long[] sorted = [.. times.Order()];
        Assert.That(histogram.TotalCount, Is.EqualTo(times.Length));
        foreach (double percentile in (double[])[1, 25, 50, 90, 99, 99.9])
        {
            double exact = sorted[(int)Math.Ceiling(percentile / 100 * sorted.Length) - 1] / 1000.0;
            Assert.That(LatencyRecord.Microseconds(histogram, percentile), Is.EqualTo(exact).Within(0.6).Percent, $"p{percentile}");
        }
    }

    [Test]
    public void Histogram_LongestTime_IsKeptAsItWas()
    {
        LongHistogram histogram = GuestLatencyRecord.ToHistogram(Of([40_000, 41_000, 1_000_003]));
        Assert.That(histogram.TotalCount, Is.EqualTo(3));
        Assert.That(LatencyRecord.Microseconds(histogram, 100), Is.EqualTo(1_000.003).Within(0.1).Percent);
    }

    [Test]
    public void Histogram_OfNothing_IsEmpty() => Assert.That(GuestLatencyRecord.ToHistogram(new GuestLatencies(0, 0, [])).TotalCount, Is.Zero);

    [Test]
    public void Histogram_OfTimesBeyondItsReach_KeepsTheirNumber() =>
        Assert.That(GuestLatencyRecord.ToHistogram(Of([LatencyBuckets.Highest, LatencyBuckets.Highest * 4])).TotalCount, Is.EqualTo(2));

    private static GuestLatencies Of(long[] times) => new(
        times.Min(), times.Max(), [.. times.GroupBy(LatencyBuckets.Of).OrderBy(g => g.Key).Select(g => (g.Key, (uint)g.Count()))]);
}
