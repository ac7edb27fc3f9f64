using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>Driver rings by layout.</summary>
public static class DriverRings
{
    /// <param name="startBase">See <see cref="RingBase"/>; null for a ring that starts fresh.</param>
    /// <exception cref="RingSetupException">The size, an alignment or the base is illegal.</exception>
    /// <exception cref="GuestMemoryException">A part is not in guest memory.</exception>
    public static DriverRing Create(GuestMemory memory, RingSetup setup, uint? startBase = null)
    {
        uint start = startBase ?? RingBase.Initial(setup.Layout);
        return setup.Layout == RingLayout.Packed ? new PackedDriverRing(memory, setup, start) : new SplitDriverRing(memory, setup, start);
    }
}

/// <summary>Device rings by layout.</summary>
public static class DeviceRings
{
    /// <param name="startBase">See <see cref="RingBase"/>; null for a ring that starts fresh.</param>
    /// <exception cref="RingSetupException">The size, an alignment or the base is illegal.</exception>
    /// <exception cref="GuestMemoryException">A part is not inside one region of guest memory.</exception>
    public static DeviceRing Create(GuestMemory memory, RingSetup setup, uint? startBase = null)
    {
        uint start = startBase ?? RingBase.Initial(setup.Layout);
        return setup.Layout == RingLayout.Packed ? new PackedDeviceRing(memory, setup, start) : new SplitDeviceRing(memory, setup, start);
    }
}
