using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>A ring with a driver at one end and a device at the other.</summary>
internal sealed class RingPair : IDisposable
{
    public const uint DataBytes = 0x10000;

    public RingPair(RingLayout layout, ushort size, uint? start = null, bool eventIdx = false, bool inOrder = false, bool indirect = true)
    {
        Memory = new GuestMemory([MemoryRegion.Create(0x10_0000, 0x20_0000)]);
        Arena = new GuestArena(Memory);
        Setup = RingAllocation.Allocate(Arena, layout, size, eventIdx, indirect, inOrder);
        Driver = DriverRings.Create(Memory, Setup, start);
        Device = DeviceRings.Create(Memory, Setup, start);
        Data = Arena.Allocate(DataBytes, 4096);
    }

    public GuestMemory Memory { get; }

    public GuestArena Arena { get; }

    public RingSetup Setup { get; }

    public DriverRing Driver { get; }

    public DeviceRing Device { get; }

    public DeviceChain Chain { get; } = new();

    /// <summary>Guest-physical address of <see cref="DataBytes"/> bytes for buffers.</summary>
    public ulong Data { get; }

    public void Dispose() => Memory.Dispose();
}
