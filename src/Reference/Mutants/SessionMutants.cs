using System.Numerics;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

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
        With(
            "session-config-cut-at-its-end",
            "VU-14",
            "Answers a GET_CONFIG that goes beyond the end with the bytes that are there, fewer than asked for.",
            new CutConfig()),
        With("session-config-writable", "VU-15", "Accepts a write of the configuration.", new WritableConfig()),
        With("session-acknowledges-nothing", "VU-18", "Does not acknowledge requests that ask for it.", new AcknowledgesNothing()),
        With("session-refuses-quietly", "VU-18", "Acknowledges everything as done.", new AlwaysFine()),
        With("session-without-polling", "VU-19", "Waits for kicks on a ring without a kick descriptor.", new WaitsForKicks()),
        With("session-errors-unsignalled", "VU-21", "Does not signal the error descriptor of a ring that it cannot follow.", new HidesErrors()),
        With("session-one-queue", "VU-22", "Says that it has one queue.", new OneQueue()),
        With("session-reset-device-ignored", "VU-24", "Does not reset on RESET_DEVICE.", new IgnoresResetDevice()),
        With("session-starts-before-driver-ok", "ST-01", "Processes rings before DRIVER_OK.", new TooEarly()),
        With("session-misaligned-ring", "VQ-01", "Rounds the addresses of rings down to a multiple of 16.", new RoundsAddresses()),
        new(
            "session-keeps-base",
            "RR-02",
            "Starts a ring again where it was stopped, whatever base it is given.",
            p => p with { Session = new KeepsBase() }),
        new("session-keeps-size", "RR-03", "Takes every ring to have the size of the first (split).", p => p with { Layout = new FirstSize().Of }),
        new(
            "session-keeps-seqpacket",
            "VS-X-43",
            "Leaves SEQPACKET in force once a guest has accepted it.",
            p => p with { Features = new StickySeqpacket() }),
        new(
            "session-size-128-at-most",
            "VQ-23",
            "Takes larger rings to have 128 entries.",
            p => p with { Layout = s => s with { Size = Math.Min(s.Size, (ushort)128) } }),
        new("session-packed-size-power-of-two", "PK-04", "Takes a packed ring to have a power of two of entries.", p => p with
        {
            Layout = s => s.Layout == RingLayout.Packed ? s with { Size = (ushort)(1 << BitOperations.Log2(s.Size)) } : s,
        }),
        With("session-starts-unkicked", "ST-01", "Processes rings as soon as they are set up.", new StartsAtOnce()),
        With("session-needs-reset-untold", "ST-02", "Does not set DEVICE_NEEDS_RESET.", new HidesNeedsReset()),
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

    private sealed class RoundsAddresses : BackEndRules
    {
        public override bool TryTranslateRing(GuestMemory memory, ulong userAddress, out ulong guestAddress) =>
            base.TryTranslateRing(memory, userAddress & ~15UL, out guestAddress);
    }

    private sealed class KeepsBase : BackEndRules
    {
        private readonly Dictionary<int, uint> stopped = [];

        public override uint StopBase(int ring, uint position)
        {
            stopped[ring] = position;
            return position;
        }

        public override uint StartBase(int ring, uint requested) => stopped.TryGetValue(ring, out uint position) ? position : requested;
    }

    private sealed class FirstSize
    {
        private ushort? first;

        public RingSetup Of(RingSetup setup) => setup.Layout == RingLayout.Split ? setup with { Size = first ??= setup.Size } : setup;
    }

    private sealed class StickySeqpacket : FeatureRules
    {
        private VirtioFeatures seen;

        internal override VirtioFeatures Accept(VirtioFeatures accepted)
        {
            seen |= accepted & VirtioFeatures.Seqpacket;
            return accepted | seen;
        }
    }

    private sealed class StartsAtOnce : BackEndRules
    {
        public override bool WaitsForKick => false;

        public override bool WaitsForDriverOk => false;
    }

    private sealed class HidesNeedsReset : BackEndRules
    {
        public override bool AsksForReset => false;
    }

    private sealed class HidesErrors : BackEndRules
    {
        public override bool SignalsErrors => false;
    }
}
