using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Guest memory in two regions with room for queues, and their descriptors.</summary>
internal sealed class TestQueues : IDisposable
{
    private readonly List<EventFd> descriptors = [];

    public TestQueues(int size = 16)
    {
        Size = (ushort)size;
        Memory = new GuestMemory([MemoryRegion.Create(0x10000, 0x20000), MemoryRegion.Create(0x100000, 0x10000, mmapOffset: 0x3000)]);
        Arena = new GuestArena(Memory);
    }

    public ushort Size { get; }

    public GuestMemory Memory { get; }

    public GuestArena Arena { get; }

    public RingSetup Ring(RingLayout layout = RingLayout.Split) => new(
        layout,
        Size,
        Arena.Allocate(16u * Size, 16, region: 0),
        Arena.Allocate(layout == RingLayout.Split ? 6 + (2u * Size) : 4, 4, region: 1),
        Arena.Allocate(layout == RingLayout.Split ? 6 + (8u * Size) : 4, 4, region: 0));

    public QueueSetup Setup(int index, uint start = 0, RingLayout layout = RingLayout.Split) =>
        new(index, Ring(layout), start, NewDescriptor(), NewDescriptor());

    public EventFd NewDescriptor()
    {
        EventFd descriptor = new();
        descriptors.Add(descriptor);
        return descriptor;
    }

    public void Dispose()
    {
        descriptors.ForEach(descriptor => descriptor.Dispose());
        Memory.Dispose();
    }
}
