using System.Buffers.Binary;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Feature bits and configuration space, virtio 1.4 sections 2.2, 2.4, 5.10.3, 5.10.4 and 6.</summary>
internal static class FeatureMutants
{
    public static IEnumerable<Mutant> All =>
    [
        new("config-reserved-cid", "VS-RXTX-DEV-1", "Shows the host's CID as the guest's.", p => p with { Features = new Showing(_ => 2, 8) }),
        new("config-any-cid", "VS-X-06", "Shows the 32-bit wildcard as the guest's CID.", p => p with { Features = new Showing(_ => uint.MaxValue, 8) }),
        new("config-upper-bits", "VS-X-05", "Sets upper bits of guest_cid.", p => p with { Features = new Showing(cid => cid | (1UL << 63), 8) }),
        new("config-too-short", "VS-X-03", "Has a configuration space of four bytes.", p => p with { Features = new Showing(cid => cid, 4) }),
        new("config-big-endian", "VS-X-08", "Shows guest_cid in big-endian order.", p => p with { Features = new Showing(BinaryPrimitives.ReverseEndianness, 8) }),
        new("config-changes", "VS-X-04", "Counts guest_cid up with every session.", p => p with { Session = new ChangingCid() }),
        new("feature-version-1-missing", "FE-01", "Does not offer VERSION_1.", p => p with { Features = new Offering(f => f & ~VirtioFeatures.Version1) }),
        new("feature-reserved-bit", "FE-04", "Offers a bit that no specification defines.", p => p with { Features = new Offering(f => f | (VirtioFeatures)(1UL << 50)) }),
        new("feature-no-implied-stream-missing", "VS-FEAT-DEV-1", "Does not offer NO_IMPLIED_STREAM.", p => p with
        {
            Features = new Offering(f => f & ~VirtioFeatures.NoImpliedStream),
        }),
        new("feature-none-is-none", "VS-FEAT-DEV-2", "Serves no streams when no feature of the device type was accepted.", p => p with { Features = new Literal() }),
        new("feature-subset-refused", "FE-05", "Refuses features unless EVENT_IDX is among them.", p => p with
        {
            Session = new Choosing(accepted => accepted.HasFlag(VirtioFeatures.EventIdx)),
        }),
        new("feature-indirect-not-served", "FE-05", "Offers INDIRECT_DESC and cannot follow indirect descriptors.", p => p with { Layout = s => s with { Indirect = false } }),
        new("feature-event-idx-assumed", "VQ-12", "Goes by used_event although EVENT_IDX was not accepted.", p => p with { Layout = s => s with { EventIdx = true } }),
        new("feature-event-idx-not-served", "VQ-14", "Accepts EVENT_IDX and goes by the flags.", p => p with { Layout = s => s with { EventIdx = false } }),
        new("feature-once-only", "FE-06", "Refuses features that it accepted in an earlier session.", p => p with { Session = new OnceOnly() }),
    ];

    private sealed class Showing(Func<ulong, ulong> show, int length) : FeatureRules
    {
        internal override byte[] Config(ulong guestCid) => base.Config(show(guestCid))[..length];
    }

    private sealed class ChangingCid : BackEndRules
    {
        private byte reads;

        public override byte[] ConfigReply(VhostUserConfigAccess access, ReadOnlySpan<byte> config)
        {
            byte[] changed = config.ToArray();
            changed[1] = (byte)(reads++ / 4);
            return base.ConfigReply(access, changed);
        }
    }

    private sealed class Offering(Func<VirtioFeatures, VirtioFeatures> offer) : FeatureRules
    {
        internal override VirtioFeatures Offered(VirtioFeatures withheld) => offer(base.Offered(withheld));
    }

    private sealed class Literal : FeatureRules
    {
        internal override bool InForce(VirtioFeatures accepted, SocketType type) => accepted != VirtioFeatures.None && base.InForce(accepted, type);
    }

    private sealed class Choosing(Func<VirtioFeatures, bool> accepts) : BackEndRules
    {
        public override bool AcceptsFeatures(VirtioFeatures accepted, VirtioFeatures offered) => accepts(accepted) && base.AcceptsFeatures(accepted, offered);
    }

    private sealed class OnceOnly : BackEndRules
    {
        private readonly HashSet<VirtioFeatures> seen = [];

        public override bool AcceptsFeatures(VirtioFeatures accepted, VirtioFeatures offered) => seen.Add(accepted) && base.AcceptsFeatures(accepted, offered);
    }
}
