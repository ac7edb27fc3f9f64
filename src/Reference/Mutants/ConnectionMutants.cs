using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Beginning and end of flows, virtio 1.4 section 5.10.6.5.</summary>
internal static class ConnectionMutants
{
    public static IEnumerable<Mutant> All =>
    [
        new("request-refused-silently", "VS-X-29", "Does not answer a REQUEST to a port nobody listens on.", p => p with { Connections = new Silent(whenFull: false) }),
        new("request-table-full-silently", "VS-X-30", "Does not answer a REQUEST when its table is full.", p => p with { Connections = new Silent(whenFull: true) }),
        new("request-table-leaks", "VS-X-30", "Takes no more flows once its table was full, although others are over.", p => p with { Connections = new LeakyTable() }),
        new("response-missing", "VS-X-28", "Connects and does not say so.", p => p with { Egress = new Dropping(Op.Response) }),
        new("response-after-credit-request", "VS-X-28", "Asks for credit before it answers a REQUEST.", p => p with { Egress = new AsksFirst() }),
        new("response-twice", "VS-X-28", "Sends every RESPONSE twice.", p => p with { Egress = new Repeating(Op.Response) }),
        new("shutdown-half-close-is-close", "VS-X-31", "Takes half a shutdown for a whole one.", p => p with { Connections = new Remembering((_, hint) => hint == 0 ? 0 : ShutdownFlags.Both) }),
        new("shutdown-half-close-ignored", "VS-X-31", "Does not tell the host application that the guest shut down one direction.", p => p with { Connections = new NoHalfClose() }),
        new("shutdown-bits-exchanged", "VS-X-31", "Reads RECEIVE as SEND and SEND as RECEIVE.", p => p with
        {
            Connections = new Remembering((known, hint) => known | (ShutdownFlags)(((uint)hint >> 1) | (((uint)hint & 1) << 1))),
        }),
        new("shutdown-bits-as-numbers", "VS-X-40", "Sends the numbers of the shutdown bits in place of the bits.", p => p with
        {
            Egress = new Stamping(h => h.Op == Op.Shutdown ? h with { Flags = h.Flags >> 1 } : h),
        }),
        new("shutdown-forgotten", "VS-X-32", "Remembers only the last hint.", p => p with { Connections = new Remembering((_, hint) => hint) }),
        new("shutdown-unanswered", "VS-X-34", "Does not send RST when the guest has shut both directions down.", p => p with { Connections = new NeverAnswers() }),
        new("shutdown-answered-early", "VS-X-34", "Sends RST, and drops data, before the host application has it.", p => p with { Connections = new AnswersEarly() }),
        new("shutdown-of-host-untold", "VS-X-34", "Does not tell the guest that the host application closed.", p => p with { Connections = new KeepsToItself() }),
        new("shutdown-of-host-too-little", "VS-X-34", "Tells the guest only that the host application will not send any more when it closed.", p => p with
        {
            Connections = new HostEndings(_ => ShutdownFlags.Send),
        }),
        new("shutdown-of-host-too-much", "VS-X-31", "Tells the guest of a close when the host application only stopped sending.", p => p with
        {
            Connections = new HostEndings(_ => ShutdownFlags.Both),
        }),
        new("close-timeout-missing", "VS-X-35", "Waits for ever for the RST that answers its SHUTDOWN.", p => p with { Connections = new Patient() }),
        new("shutdown-ignored", "VS-X-34", "Does not look at what the guest says with SHUTDOWN.", p => p with { Connections = new Remembering((_, _) => ShutdownFlags.None) }),
        new("reset-of-flows-unsent", "VS-X-34", "Forgets a flow without the RST that is due.", p => p with { Egress = new Dropping(Op.Rst) }),
        new("refusal-of-host-untold", "VS-X-31", "Loses what the host application does not take any more, and lets the guest go on.", p => p with { Connections = new Swallows() }),
        new("connect-confirmed-early", "VS-X-33", "Tells the host application that it is connected before the guest has answered.", p => p with { Connections = new Hasty() }),
        new("reset-ignored", "VS-X-33", "Keeps a flow that the guest has reset.", p => p with { Connections = new IgnoresReset() }),
        new("reset-ignored-on-flows-of-the-host", "VS-X-33", "Keeps a flow that the guest has reset if the host opened it.", p => p with { Ingress = new DeafOnHostFlows() }),
        new("reset-answered", "VS-X-33", "Answers an RST of an unknown flow with RST.", p => p with { Ingress = new AnswersAll() }),
        new("reset-unknown-flow-silent", "VS-X-33", "Says nothing to packets of a flow that is over.", p => p with { Ingress = new AnswersNothing() }),
        new("tuple-always-the-same", "VS-X-36", "Gives every connection of the host the host port of the first one.", p => p with { Egress = new OneHostPort() }),
        new("tuple-used-once", "VS-X-36", "Refuses a flow with the addresses of one that is over.", p => p with { Connections = new UsesOnce() }),
        new("reset-of-device-keeps-flows", "RS-03", "Keeps its flows over a reset.", p => p with { Connections = new KeepsFlows() }),
    ];

