using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Buffer space management, virtio 1.4 section 5.10.6.3.</summary>
internal static class CreditMutants
{
    private delegate uint Gauge(in PeerCredit peer);

    public static IEnumerable<Mutant> All =>
    [
        new("credit-ignores-window", "VS-CRED-DEV-1", "Sends as if the guest's buffer had no end.", p => p with { Credit = new Sender((in PeerCredit _) => uint.MaxValue) }),
        new("credit-one-byte-too-many", "VS-CRED-DEV-1", "Sends one byte more than fits.", p => p with { Credit = new Sender((in PeerCredit c) => c.Free + 1) }),
        new("credit-shrink-underflows", "VS-X-22", "Takes a window smaller than what is in flight for a huge one.", p => p with
        {
            Credit = new Sender((in PeerCredit c) => c.BufAlloc - (c.Sent - c.FwdCnt)),
        }),
        new("credit-zero-window-ignored", "VS-CRED-DEV-1", "Takes buf_alloc 0 for the usual 64 KiB.", p => p with
        {
            Credit = new Sender((in PeerCredit c) => c.BufAlloc != 0 ? c.Free : (c with { BufAlloc = 65536 }).Free),
        }),
        new("credit-ignores-shrinking", "VS-CRED-DEV-1", "Remembers the largest buf_alloc that the guest ever had.", p => p with { Credit = new IgnoresShrinking() }),
        new("credit-never-resumes", "VS-X-23", "Does not look at the credit in a CREDIT_UPDATE.", p => p with { Credit = new DeafToUpdates() }),
        new("credit-claims-nothing", "VS-CRED-DEV-2", "Sends buf_alloc and fwd_cnt as 0 in every packet.", p => p with { Credit = new Claimant((_, _) => (0, 0)) }),
        new("credit-fwd-cnt-stands-still", "VS-X-21", "Never counts fwd_cnt up, and so lets the guest stall.", p => p with { Credit = new Claimant((alloc, _) => (alloc, 0)) }),
        new("credit-forgets-large-packets", "VS-X-21", "Counts one byte too few of each packet with 1 KiB and more.", p => p with { Credit = new ForgetsAByte() }),
        new("credit-fwd-cnt-too-high", "VS-CRED-DEV-2", "Counts eight bytes more than it received.", p => p with { Credit = new Claimant((alloc, forwarded) => (alloc, forwarded + 8)) }),
        new("credit-fwd-cnt-at-arrival", "VS-CRED-DEV-2", "Promises room for data that the host application has not taken.", p => p with { Credit = new CountsAtArrival() }),
        new("credit-buf-alloc-without-used-part", "VS-X-20", "Sends the free part of its buffer as buf_alloc.", p => p with { Credit = new FreePart() }),
        new("credit-buf-alloc-wavers", "VS-CRED-DEV-2", "Halves buf_alloc in every second packet.", p => p with { Credit = new Wavering() }),
        new("credit-request-unanswered", "VS-X-24", "Does not answer CREDIT_REQUEST.", p => p with { Credit = new Unanswering() }),
        new("credit-charges-headers", "VS-X-19", "Charges 44 bytes of header for each packet, and resets a guest that used its window.", p => p with { Credit = new ChargesHeaders() }),
        new("credit-counts-the-answer-line", "VS-CRED-DEV-2", "Counts the line that answers CONNECT as the guest's data.", p => p with { Egress = new CountsTheLine() }),
        new("credit-forgets-merged-packets", "VS-X-21", "Counts one byte too few of small packets that come while a small one is on its way.", p => p with
        {
            Credit = new ForgetsMerged(),
        }),
        new("credit-silent-after-half-a-mebibyte", "VS-X-24", "Tells no credit of its own accord, nor when asked, once it has sent 512 KiB.", p => p with
        {
            Credit = new FallsSilent(),
        }),
        new("credit-told-in-half-windows", "VS-CRED-DEV-2", "Counts fwd_cnt up by half windows only.", p => p with
        {
            Credit = new Claimant((alloc, forwarded) => (alloc, forwarded - (forwarded % (alloc / 2)))),
        }),
        new("credit-untold-when-half-closed", "VS-X-23", "Tells no credit on a flow of which one direction is shut down.", p => p with { Egress = new NoCreditWhenHalfClosed() }),
        new("credit-update-unexpected", "VS-X-25", "Takes an unsolicited CREDIT_UPDATE for an unknown operation.", p => p with { Ingress = new RejectsUpdates() }),
    ];

