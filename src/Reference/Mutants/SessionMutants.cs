using Vsockspec.Memory;
using Vsockspec.Transports;

namespace Vsockspec.Reference.Mutants;

/// <summary>The vhost-user protocol, QEMU docs/interop/vhost-user.rst.</summary>
internal static class SessionMutants
{
    public static IEnumerable<Mutant> All =>
    [
        With("session-reply-flags", "VU-01", "Leaves the reply bit out of its replies.", new ReplyFlags()),
        With("session-talks-unasked", "VU-02", "Acknowledges requests that did not ask for it.", new TalksUnasked()),
        With("session-starts-enabled", "VU-04", "Processes rings that are not enabled.", new StartsEnabled()),
        With("session-needs-enable", "VU-05", "Leaves rings disabled although bit 30 was not accepted.", new NeedsEnable()),
        With("session-disabled-ring-goes-on", "VU-06", "Goes on processing a ring that was disabled.", new NeverDisables()),
        With("session-keeps-descriptors", "VU-07", "Keeps to the descriptors that a ring started with.", new KeepsDescriptors()),
        With("session-base-off-by-one", "VU-08", "Answers GET_VRING_BASE with one too many.", new StopBaseOff()),
        With("session-starts-at-zero", "VU-09", "Starts every ring at 0.", new StartsAtZero()),
        With("session-stopped-ring-goes-on", "RS-02", "Goes on processing a ring after GET_VRING_BASE.", new NeverStops()),
        With("session-ignores-mmap-offset", "VU-11", "Maps every region from the start of its file.", new IgnoresOffset()),
        With("session-ring-address-as-guest-address", "VU-12", "Takes the addresses of rings for guest-physical ones.", new GuestAddresses()),
        With("session-config-cut-at-its-end", "VU-14", "Answers a GET_CONFIG that goes beyond the end with the bytes that are there, fewer than asked for.", new CutConfig()),
        With("session-config-writable", "VU-15", "Accepts a write of the configuration.", new WritableConfig()),
        With("session-acknowledges-nothing", "VU-18", "Does not acknowledge requests that ask for it.", new AcknowledgesNothing()),
        With("session-refuses-quietly", "VU-18", "Acknowledges everything as done.", new AlwaysFine()),
        With("session-without-polling", "VU-19", "Waits for kicks on a ring without a kick descriptor.", new WaitsForKicks()),
        With("session-one-queue", "VU-22", "Says that it has one queue.", new OneQueue()),
        With("session-reset-device-ignored", "VU-24", "Does not reset on RESET_DEVICE.", new IgnoresResetDevice()),
        With("session-starts-before-driver-ok", "ST-01", "Processes rings before DRIVER_OK.", new TooEarly()),
    ];

    // These rules have no state, so every device can have the same.
    private static Mutant With(string id, string breaks, string summary, BackEndRules rules) => new(id, breaks, summary, p => p with { Session = rules });

    private sealed class ReplyFlags : BackEndRules
    {
        public override VhostUserHeader ReplyHeader(VhostUserHeader request, uint size) => new(request.Request, VhostUserHeader.Version, size);
    }

    private sealed class TalksUnasked : BackEndRules
    {
        public override bool Acknowledges(VhostUserHeader request, bool negotiated) => negotiated;
    }

    private sealed class StartsEnabled : BackEndRules
    {
        public override bool StartsDisabled => false;
    }

    private sealed class NeedsEnable : BackEndRules
    {
        public override bool EnablesRingsWithoutProtocolFeatures => false;
    }

    private sealed class NeverDisables : BackEndRules
    {
        public override bool HonoursEnable(int ring, bool enable, bool started) => enable;
    }

    private sealed class KeepsDescriptors : BackEndRules
    {
        public override bool ReplacesDescriptors => false;
    }

    private sealed class StopBaseOff : BackEndRules
    {
        public override uint StopBase(int ring, uint position) => position + 1;
    }

    private sealed class StartsAtZero : BackEndRules
    {
        public override uint StartBase(int ring, uint requested) => requested & ~0x7fffu;
    }

    private sealed class NeverStops : BackEndRules
    {
        public override bool StopsOnGetVringBase => false;
    }

    private sealed class IgnoresOffset : BackEndRules
    {
        public override VhostUserRegion Region(VhostUserRegion described) => described with { MmapOffset = 0 };
    }

    private sealed class GuestAddresses : BackEndRules
    {
        public override bool TryTranslateRing(GuestMemory memory, ulong userAddress, out ulong guestAddress)
        {
            guestAddress = userAddress;
            return true;
        }
    }

    private sealed class CutConfig : BackEndRules
    {
        public override byte[] ConfigReply(VhostUserConfigAccess access, ReadOnlySpan<byte> config)
        {
            uint there = access.Offset < (uint)config.Length ? (uint)config.Length - access.Offset : 0;
            return there == 0 || access.Length <= there ? base.ConfigReply(access, config) : base.ConfigReply(access with { Length = there }, config);
        }
    }

    private sealed class WritableConfig : BackEndRules
    {
        public override bool AcceptsConfigWrite(VhostUserConfigAccess access) => true;
    }

    private sealed class AcknowledgesNothing : BackEndRules
    {
        public override bool Acknowledges(VhostUserHeader request, bool negotiated) => false;
    }

    private sealed class AlwaysFine : BackEndRules
    {
        public override ulong Status(VhostUserRequest request, bool success) => 0;
    }

    private sealed class WaitsForKicks : BackEndRules
    {
        public override bool PollsWithoutKick => false;
    }

    private sealed class OneQueue : BackEndRules
    {
        public override ulong QueueCount(int device) => 1;
    }

    private sealed class IgnoresResetDevice : BackEndRules
    {
        public override bool ResetsDevice => false;
    }

    private sealed class TooEarly : BackEndRules
    {
        public override bool WaitsForDriverOk => false;
    }
}
