using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Buffer space management, virtio 1.4 section 5.10.6.3.</summary>
internal static class DriverCreditMutants
{
    public static IEnumerable<DriverMutant> All =>
    [
        Free("driver-credit-ignores-window", "VS-CRED-DRV-1", "Sends as if the host's buffer had no end.", _ => uint.MaxValue),
        Free("driver-credit-one-byte-too-many", "VS-CRED-DRV-1", "Sends one byte more than fits.", w => Legal.Free(w) + 1),
        Free("driver-credit-zero-window-ignored", "VS-CRED-DRV-1", "Takes buf_alloc 0 for 64 KiB.", w => w.PeerBufAlloc == 0 ? (64 * 1024) - Math.Min(w.OnTheWay, 64 * 1024) : Legal.Free(w)),
        Free("driver-credit-shrink-underflows", "VS-X-22", "Takes a window smaller than what is on its way for a huge one.", w => w.PeerBufAlloc - w.OnTheWay),
        Free("driver-credit-buf-alloc-only", "VS-X-22", "Takes buf_alloc for what is free.", w => w.PeerBufAlloc),
        Learn("driver-credit-from-updates-only", "VS-X-22", "Learns credit from CREDIT_UPDATE and RESPONSE only, not from other packets.", h => h.Op is Op.CreditUpdate or Op.Response or Op.Request),
        Learn("driver-credit-updates-unread", "VS-X-23", "Does not look at the credit in a CREDIT_UPDATE.", h => h.Op != Op.CreditUpdate),
        new("driver-credit-never-resumes", "VS-X-23", "Does not go on sending when CREDIT_UPDATE brings credit.", p => p with { Credit = new Sleepy() }),
        new("driver-credit-charges-headers", "VS-X-19", "Counts 44 bytes of header for each packet against the host's buffer.", p => p with { Credit = new ChargesHeaders() }),
        Claim("driver-credit-claims-nothing", "VS-CRED-DRV-2", "Sends buf_alloc and fwd_cnt as 0 in every packet.", _ => (0, 0)),
        Claim("driver-credit-fwd-cnt-stands-still", "VS-X-21", "Never counts fwd_cnt up.", w => (w.BufAlloc, 0)),
        Claim("driver-credit-fwd-cnt-counts-headers", "VS-X-19", "Counts a header in fwd_cnt once data has come.", w => (w.BufAlloc, w.Forwarded == 0 ? 0 : w.Forwarded + VsockHeader.Size)),
        Claim("driver-credit-fwd-cnt-at-arrival", "VS-CRED-DRV-2", "Promises room for data that the application has not taken.", w => (w.BufAlloc, w.Received)),
        Claim("driver-credit-buf-alloc-is-free-part", "VS-X-20", "Sends the free part of its buffer as buf_alloc.", w => (w.BufAlloc - Math.Min(w.Received - w.Forwarded, w.BufAlloc), w.Forwarded)),
        new("driver-credit-missing-on-control", "VS-CRED-DRV-2", "Sends packets without payload with buf_alloc and fwd_cnt 0.", p => p with
        {
            Egress = new DriverStamping(h => h.Op == Op.Rw ? h : h with { BufAlloc = 0, FwdCnt = 0 }),
        }),
        Answer("driver-credit-request-unanswered", "VS-X-24", "Does not answer CREDIT_REQUEST.", _ => false),
        Answer("driver-credit-update-answered", "VS-X-25", "Answers CREDIT_UPDATE with CREDIT_UPDATE.", op => op is Op.CreditRequest or Op.CreditUpdate),
        new("driver-credit-untold", "VS-X-23", "Sends no CREDIT_UPDATE before it is asked, and so lets the host stall.", p => p with { Credit = new Silent() }),
    ];

    private static DriverCreditRules Legal { get; } = new();

    private static DriverMutant Free(string id, string breaks, string summary, Func<SendWindow, uint> free) =>
        new(id, breaks, summary, p => p with { Credit = new Sender(free) });

    private static DriverMutant Learn(string id, string breaks, string summary, Predicate<VsockHeader> listens) =>
        new(id, breaks, summary, p => p with { Credit = new Learner(listens) });

    private static DriverMutant Claim(string id, string breaks, string summary, Func<OwnWindow, (uint BufAlloc, uint FwdCnt)> claim) =>
        new(id, breaks, summary, p => p with { Credit = new Claimant(claim) });

    private static DriverMutant Answer(string id, string breaks, string summary, Predicate<Op> answers) =>
        new(id, breaks, summary, p => p with { Credit = new Answering(answers) });

    private sealed class Sender(Func<SendWindow, uint> free) : DriverCreditRules
    {
        internal override uint Free(SendWindow window) => free(window);
    }

    private sealed class Learner(Predicate<VsockHeader> listens) : DriverCreditRules
    {
        internal override bool Learn(SendWindow window, in VsockHeader header) => listens(header) && base.Learn(window, header);
    }

    private sealed class Claimant(Func<OwnWindow, (uint BufAlloc, uint FwdCnt)> claim) : DriverCreditRules
    {
        internal override (uint BufAlloc, uint FwdCnt) Claim(OwnWindow window) => claim(window);
    }

    private sealed class Sleepy : DriverCreditRules
    {
        internal override bool ResumesWith(in VsockHeader header) => header.Op != Op.CreditUpdate;
    }

    private sealed class ChargesHeaders : DriverCreditRules
    {
        internal override uint Charge(uint payload) => payload + VsockHeader.Size;
    }

    private sealed class Answering(Predicate<Op> answers) : DriverCreditRules
    {
        internal override bool AnswersWithCredit(Op op) => answers(op);
    }

    private sealed class Silent : DriverCreditRules
    {
        internal override bool IsUpdateDue(OwnWindow window, uint wanted) => false;
    }
}