    private sealed class Sender(Gauge gauge) : CreditRules
    {
        internal override uint Free(in PeerCredit peer) => gauge(peer);
    }

    private sealed class IgnoresShrinking : CreditRules
    {
        internal override bool Learn(ref PeerCredit peer, in VsockHeader header) =>
            peer.Learn(header with { BufAlloc = Math.Max(peer.BufAlloc, header.BufAlloc) });
    }

    private sealed class DeafToUpdates : CreditRules
    {
        internal override bool Learn(ref PeerCredit peer, in VsockHeader header) => header.Op != Op.CreditUpdate && peer.Learn(header);
    }

    private sealed class Claimant(Func<uint, uint, (uint, uint)> claim) : CreditRules
    {
        internal override (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) => claim(window.BufAlloc, window.Forwarded);
    }

    private sealed class CountsAtArrival : CreditRules
    {
        internal override (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) => (window.BufAlloc, window.Received);

        internal override bool IsOverrun(in ReceiveWindow window, uint length) => false;
    }

    private sealed class FreePart : CreditRules
    {
        internal override (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) =>
            (window.BufAlloc - (window.Received - window.Forwarded), window.Forwarded);
    }

    private sealed class Wavering : CreditRules
    {
        private uint packets;

        internal override (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) =>
            (packets++ % 2 == 0 ? window.BufAlloc : window.BufAlloc / 2, window.Forwarded);
    }

    private sealed class Unanswering : CreditRules
    {
        internal override bool AnswersCreditRequest => false;
    }

    private sealed class ChargesHeaders : CreditRules
    {
        internal override uint Charge(uint payload) => payload + VsockHeader.Size;
    }

    private sealed class CountsTheLine : EgressRules
    {
        internal override VsockHeader Stamp(VsockHeader header, Connection? flow) =>
            flow is { Key.HostPort: >= FlowTable.FirstHostPort } && header.Op != Op.Request ? header with { FwdCnt = header.FwdCnt + 14 } : header;
    }

    private sealed class RejectsUpdates : IngressRules
    {
        internal override VsockHeader Decode(ReadOnlySpan<byte> bytes)
        {
            VsockHeader header = base.Decode(bytes);
            return header.Op == Op.CreditUpdate ? header with { Op = Op.Invalid } : header;
        }
    }

    private sealed class ForgetsMerged : CreditRules
    {
        private const uint Small = 128;
        private uint before = uint.MaxValue;
        private uint forgotten;

        internal override uint Charge(uint payload)
        {
            forgotten += payload < Small && before < Small ? 1u : 0;
            before = payload;
            return payload;
        }

        internal override (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) => (window.BufAlloc, window.Forwarded - Math.Min(forgotten, window.Forwarded));
    }

    private sealed class FallsSilent : CreditRules
    {
        private uint sent;

        internal override bool AnswersCreditRequest => !IsSilent;

        private bool IsSilent => sent > 512 * 1024;

        internal override uint Free(in PeerCredit peer)
        {
            sent = Math.Max(sent, peer.Sent);
            return base.Free(peer);
        }

        internal override bool IsUpdateDue(in ReceiveWindow window, in PeerCredit peer) => !IsSilent && base.IsUpdateDue(window, peer);
    }

    private sealed class NoCreditWhenHalfClosed : EgressRules
    {
        internal override VsockHeader Stamp(VsockHeader header, Connection? flow) =>
            flow is not null && (flow.OurShutdown | flow.GuestShutdown) is ShutdownFlags.Send or ShutdownFlags.Receive ? header with { FwdCnt = 0 } : header;
    }

    private sealed class ForgetsAByte : CreditRules
    {
        private uint forgotten;

        internal override uint Charge(uint payload)
        {
            forgotten += payload >= 1024 ? 1u : 0;
            return payload;
        }

        internal override (uint BufAlloc, uint FwdCnt) Claim(in ReceiveWindow window) => (window.BufAlloc, window.Forwarded - forgotten);
    }
}
