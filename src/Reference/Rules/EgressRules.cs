using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>The last look at a packet to the guest.</summary>
public class EgressRules
{
    /// <summary>The header as it is written. <paramref name="flow"/> is null for an RST that answers a packet of no flow.</summary>
    internal virtual VsockHeader Stamp(VsockHeader header, Connection? flow) => header;

    /// <summary>Whether a control packet of a flow is sent at all.</summary>
    internal virtual bool IsSent(Op op) => true;

    /// <summary>Whether a control packet of a flow that was just sent is sent once more.</summary>
    internal virtual bool IsRepeated(Op op) => false;

    /// <summary>Encodes the 44 bytes (virtio 1.4 section 5.10.6).</summary>
    internal virtual void Encode(in VsockHeader header, Span<byte> bytes) => header.Write(bytes);
}
