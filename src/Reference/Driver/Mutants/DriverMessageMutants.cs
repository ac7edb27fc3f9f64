using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Message and record boundaries, virtio 1.4 section 5.10.6.6.</summary>
internal static class DriverMessageMutants
{
    public static IEnumerable<DriverMutant> All =>
    [
        Sent("driver-message-never-ends", "VS-X-37", "Marks no packet as the end of a message.", (flags, _) => flags & ~SeqpacketFlags.EndOfMessage),
        Sent("driver-message-ends-with-every-piece", "VS-X-37", "Marks every packet as the end of a message.", (flags, _) => flags | SeqpacketFlags.EndOfMessage),
        Sent("driver-message-end-as-number", "VS-X-40", "Sends the number of the bit of the message's end in place of the bit.", (flags, _) => (SeqpacketFlags)((uint)flags >> 1)),
        Sent("driver-record-end-lost", "VS-X-39", "Does not tell the host where records end.", (flags, _) => flags & ~SeqpacketFlags.EndOfRecord),
        Sent("driver-record-ends-with-every-message", "VS-X-39", "Marks every message as the end of a record.", (flags, isLast) => isLast ? flags | SeqpacketFlags.EndOfRecord : flags),
        new("driver-message-pieces-are-messages", "VS-X-38", "Passes every packet of the host on as a message.", p => p with { Messages = new Piecemeal() }),
        new("driver-message-pairs-are-merged", "VS-X-18", "Passes every two messages of the host on as one.", p => p with { Messages = new Merging() }),
        new("driver-message-long-is-many", "VS-X-18", "Sends a message that is longer than the host's buffer as several.", p => p with { Messages = new Splitting() }),
        new("driver-peek-takes", "VS-X-17", "Takes out of the buffer what the application only looks at.", p => p with { Messages = new Greedy() }),
        new("driver-wait-all-ignored", "VS-X-17", "Comes back from a receive that waits for all (MSG_WAITALL) with what is there.", p => p with { Messages = new Impatient() }),
        new("driver-record-end-untold", "VS-X-39", "Does not tell the application where records end.", p => p with { Messages = new NoRecords() }),
    ];

    private static DriverMutant Sent(string id, string breaks, string summary, Func<SeqpacketFlags, bool, SeqpacketFlags> change) =>
        new(id, breaks, summary, p => p with { Messages = new Marking(change) });

    private sealed class Marking(Func<SeqpacketFlags, bool, SeqpacketFlags> change) : DriverMessageRules
    {
        internal override SeqpacketFlags FlagsOf(bool isLast, bool endsRecord) => change(base.FlagsOf(isLast, endsRecord), isLast);
    }

    private sealed class Piecemeal : DriverMessageRules
    {
        internal override bool EndsMessage(SeqpacketFlags flags) => true;
    }

    private sealed class Merging : DriverMessageRules
    {
        private int ends;

        internal override bool EndsMessage(SeqpacketFlags flags) => base.EndsMessage(flags) && ++ends % 2 == 0;
    }

    private sealed class Splitting : DriverMessageRules
    {
        private bool isLong;

        internal override bool IsTooLong(uint length, SendWindow window)
        {
            isLong = base.IsTooLong(length, window);
            return false;
        }

        internal override SeqpacketFlags FlagsOf(bool isLast, bool endsRecord) => base.FlagsOf(isLast || isLong, endsRecord);
    }

    private sealed class Greedy : DriverMessageRules
    {
        internal override bool Takes(bool peek) => true;
    }

    private sealed class Impatient : DriverMessageRules
    {
        internal override int Needed(bool waitsForAll, int wanted, int lowWater) => base.Needed(false, wanted, lowWater);
    }

    private sealed class NoRecords : DriverMessageRules
    {
        internal override bool EndsRecord(SeqpacketFlags flags) => false;
    }
}
