using BenchmarkDotNet.Attributes;
using HdrHistogram;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Benchmarks;

/// <summary>What recording one latency costs the thread that measures it.</summary>
[MemoryDiagnoser]
public class HistogramBenchmarks
{
    private readonly LongHistogram histogram = LatencyRecord.NewHistogram();
    private int next;

    [Benchmark]
    public void Record()
    {
        next = (next + 1009) & 0xffff;
        LatencyRecord.Record(histogram, next);
    }
}
