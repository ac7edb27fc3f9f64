using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Buffer space management (virtio 1.4 section 5.10.6.3), both directions.</summary>
public class DriverCreditRules
{
    /// <summary>Payload bytes that may go to the host now (VS-CRED-DRV-1). A host that shrinks its buffer below what is on its way has none to give.</summary>
    internal virtual uint Free(SendWindow window)
    {
        uint onTheWay = window.OnTheWay;
        return onTheWay < window.PeerBufAlloc ? window.PeerBufAlloc - onTheWay : 0;
    }

    /// <summary>Takes over the host's credit from any packet of the flow; true when there was news.</summary>
    internal virtual bool Learn(SendWindow window, in VsockHeader header)
    {
        bool isNews = window.PeerBufAlloc != header.BufAlloc || window.PeerFwdCnt != header.FwdCnt;
        window.PeerBufAlloc = header.BufAlloc;
        window.PeerFwdCnt = header.FwdCnt;
        return isNews;
    }

    /// <summary>The credit fields of a packet of the flow (VS-CRED-DRV-2).</summary>
    internal virtual (uint BufAlloc, uint FwdCnt) Claim(OwnWindow window) => (window.BufAlloc, window.Forwarded);

    /// <summary>What a packet that was sent takes of the host's buffer: its payload and nothing else.</summary>
    internal virtual uint Charge(uint payload) => payload;

    /// <summary>
    /// An unasked CREDIT_UPDATE is due when there is news and the host sees less than half of the buffer free, or less than
    /// <paramref name="wanted"/> more bytes that a reader waits for: it might stall otherwise.
    /// </summary>
    internal virtual bool IsUpdateDue(OwnWindow window, uint wanted) =>
        window.Forwarded != window.Announced && (window.SeenFree < window.BufAlloc / 2 || window.SeenFree < wanted);

    /// <summary>A CREDIT_REQUEST is answered with CREDIT_UPDATE, and a CREDIT_UPDATE is not.</summary>
    internal virtual bool AnswersWithCredit(Op op) => op == Op.CreditRequest;

    /// <summary>Data without credit makes the driver ask for it, once for each stall.</summary>
    internal virtual bool AsksForCredit => true;

    /// <summary>New credit wakes who waits for it.</summary>
    internal virtual bool ResumesWith(in VsockHeader header) => true;
}
