using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Beginning and end of flows, virtio 1.4 section 5.10.6.5.</summary>
internal static class DriverConnectionMutants
{
    public static IEnumerable<DriverMutant> All =>
    [
        With("driver-response-missing", "VS-X-28", "Connects and does not say so.", () => new Mute()),
        With("driver-request-refused-silently", "VS-X-29", "Does not answer a REQUEST to a port nobody listens on.", () => new Refusing(full => full)),
        With("driver-backlog-full-silently", "VS-X-30", "Does not answer a REQUEST when the backlog is full.", () => new Refusing(full => !full)),
        With("driver-backlog-leaks", "VS-X-30", "Takes no more connections once a backlog was full.", () => new LeakyBacklog()),
        With("driver-shutdown-forgotten", "VS-X-32", "Remembers only the last hint.", () => new Remembering((_, hint) => hint)),
        With("driver-shutdown-half-close-is-close", "VS-X-31", "Takes half a shutdown for a whole one.", () => new Remembering((known, hint) => hint == 0 ? known : ShutdownFlags.Both)),
        With("driver-shutdown-ignored", "VS-X-34", "Does not look at what the host says with SHUTDOWN.", () => new Remembering((_, _) => ShutdownFlags.None)),
        With("driver-shutdown-bits-exchanged", "VS-X-31", "Reads RECEIVE as SEND and SEND as RECEIVE.", () => new Hints(flags => (ShutdownFlags)(((flags >> 1) & 1) | ((flags & 1) << 1)))),
        With("driver-shutdown-bits-read-as-numbers", "VS-X-31", "Reads the flags of SHUTDOWN as the number of a bit.", () => new Hints(flags => flags < 2 ? (ShutdownFlags)(1u << (int)flags) : ShutdownFlags.None)),
        With("driver-shutdown-bits-as-numbers", "VS-X-40", "Sends the numbers of the shutdown bits in place of the bits.", () => new Announcing(own => (uint)own >> 1)),
        With("driver-data-after-shutdown", "VS-X-31", "Lets an application send after it has shut that direction down.", () => new Talkative()),
        With("driver-data-to-deaf-host", "VS-X-31", "Sends although the host has said that it receives no more.", () => new Heedless()),
        With("driver-shutdown-unanswered", "VS-X-34", "Does not send RST when the host has shut both directions down.", () => new NeverAnswers()),
        With("driver-close-timeout-missing", "VS-X-35", "Waits for ever for the RST that answers its SHUTDOWN.", () => new Patient()),
        With("driver-reset-ignored", "VS-X-33", "Keeps a flow that the host has reset.", () => new Honouring(isConnecting => isConnecting)),
        With("driver-refusal-ignored", "VS-X-33", "Goes on waiting when the host has refused its REQUEST.", () => new Honouring(isConnecting => !isConnecting)),
        With("driver-tuple-keeps-data", "VS-X-36", "Gives a new connection what was left unread of one with the same ports.", () => new KeepsBuffers()),
        With("driver-connect-timeout-forgotten", "VS-X-28", "Tells the application that its connect has timed out, and takes a RESPONSE that comes later for an answer.", () => new Forgiving()),
        With("driver-tuple-kept-by-application", "VS-X-36", "Keeps the ends of a flow that it has reset for as long as the application holds the socket.", () => new HoldsEnds()),
        With("driver-close-late-told", "VS-X-36", "Resets whatever has the same ends when an application closes a socket whose flow was over before.", () => new TellsLate()),
        new("driver-shutdown-second-untold", "VS-X-32", "Sends one SHUTDOWN for each flow and no more.", p => p with { Egress = new OneShutdown() }),
        new("driver-close-untold", "VS-X-34", "Does not tell the host that the application closed.", p => p with { Egress = new DriverDropping(h => h.Op == Op.Shutdown) }),
        new("driver-close-is-reset", "VS-X-34", "Resets a connection that the application closes.", p => p with
        {
            Egress = new DriverStamping(h => h is { Op: Op.Shutdown, Flags: (uint)ShutdownFlags.Both } ? h with { Op = Op.Rst, Flags = 0 } : h),
        }),
    ];

    private static DriverMutant With(string id, string breaks, string summary, Func<DriverConnectionRules> rules) =>
        new(id, breaks, summary, p => p with { Connections = rules() });

    private sealed class Mute : DriverConnectionRules
    {
        internal override bool Responds => false;
    }

    private sealed class Refusing(Func<bool, bool> answers) : DriverConnectionRules
    {
        internal override bool AnswersRefusedRequest(bool full) => answers(full);
    }

    private sealed class LeakyBacklog : DriverConnectionRules
    {
        private bool wasFull;

        internal override bool HasRoom(int waiting, int backlog)
        {
            wasFull |= !base.HasRoom(waiting, backlog);
            return !wasFull;
        }
    }

    private sealed class Remembering(Func<ShutdownFlags, ShutdownFlags, ShutdownFlags> remember) : DriverConnectionRules
    {
        internal override ShutdownFlags Remember(ShutdownFlags known, ShutdownFlags hint) => remember(known, hint);
    }

    private sealed class Hints(Func<uint, ShutdownFlags> read) : DriverConnectionRules
    {
        internal override ShutdownFlags Hint(uint flags) => read(flags);
    }

    private sealed class Announcing(Func<ShutdownFlags, uint> flags) : DriverConnectionRules
    {
        internal override uint FlagsOf(ShutdownFlags own) => flags(own);
    }

    private sealed class Talkative : DriverConnectionRules
    {
        internal override bool MaySend(ShutdownFlags own, ShutdownFlags peer) => base.MaySend(ShutdownFlags.None, peer);
    }

    private sealed class Heedless : DriverConnectionRules
    {
        internal override bool MaySend(ShutdownFlags own, ShutdownFlags peer) => base.MaySend(own, ShutdownFlags.None);
    }

    private sealed class NeverAnswers : DriverConnectionRules
    {
        internal override bool AnswersShutdown(bool hasUnread) => false;
    }

    private sealed class Patient : DriverConnectionRules
    {
        internal override bool ResetsUnanswered => false;
    }

    private sealed class Honouring(Func<bool, bool> honours) : DriverConnectionRules
    {
        internal override bool HonoursReset(bool isConnecting) => honours(isConnecting);
    }

    private sealed class Forgiving : DriverConnectionRules
    {
        internal override bool TimeoutEndsConnect => false;
    }

    private sealed class HoldsEnds : DriverConnectionRules
    {
        internal override bool FreesEnds(bool isHeld) => !isHeld;
    }

    private sealed class TellsLate : DriverConnectionRules
    {
        internal override bool TellsLateClose => true;
    }

    private sealed class OneShutdown : DriverEgressRules
    {
        private readonly HashSet<(uint Local, uint Host)> told = [];

        internal override bool IsSent(in VsockHeader header) => header.Op != Op.Shutdown || told.Add((header.SrcPort, header.DstPort));
    }

    private sealed class KeepsBuffers : DriverConnectionRules
    {
        private readonly Dictionary<DriverFlowKey, ReceiveBuffer> buffers = [];

        internal override ReceiveBuffer BufferOf(DriverFlowKey key) =>
            buffers.TryGetValue(key, out ReceiveBuffer? kept) ? kept : buffers[key] = base.BufferOf(key);
    }
}