    private sealed class Silent(bool whenFull) : ConnectionRules
    {
        internal override bool AnswersRefusedRequest(bool full) => full != whenFull;
    }

    private sealed class LeakyTable : ConnectionRules
    {
        private int most;

        internal override bool HasRoom(int flows, int limit)
        {
            most = Math.Max(most, flows);
            return most < limit;
        }
    }

    private sealed class Dropping(Op dropped) : EgressRules
    {
        internal override bool IsSent(Op op) => op != dropped;
    }

    private sealed class Repeating(Op repeated) : EgressRules
    {
        private bool again;

        internal override bool IsRepeated(Op op)
        {
            again = op == repeated && !again;
            return again;
        }
    }

    private sealed class AsksFirst : EgressRules
    {
        private bool again;

        internal override bool IsRepeated(Op op)
        {
            again = op == Op.Response && !again;
            return again;
        }

        internal override VsockHeader Stamp(VsockHeader header, Connection? flow) =>
            again && header.Op == Op.Response ? header with { Op = Op.CreditRequest } : header;
    }

    private sealed class OneHostPort : EgressRules
    {
        private uint? first;

        internal override VsockHeader Stamp(VsockHeader header, Connection? flow) =>
            header.Op == Op.Request ? header with { SrcPort = first ??= header.SrcPort } : header;
    }

    private sealed class DeafOnHostFlows : IngressRules
    {
        private readonly HashSet<FlowKey> ofTheGuest = [];

        internal override VsockHeader Decode(ReadOnlySpan<byte> bytes)
        {
            VsockHeader header = base.Decode(bytes);
            if (header.Op == Op.Request)
            {
                ofTheGuest.Add(FlowOf(header));
            }

            return header.Op == Op.Rst && !ofTheGuest.Contains(FlowOf(header)) ? header with { Op = Op.CreditUpdate } : header;
        }
    }

    private sealed class Remembering(Func<ShutdownFlags, ShutdownFlags, ShutdownFlags> remember) : ConnectionRules
    {
        internal override ShutdownFlags Remember(ShutdownFlags known, ShutdownFlags hint) => remember(known, hint);
    }

    private sealed class NoHalfClose : ConnectionRules
    {
        internal override ShutdownFlags HalfCloses(ShutdownFlags guest) => guest == ShutdownFlags.Both ? guest : ShutdownFlags.None;
    }

    private sealed class NeverAnswers : ConnectionRules
    {
        internal override bool AnswersShutdown(bool drained) => false;
    }

    private sealed class AnswersEarly : ConnectionRules
    {
        internal override bool AnswersShutdown(bool drained) => true;
    }

    private sealed class HostEndings(Func<bool, ShutdownFlags> tell) : ConnectionRules
    {
        internal override ShutdownFlags HostEnds(bool closed) => tell(closed);
    }

    private sealed class KeepsToItself : ConnectionRules
    {
        internal override bool ResetsAfterTimeout => false;

        internal override ShutdownFlags HostEnds(bool closed) => ShutdownFlags.None;
    }

    private sealed class Swallows : ConnectionRules
    {
        internal override bool TellsOfRefusal => false;

        internal override bool ResetsAfterLoss => false;
    }

    private sealed class Hasty : ConnectionRules
    {
        internal override bool ConfirmsUnanswered => true;
    }

    private sealed class Patient : ConnectionRules
    {
        internal override bool ResetsAfterTimeout => false;
    }

    private sealed class IgnoresReset : ConnectionRules
    {
        internal override bool HonoursReset => false;
    }

    private sealed class AnswersAll : IngressRules
    {
        internal override bool AnswersUnknownFlow(in VsockHeader header) => true;
    }

    private sealed class AnswersNothing : IngressRules
    {
        internal override bool AnswersUnknownFlow(in VsockHeader header) => false;
    }

    private sealed class UsesOnce : ConnectionRules
    {
        private readonly HashSet<FlowKey> used = [];

        internal override bool Accepts(FlowKey key) => used.Add(key);
    }

    private sealed class KeepsFlows : ConnectionRules
    {
        internal override bool EndsWithReset => false;
    }
}
