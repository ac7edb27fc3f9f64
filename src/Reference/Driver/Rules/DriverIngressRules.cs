using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>What the driver makes of a packet from the device before it looks at any socket.</summary>
public class DriverIngressRules
{
    /// <summary>Decodes the 44 bytes (virtio 1.4 section 5.10.6).</summary>
    internal virtual VsockHeader Decode(ReadOnlySpan<byte> bytes) => VsockHeader.Read(bytes);

    /// <summary>
    /// Only the host speaks to this guest, and only to its current CID; all 64 bits count. The specification says nothing of other packets; they are
    /// dropped without an answer, because an RST would go to somebody who never asked.
    /// </summary>
    internal virtual bool IsForGuest(in VsockHeader header, ulong guestCid) => header.DstCid == guestCid && header.SrcCid == Cid.Host;

    /// <summary>The two ports and the type tell flows apart: the CIDs are always the same two (section 5.10.6.2).</summary>
    internal virtual DriverFlowKey FlowOf(in VsockHeader header) => new(header.DstPort, header.SrcPort, header.Type);

    /// <summary>The bytes of payload that are taken, which the device must have written; null for a packet that says it has more.</summary>
    /// <param name="written">Bytes behind the header that the device says it wrote.</param>
    /// <param name="room">Bytes behind the header that the buffer has.</param>
    internal virtual int? PayloadBytes(in VsockHeader header, int written, int room) => header.Len <= (uint)written ? (int)header.Len : null;

    /// <summary>A packet of a type that is unknown or not in force is answered with RST (VS-RXTX-DRV-2), unless it is one.</summary>
    internal virtual bool AnswersUnservedType(in VsockHeader header) => header.Op != Op.Rst;

    /// <summary>A packet of a flow that does not exist is answered with RST, unless it is one: two ends that answer RST with RST do not stop.</summary>
    internal virtual bool AnswersUnknownFlow(in VsockHeader header) => header.Op != Op.Rst;
}
