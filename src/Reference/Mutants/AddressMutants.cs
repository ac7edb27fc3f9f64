using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>CIDs, ports and socket types, virtio 1.4 sections 5.10.4 and 5.10.6.2.</summary>
internal static class AddressMutants
{
    public static IEnumerable<Mutant> All =>
    [
        new("address-upper-bits", "VS-X-09", "Sets a reserved bit in the destination CID.", p => p with { Egress = new Stamping(h => h with { DstCid = h.DstCid | (1UL << 32) }) }),
        new("address-not-swapped", "VS-X-13", "Sends with the guest's CID as the source.", p => p with { Egress = new Stamping(h => h with { SrcCid = h.DstCid, DstCid = h.SrcCid }) }),
        new("address-ports-swapped", "VS-X-28", "Exchanges the ports of RESPONSE.", p => p with
        {
            Egress = new Stamping(h => h.Op == Op.Response ? h with { SrcPort = h.DstPort, DstPort = h.SrcPort } : h),
        }),
        new("flow-without-guest-port", "VS-X-15", "Tells flows apart by the low byte of the guest's port only.", p => p with
        {
            Ingress = new Confusing(k => k with { GuestPort = k.GuestPort & 0xff }),
        }),
        new("flow-without-host-port", "VS-X-15", "Takes packets of one guest port for those of the flow opened first.", p => p with { Ingress = new FirstHostPort() }),
        new("flow-by-host-port", "VS-X-15", "Takes packets from a port without a flow for those of the flow at the same host port.", p => p with { Ingress = new ByHostPort() }),
        new("address-of-others-mutes", "B-33", "Takes no packet any more once one was addressed to a CID that is not the host's.", p => p with { Ingress = new Mutes() }),
        new("type-unknown-ignored", "VS-RXTX-DEV-2", "Drops packets of unknown types.", p => p with { Ingress = new IgnoresTypes() }),
        new("type-unknown-is-stream", "VS-RXTX-DEV-2", "Takes unknown types for streams.", p => p with
        {
            Ingress = new Misreading(h => h.Type is SocketType.Stream or SocketType.Seqpacket ? h : h with { Type = SocketType.Stream }),
        }),
        new("type-not-negotiated-served", "VS-X-43", "Serves seqpacket although it was not negotiated.", p => p with { Features = new ServesBoth() }),
        new("type-changes", "VS-X-16", "Sends the packets of seqpacket flows as stream packets.", p => p with { Egress = new Stamping(h => h with { Type = SocketType.Stream }) }),
    ];

    private sealed class FirstHostPort : IngressRules
    {
        private readonly Dictionary<uint, uint> hostPorts = [];

        internal override FlowKey FlowOf(in VsockHeader header)
        {
            FlowKey key = base.FlowOf(header);
            hostPorts.TryAdd(key.GuestPort, key.HostPort);
            return key with { HostPort = hostPorts[key.GuestPort] };
        }
    }

    private sealed class ByHostPort : IngressRules
    {
        private readonly Dictionary<uint, uint> owners = [];
        private readonly HashSet<FlowKey> flows = [];

        internal override FlowKey FlowOf(in VsockHeader header)
        {
            FlowKey key = base.FlowOf(header);
            if (header.Op == Op.Request || (header.Op == Op.Response && !owners.ContainsKey(key.HostPort)))
            {
                flows.Add(key);
                owners[key.HostPort] = key.GuestPort;
            }

            return flows.Contains(key) ? key : key with { GuestPort = owners.GetValueOrDefault(key.HostPort, key.GuestPort) };
        }
    }

    private sealed class Mutes : IngressRules
    {
        private bool muted;

        internal override bool IsForHost(in VsockHeader header, ulong guestCid)
        {
            muted |= header.DstCid != Cid.Host;
            return !muted && base.IsForHost(header, guestCid);
        }
    }

    private sealed class IgnoresTypes : IngressRules
    {
        internal override bool AnswersUnservedType(in VsockHeader header) => false;
    }

    private sealed class ServesBoth : FeatureRules
    {
        internal override bool InForce(VirtioFeatures accepted, SocketType type) => type == SocketType.Seqpacket || base.InForce(accepted, type);
    }
}
