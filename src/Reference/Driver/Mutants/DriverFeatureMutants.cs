using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Features, virtio 1.4 sections 2.2, 5.10.3 and 6.</summary>
internal static class DriverFeatureMutants
{
    public static IEnumerable<DriverMutant> All =>
    [
        new("driver-feature-unoffered", "FE-07", "Accepts SR_IOV, offered or not.", p => p with { Features = new Accepting((_, accepted) => accepted | VirtioFeatures.SrIov) }),
        new("driver-feature-version-1-dropped", "FE-08", "Does not accept VERSION_1.", p => p with { Features = new Accepting((_, accepted) => accepted & ~VirtioFeatures.Version1) }),
        new("driver-feature-unknown-refused", "FE-09", "Does not drive a device that offers a bit it does not know.", p => p with { Features = new Timid() }),
        new("driver-feature-unknown-accepted", "FE-09", "Accepts offered bits that it does not know.", p => p with
        {
            Features = new Accepting((offered, accepted) => accepted | (offered & ~Defined)),
        }),
        new("driver-feature-packed-declined", "FE-10", "Does not accept RING_PACKED.", p => p with { Features = new Accepting((_, accepted) => accepted & ~VirtioFeatures.RingPacked) }),
        new("driver-feature-no-implied-stream-declined", "VS-FEAT-DRV-1", "Does not accept NO_IMPLIED_STREAM.", p => p with
        {
            Features = new Accepting((_, accepted) => accepted & ~VirtioFeatures.NoImpliedStream),
        }),
        new("driver-feature-none-is-no-stream", "VS-FEAT-DRV-2", "Has no streams unless STREAM was accepted.", p => p with { Features = new Literal() }),
        new("driver-feature-seqpacket-always", "VS-X-43", "Serves seqpacket although it was not negotiated.", p => p with { Features = new ServesSeqpacket() }),
        new("driver-feature-access-platform-declined", "FE-10", "Drives a device that offers ACCESS_PLATFORM and does not accept it.", p => p with { Features = new Reckless() }),
        new("driver-config-long-refused", "CF-03", "Does not drive a device whose configuration space is longer than a CID.", p => p with { Features = new KnowsOneLength() }),
        new("driver-status-features-late", "ST-04", "Accepts features when it has said FEATURES_OK.", p => p with { Features = new Premature() }),
        new("driver-status-bit-cleared", "ST-05", "Takes FEATURES_OK back before it sets the queues up.", p => p with { Features = new Undecided() }),
    ];

    private const DeviceStatus Known = DeviceStatus.Acknowledge | DeviceStatus.Driver;

    private static VirtioFeatures Defined => Enum.GetValues<VirtioFeatures>().Aggregate((all, one) => all | one);

    private sealed class Accepting(Func<VirtioFeatures, VirtioFeatures, VirtioFeatures> change) : DriverFeatureRules
    {
        internal override VirtioFeatures Accept(VirtioFeatures offered) => change(offered, base.Accept(offered));
    }

    private sealed class Timid : DriverFeatureRules
    {
        internal override bool Drives(VirtioFeatures offered) => base.Drives(offered) && (offered & ~Defined) == 0;
    }

    private sealed class Literal : DriverFeatureRules
    {
        internal override bool InForce(VirtioFeatures accepted, SocketType type) =>
            type == SocketType.Stream ? accepted.HasFlag(VirtioFeatures.Stream) : base.InForce(accepted, type);
    }

    private sealed class ServesSeqpacket : DriverFeatureRules
    {
        internal override bool InForce(VirtioFeatures accepted, SocketType type) => type == SocketType.Seqpacket || base.InForce(accepted, type);
    }

    private sealed class Reckless : DriverFeatureRules
    {
        internal override bool Drives(VirtioFeatures offered) => true;
    }

    private sealed class KnowsOneLength : DriverFeatureRules
    {
        internal override bool TakesConfig(Func<uint, uint, byte[]?> read) => read(VsockConfig.Size, 1) is null;
    }

    private sealed class Premature : DriverFeatureRules
    {
        internal override void Accept(VhostUserFrontEnd frontEnd, VirtioFeatures accepted)
        {
            frontEnd.SetStatus(Known);
            frontEnd.SetStatus(Known | DeviceStatus.FeaturesOk);
            frontEnd.SetFeatures(accepted | VirtioFeatures.VhostUserProtocolFeatures);
        }
    }

    private sealed class Undecided : DriverFeatureRules
    {
        internal override void Accept(VhostUserFrontEnd frontEnd, VirtioFeatures accepted)
        {
            base.Accept(frontEnd, accepted);
            frontEnd.SetStatus(Known);
        }
    }
}
