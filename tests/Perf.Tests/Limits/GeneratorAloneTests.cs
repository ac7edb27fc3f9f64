using NUnit.Framework;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Tests.Limits;

[TestFixture]
public sealed class GeneratorAloneTests
{
    private static readonly TimeSpan Time = TimeSpan.FromMilliseconds(100);

    [Test]
    public void Generator_AgainstADeviceThatReturnsBuffers_CarriesMessages([Values(Direction.GuestToHost, Direction.HostToGuest)] Direction direction, [Values(64, 4096, 65_536)] int size)
    {
        double perSecond = GeneratorAlone.MessagesPerSecond(direction, size, Time);
        TestContext.Out.WriteLine($"{direction} {size} B: {perSecond / 1e6:0.00} M messages/s, {perSecond * size / (1 << 20):0} MiB/s");

        // Far below what any machine does, so that only a broken generator fails here; what it is held to is in docs/performance.md.
        Assert.That(perSecond, Is.GreaterThan(1000));
    }

    [Test]
    public void Generator_CarryingMessages_AllocatesNothingForThem([Values(Direction.GuestToHost, Direction.HostToGuest)] Direction direction)
    {
        _ = GeneratorAlone.MessagesPerSecond(direction, 64, Time);
        long once = Allocated(() => GeneratorAlone.MessagesPerSecond(direction, 64, Time));
        long longer = Allocated(() => GeneratorAlone.MessagesPerSecond(direction, 64, 5 * Time));
        Assert.That(longer - once, Is.LessThan(64 * 1024), "400 ms more are a million messages more");
    }

    private static long Allocated(Action work)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
