using BenchmarkDotNet.Attributes;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Benchmarks;

/// <summary>The load generator for each message of 64 bytes with everything in one core's cache: raw driver, auditor, and the device that returns the buffers.</summary>
[MemoryDiagnoser]
public class DriverBenchmarks : IDisposable
{
    private const int Batch = 64;
    private const int Size = 64;
    private GeneratorBench bench = null!;

    [Params(Direction.GuestToHost, Direction.HostToGuest)]
    public Direction Direction { get; set; }

    [GlobalSetup]
    public void SetUp() => bench = new GeneratorBench(Size, hasThread: false);

    [GlobalCleanup]
    public void Dispose()
    {
        bench.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public void Carry()
    {
        for (long moved = 0; moved < Batch * Size;)
        {
            moved += bench.Move(Direction);
        }
    }
}
