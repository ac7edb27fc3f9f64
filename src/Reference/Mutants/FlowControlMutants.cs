namespace Vsockspec.Reference.Mutants;

/// <summary>Both queues at a time, virtio 1.4 section 5.10.6.1.</summary>
internal static class FlowControlMutants
{
    public static IEnumerable<Mutant> All =>
    [
        new("transmit-waits-for-buffers", "VS-FLOW-DEV-1", "Processes no packet of the guest while something waits for one of its buffers.", p => p with { Delivery = new Waiting() }),
        new("replies-lost", "VS-FLOW-DEV-1", "Keeps eight replies and loses the others.", p => p with { Delivery = new Losing() }),
        new("replies-without-end", "VS-X-14", "Keeps as many replies as the guest cares to make it owe.", p => p with { Delivery = new Hoarding() }),
        new("replies-stop-for-good", "VS-X-14", "Does not go on when there is room for replies again.", p => p with { Delivery = new Sticking() }),
    ];

    private sealed class Waiting : DeliveryRules
    {
        internal override bool TransmitsWithoutBuffers => false;
    }

    private sealed class Losing : DeliveryRules
    {
        internal override int ParkedResets => 8;

        internal override bool KeepsEveryReply => false;
    }

    private sealed class Hoarding : DeliveryRules
    {
        internal override int ParkedResets => 4 << 20;
    }

    private sealed class Sticking : DeliveryRules
    {
        internal override bool ResumesAfterReplies => false;
    }
}
