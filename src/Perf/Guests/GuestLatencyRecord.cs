using HdrHistogram;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Guests;

/// <summary>Times that were measured in a guest, as all workloads have them.</summary>
internal static class GuestLatencyRecord
{
    /// <summary>Nanoseconds: each bucket of the guest by its middle, which is less than 1/256 from what it holds; the longest exactly.</summary>
    public static LongHistogram ToHistogram(GuestLatencies latencies)
    {
        LongHistogram histogram = LatencyRecord.NewHistogram();
        for (int i = 0; i < latencies.Buckets.Count; i++)
        {
            (int bucket, uint count) = latencies.Buckets[i];
            long middle = (LatencyBuckets.Lowest(bucket) + LatencyBuckets.Lowest(bucket + 1) - 1) / 2;
            long value = Math.Clamp(middle, latencies.Lowest, latencies.Highest);
            uint others = i == latencies.Buckets.Count - 1 ? count - 1 : count;
            histogram.RecordValueWithCount(Math.Min(value, histogram.HighestTrackableValue), others);
        }

        if (latencies.Buckets.Count > 0)
        {
            LatencyRecord.Record(histogram, latencies.Highest);
        }

        return histogram;
    }

    /// <summary>Adds a repeat to the sheet: p50 decides, p99 is shown, the curve has all.</summary>
    /// <param name="took">By the guest's clock.</param>
    public static void Add(Sheet sheet, string curve, GuestLatencies latencies, TimeSpan took, Func<string, FigureRole, Figure> figure)
    {
        LongHistogram histogram = ToHistogram(latencies);
        sheet.Latency(curve).Add(histogram, took.TotalSeconds);
        sheet.Add(figure("p50", FigureRole.Gate), LatencyRecord.Microseconds(histogram, 50));
        sheet.Add(figure("p99", FigureRole.Shown), LatencyRecord.Microseconds(histogram, 99));
    }
}
