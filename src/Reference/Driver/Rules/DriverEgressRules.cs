using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>The last look at a packet to the device.</summary>
public class DriverEgressRules
{
    /// <summary>Most payload bytes of one packet.</summary>
    internal const uint MaxPayload = 16 * 1024;

    /// <summary>The header as it is written; <paramref name="socket"/> is null for an RST that answers a packet of no flow.</summary>
    internal virtual VsockHeader Stamp(VsockHeader header, VsockSocket? socket) => header;

    /// <summary>Whether a packet is sent at all.</summary>
    internal virtual bool IsSent(in VsockHeader header) => true;

    /// <summary>Encodes the 44 bytes (virtio 1.4 section 5.10.6).</summary>
    internal virtual void Encode(in VsockHeader header, Span<byte> bytes) => header.Write(bytes);
}
