using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>What the device makes of a packet from the guest before it looks at any flow.</summary>
public class IngressRules
{
    /// <summary>Whether a chain is looked at. One that is too short for a header says nothing; any other length is legal.</summary>
    internal virtual bool IsPacket(ulong chainBytes) => chainBytes >= VsockHeader.Size;

    /// <summary>Decodes the 44 bytes (virtio 1.4 section 5.10.6).</summary>
    internal virtual VsockHeader Decode(ReadOnlySpan<byte> bytes) => VsockHeader.Read(bytes);

    /// <summary>
    /// The guest speaks for itself and to the host only. All 64 bits count: a CID with upper bits is nobody's.
    /// </summary>
    internal virtual bool IsForHost(in VsockHeader header, ulong guestCid) => header.SrcCid == guestCid && header.DstCid == Cid.Host;

    internal virtual FlowKey FlowOf(in VsockHeader header) => new(header.SrcPort, header.DstPort, header.Type);

    /// <summary>Whether a packet of a type that is not served is answered with RST (VS-RXTX-DEV-2). An RST never is: two ends that answer RST with RST do not stop.</summary>
    internal virtual bool AnswersUnservedType(in VsockHeader header) => header.Op != Op.Rst;

    /// <summary>Whether a packet of a flow that does not exist is answered with RST.</summary>
    internal virtual bool AnswersUnknownFlow(in VsockHeader header) => header.Op != Op.Rst;

    /// <summary>
    /// Payload bytes of an RW packet: what the header says (section 5.10.6: a chain may be longer). More than
    /// <paramref name="available"/> makes the packet malformed.
    /// </summary>
    internal virtual uint PayloadLength(in VsockHeader header, ulong available) => header.Len;
}
