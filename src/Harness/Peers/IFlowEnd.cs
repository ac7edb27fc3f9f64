using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>The side of a device or a driver that a <see cref="Flow"/> sends through.</summary>
public interface IFlowEnd
{
    Timeline Timeline { get; }

    /// <summary>The end is the host's: packets go from the host's address to the guest's.</summary>
    bool IsHost { get; }

    /// <summary>The largest payload, in bytes, that the next packet can carry.</summary>
    int MaxPayload { get; }

    /// <summary>Sends one packet, as it is.</summary>
    Sent Send(VsockHeader header, ReadOnlySpan<byte> payload = default);
}
