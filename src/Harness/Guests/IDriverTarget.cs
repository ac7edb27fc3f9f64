using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>A driver that is judged: the scripted device is its device, and the agent beside it makes the socket calls.</summary>
public interface IDriverTarget : ITarget
{
    /// <summary>Boots machines that have the driver.</summary>
    IGuestSource Guests { get; }
}
