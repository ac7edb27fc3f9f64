using System.Diagnostics;
using HdrHistogram;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Latency;

/// <summary>
/// One exchange after the other: the next begins when the last is over. What it cannot show is how long others would have waited meanwhile: a
/// stall counts once, however long it was (see <see cref="OpenLoop"/>).
/// </summary>
public static class ClosedLoop
{
    /// <summary>ns per call of <paramref name="exchange"/>.</summary>
    public static LongHistogram Time(int times, Action exchange)
    {
        LongHistogram histogram = LatencyRecord.NewHistogram();
        for (int i = 0; i < times; i++)
        {
            long start = Stopwatch.GetTimestamp();
            exchange();
            LatencyRecord.Record(histogram, Nanoseconds(start, Stopwatch.GetTimestamp(), Stopwatch.Frequency));
        }

        return histogram;
    }

    /// <summary>ns per message there and back.</summary>
    /// <exception cref="PerfException">A message did not come back within <paramref name="patience"/>.</exception>
    public static LongHistogram Run(IEchoLine line, int times, TimeSpan patience, TimeProvider time)
    {
        LongHistogram histogram = LatencyRecord.NewHistogram();
        for (int i = 0; i < times; i++)
        {
            long expected = line.Returned + 1;
            long start = time.GetTimestamp();
            while (!line.TrySend())
            {
                Await(start, i);
            }

            while (line.Returned < expected)
            {
                Await(start, i);
            }

            LatencyRecord.Record(histogram, Nanoseconds(start, time.GetTimestamp(), time.TimestampFrequency));
        }

        return histogram;

        void Await(long start, int message)
        {
            TimeSpan left = patience - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                throw new PerfException($"message {message} did not come back within {patience.TotalSeconds:0.###} s");
            }

            line.Wait(left);
            line.Pump();
        }
    }

    /// <summary>A <see cref="TimeSpan"/> counts in 100 ns, which is more than a percent of a polled round trip.</summary>
    private static long Nanoseconds(long start, long end, long frequency) => (long)((end - start) * (1e9 / frequency));
}
