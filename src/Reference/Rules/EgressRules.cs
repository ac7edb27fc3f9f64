using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>The last look at a packet to the guest.</summary>
public class EgressRules
{
    /// <summary>The header as it is written. <paramref name="flow"/> is null for an RST that answers a packet of no flow.</summary>
    internal virtual VsockHeader Stamp(VsockHeader header, Connection? flow) => header;

    /// <summary>How often a control packet is sent: once.</summary>
    internal virtual int Copies(in VsockHeader header) => 1;

    /// <summary>Encodes the 44 bytes (virtio 1.4 section 5.10.6).</summary>
    internal virtual void Encode(in VsockHeader header, Span<byte> bytes) => header.Write(bytes);
}
