using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>Buffer space management (virtio 1.4 section 5.10.6.3), both directions.</summary>
public class CreditRules
{
    /// <summary>Payload bytes that may go to the guest now (VS-CRED-DEV-1).</summary>
    internal virtual uint Free(in PeerCredit peer) => peer.Free;

    /// <summary>Takes over the guest's credit from any packet of the flow; true when there was news.</summary>
    internal virtual bool Learn(ref PeerCredit peer, in VsockHeader header) => peer.Learn(header);

    /// <summary>The credit fields of a packet of the flow (VS-CRED-DEV-2).</summary>
    internal virtual (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) => (window.BufAlloc, window.Forwarded);

    /// <summary>What a packet uses up of our window: its payload and nothing else.</summary>
    internal virtual uint Charge(uint payload) => payload;

    /// <summary>A packet with this payload breaks the guest's promise to stay within the window.</summary>
    internal virtual bool IsOverrun(in ReceiveWindow window, uint length) => window.IsOverrunBy(length);

    /// <summary>An unasked CREDIT_UPDATE keeps the guest from stalling.</summary>
    internal virtual bool IsUpdateDue(in ReceiveWindow window, in PeerCredit peer) => window.IsUpdateDue(peer.BufAlloc);

    /// <summary>A CREDIT_REQUEST is answered with CREDIT_UPDATE.</summary>
    internal virtual bool AnswersCreditRequest => true;

    /// <summary>Data without credit makes us ask for it, once.</summary>
    internal virtual bool AsksForCredit => true;
}
