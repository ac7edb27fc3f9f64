using System.Numerics;

namespace Vsockspec.Rings;

/// <summary>A ring that cannot exist: its size, alignment or start base breaks the layout's rules.</summary>
public sealed class RingSetupException(string message) : Exception(message)
{
    /// <summary>Largest queue size, virtio 1.4 sections 2.7 and 2.8.10.1.</summary>
    public const int MaxSize = 32768;

    internal static void ThrowUnlessAligned(string part, ulong address, uint alignment)
    {
        if (address % alignment != 0)
        {
            throw new RingSetupException($"{part} at 0x{address:x} is not aligned to {alignment}");
        }
    }

    internal static void ThrowUnlessSize(in RingSetup setup)
    {
        bool legal = setup.Size is > 0 and <= MaxSize && (setup.Layout == RingLayout.Packed || BitOperations.IsPow2(setup.Size));
        if (!legal)
        {
            string rule = setup.Layout == RingLayout.Split ? "a power of two from 1 to 32768" : "1 to 32768";
            throw new RingSetupException($"queue size {setup.Size} is not {rule}");
        }
    }
}
