using BenchmarkDotNet.Attributes;
using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Perf.Benchmarks;

/// <summary>One chain of two buffers posted, taken, completed and harvested, in batches of 64.</summary>
[MemoryDiagnoser]
public class RingBenchmarks : IDisposable
{
    private const int Batch = 64;
    private readonly DeviceChain chain = new();
    private readonly RingBuffer[] buffers = [RingBuffer.Readable(0x8000, 44), RingBuffer.Readable(0x9000, 4096)];
    private GuestMemory memory = null!;
    private DriverRing driver = null!;
    private DeviceRing device = null!;

    [Params(RingLayout.Split, RingLayout.Packed)]
    public RingLayout Layout { get; set; }

    [Params(false, true)]
    public bool EventIdx { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        memory = new GuestMemory([MemoryRegion.Create(0, 1 << 20)]);
        RingSetup setup = RingAllocation.Allocate(new GuestArena(memory), Layout, 256, EventIdx);
        driver = DriverRings.Create(memory, setup);
        device = DeviceRings.Create(memory, setup);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        memory.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public bool RoundTrip()
    {
        for (int i = 0; i < Batch; i++)
        {
            _ = driver.TryPost(buffers, out _);
        }

        driver.Publish();
        bool kicked = driver.KickNeeded();
        while (device.TryTake(chain) == TakeResult.Chain)
        {
            device.Complete(chain.Id, chain.RingEntries, 0);
        }

        device.PublishUsed();
        bool called = device.CallNeeded();
        while (driver.TryTakeUsed(out _))
        {
        }

        return kicked | called;
    }
}
