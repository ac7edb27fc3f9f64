using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Who this guest is, and whether its device can be used.</summary>
internal sealed class DriverIdentity
{
    /// <summary>From configuration space.</summary>
    public ulong GuestCid { get; set; }

    /// <summary>What was accepted.</summary>
    public VirtioFeatures Features { get; set; }

    /// <summary>The device runs and was not found broken.</summary>
    public bool IsUp { get; set; }
}
