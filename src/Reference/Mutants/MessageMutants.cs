using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Seqpacket boundaries, virtio 1.4 section 5.10.6.6.</summary>
internal static class MessageMutants
{
    public static IEnumerable<Mutant> All =>
    [
        new("message-ends-with-every-piece", "VS-X-37", "Marks every packet to the guest as the end of a message.", p => p with
        {
            Delivery = new Marking(flags => flags | SeqpacketFlags.EndOfMessage),
        }),
        new("message-never-ends", "VS-X-37", "Marks no packet to the guest as the end of a message.", p => p with { Delivery = new Marking(_ => SeqpacketFlags.None) }),
        new("message-end-as-number", "VS-X-40", "Sends the bit of the record's end for the message's.", p => p with
        {
            Delivery = new Marking(flags => flags == SeqpacketFlags.EndOfMessage ? SeqpacketFlags.EndOfRecord : flags),
        }),
        new("message-pieces-are-messages", "VS-X-38", "Passes every packet of the guest on as a message.", p => p with
        {
            Ingress = new Misreading(h => h.Op == Op.Rw ? h with { Flags = h.Flags | (uint)SeqpacketFlags.EndOfMessage } : h),
        }),
        new("message-pairs-are-merged", "VS-X-18", "Passes every two messages of the guest on as one.", p => p with { Ingress = new Merging() }),
    ];

    private sealed class Marking(Func<SeqpacketFlags, SeqpacketFlags> mark) : DeliveryRules
    {
        internal override SeqpacketFlags MessageFlags(SeqpacketFlags flags) => mark(flags);
    }

    private sealed class Merging : IngressRules
    {
        private bool odd;

        internal override VsockHeader Decode(ReadOnlySpan<byte> bytes)
        {
            VsockHeader header = base.Decode(bytes);
            if (header is not { Op: Op.Rw, Type: SocketType.Seqpacket } || (header.Flags & (uint)SeqpacketFlags.EndOfMessage) == 0)
            {
                return header;
            }

            odd = !odd;
            return odd ? header with { Flags = 0 } : header;
        }
    }
}
