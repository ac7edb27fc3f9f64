using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>How packets are put into the guest's buffers.</summary>
public class DeliveryRules
{
    /// <summary>Most payload bytes of one packet; what Linux sends and takes at most.</summary>
    internal virtual uint MaxPayload => 64 * 1024;

    /// <summary>Flags of an RW packet of a seqpacket flow: the end of a message on its last packet only (section 5.10.6.6).</summary>
    internal virtual SeqpacketFlags MessageFlags(SeqpacketFlags flags) => flags;

    /// <summary>RSTs of no flow that are parked while the guest posts no buffers.</summary>
    internal virtual int ParkedResets => 1024;

    /// <summary>The guest's packets are processed although it posts no buffers, as long as no reply has to be parked that does not fit (VS-FLOW-DEV-1).</summary>
    internal virtual bool TransmitsWithoutBuffers => true;

    /// <summary>A reply that cannot be parked makes its packet wait; otherwise it is lost.</summary>
    internal virtual bool KeepsEveryReply => true;

    /// <summary>Packets that wait for room for their replies are processed when there is room.</summary>
    internal virtual bool ResumesAfterReplies => true;
}
