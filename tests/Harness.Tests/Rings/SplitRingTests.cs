using NUnit.Framework;
using Vsockspec.Memory;

namespace Vsockspec.Rings;

[TestFixture]
public class SplitRingTests
{
    [Test]
    public void Chain_PostedAndCompleted_ComesBack([Values] bool eventIdx, [Values] bool indirect)
    {
        using GuestMemory memory = new([MemoryRegion.Create(0x10000, 0x100000)]);
        GuestArena arena = new(memory);
        RingSetup setup = RingAllocation.Allocate(arena, RingLayout.Split, 4, eventIdx, indirect: true);
        SplitDriverRing driver = new(memory, setup, 0xfff0);
        SplitDeviceRing device = new(memory, setup, 0xfff0);
        DeviceChain chain = new();
        ulong table = arena.Allocate(64);
        ulong data = arena.Allocate(256);
        RingBuffer[] buffers = [RingBuffer.Readable(data, 44), RingBuffer.Readable(data + 44, 0), RingBuffer.Writable(data + 100, 7)];
        for (int i = 0; i < 70_000; i++)
        {
            device.EnableKicks();
            bool posted = indirect ? driver.TryPostIndirect(buffers.AsSpan(0, 1), buffers.AsSpan(1), table, out ushort id) : driver.TryPost(buffers, out id);
            Assert.That(posted, Is.True);
            driver.Publish();
            Assert.That(driver.KickNeeded(), Is.True);
            driver.EnableCalls();
            Assert.That(device.TryTake(chain), Is.EqualTo(TakeResult.Chain));
            Assert.That(chain.Buffers.ToArray(), Is.EqualTo(buffers));
            device.Complete(chain.Id, chain.RingEntries, (uint)i);
            device.PublishUsed();
            Assert.That(device.CallNeeded(), Is.True);
            Assert.That(driver.TryTakeUsed(out UsedChain used), Is.True);
            Assert.That(used, Is.EqualTo(new UsedChain(id, (uint)i)));
            Assert.That(driver.FreeDescriptors, Is.EqualTo(4));
        }
    }
}
