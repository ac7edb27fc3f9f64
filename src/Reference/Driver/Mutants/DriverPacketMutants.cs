using System.Buffers.Binary;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Headers, addresses and types, virtio 1.4 sections 5.10.4, 5.10.6 and 5.10.6.2.</summary>
internal static class DriverPacketMutants
{
    private const int LenOffset = 24;

    public static IEnumerable<DriverMutant> All =>
    [
        Stamp("driver-source-cid-other", "VS-RXTX-DRV-1", "Sends with another source CID than guest_cid.", h => h with { SrcCid = h.SrcCid + 1 }),
        Stamp("driver-source-cid-of-host", "VS-RXTX-DRV-1", "Answers packets of no flow with the host's CID as the source.", h => h with { SrcCid = h.BufAlloc == 0 ? Cid.Host : h.SrcCid }),
        Stamp("driver-cid-upper-bits", "VS-X-09", "Sets a reserved bit in the destination CID.", h => h with { DstCid = h.DstCid | (1UL << 32) }),
        Stamp("driver-op-zero", "VS-X-10", "Sends CREDIT_UPDATE with op 0.", h => h.Op == Op.CreditUpdate ? h with { Op = Op.Invalid } : h),
        Stamp("driver-op-undefined", "VS-X-10", "Sends SHUTDOWN with op 8.", h => h.Op == Op.Shutdown ? h with { Op = (Op)8 } : h),
        Stamp("driver-len-with-header", "VS-X-11", "Counts the header in len.", h => h.Op == Op.Rw ? h with { Len = h.Len + VsockHeader.Size } : h),
        Stamp("driver-len-on-control", "VS-X-11", "Sends RESPONSE and REQUEST with a len.", h => h.Op is Op.Response or Op.Request ? h with { Len = 8 } : h),
        Stamp("driver-type-changes", "VS-X-16", "Sends the data of seqpacket flows as stream packets.", h => h.Op == Op.Rw ? h with { Type = SocketType.Stream } : h),
        Stamp("driver-type-of-reset-wrong", "VS-X-16", "Sends every RST with type 0.", h => h.Op == Op.Rst ? h with { Type = 0 } : h),
        Stamp("driver-ports-swapped", "VS-X-28", "Exchanges the ports of RESPONSE.", h => h.Op == Op.Response ? h with { SrcPort = h.DstPort, DstPort = h.SrcPort } : h),
        new("driver-header-big-endian", "VS-X-08", "Encodes len in big-endian order.", p => p with { Egress = new BigEndian() }),
        Misread("driver-payload-whole-buffer", "VS-X-11", "Takes everything behind the header for payload, whatever len says.", (h, bytes) =>
            h.Op == Op.Rw ? h with { Len = (uint)(bytes - VsockHeader.Size) } : h),
        Ingress("driver-len-believed", "VQ-17", "Takes as much of the buffer for payload as len says, whatever the device wrote.", () => new BelievesLen()),
        Misread("driver-stream-loses-a-byte", "VS-X-17", "Loses the last byte of stream packets of 1000 bytes and more.", (h, _) =>
            h.Op == Op.Rw && h.Type == SocketType.Stream && h.Len >= 1000 ? h with { Len = h.Len - 1 } : h),
        Ingress("driver-cid-source-unchecked", "VS-X-15", "Takes packets from any CID for the host's.", () => new AnySource()),
        Ingress("driver-flow-without-host-port", "VS-X-15", "Takes packets to one guest port for those of the flow opened first.", () => new FirstHostPort()),
        Ingress("driver-flow-without-type", "VS-X-16", "Takes seqpacket packets for those of the stream flow with the same ports.", () => new Untyped()),
        Ingress("driver-flow-reset-of-newest", "VS-X-15", "Takes an RST for one of the flow that was opened last, whatever its ports say.", () => new ResetsNewest()),
        Ingress("driver-flow-data-astray", "VS-X-15", "Takes one data packet in 64 for one of the flow of the packet before it.", () => new Strays()),
        Ingress("driver-type-unknown-ignored", "VS-RXTX-DRV-2", "Drops packets of unknown types.", () => new Types(_ => false)),
        Ingress("driver-type-unknown-reset-answered", "VS-RXTX-DRV-2", "Answers RST of an unknown type with RST.", () => new Types(_ => true)),
        Ingress("driver-type-seqpacket-ignored", "VS-X-43", "Drops seqpacket packets where the type was not negotiated.", () => new Types(h => h.Type != SocketType.Seqpacket && h.Op != Op.Rst)),
        Misread("driver-type-unknown-is-stream", "VS-RXTX-DRV-2", "Takes unknown types for streams.", (h, _) =>
            h.Type is SocketType.Stream or SocketType.Seqpacket ? h : h with { Type = SocketType.Stream }),
        Ingress("driver-reset-answered", "VS-X-33", "Answers an RST of an unknown flow with RST.", () => new Orphans(_ => true)),
        Ingress("driver-unknown-flow-silent", "VS-X-33", "Says nothing to packets of a flow that does not exist.", () => new Orphans(_ => false)),
    ];

    private static DriverMutant Stamp(string id, string breaks, string summary, Func<VsockHeader, VsockHeader> change) =>
        new(id, breaks, summary, p => p with { Egress = new DriverStamping(change) });

    private static DriverMutant Misread(string id, string breaks, string summary, Func<VsockHeader, int, VsockHeader> change) =>
        new(id, breaks, summary, p => p with { Ingress = new Misreading(change) });

    private static DriverMutant Ingress(string id, string breaks, string summary, Func<DriverIngressRules> rules) =>
        new(id, breaks, summary, p => p with { Ingress = rules() });

    private sealed class BigEndian : DriverEgressRules
    {
        internal override void Encode(in VsockHeader header, Span<byte> bytes)
        {
            base.Encode(header, bytes);
            BinaryPrimitives.WriteUInt32BigEndian(bytes[LenOffset..], header.Len);
        }
    }

    private sealed class Misreading(Func<VsockHeader, int, VsockHeader> change) : DriverIngressRules
    {
        internal override VsockHeader Decode(ReadOnlySpan<byte> bytes) => change(base.Decode(bytes), bytes.Length);
    }

    private sealed class BelievesLen : DriverIngressRules
    {
        internal override int? PayloadBytes(in VsockHeader header, int written, int room) => (int)Math.Min(header.Len, (uint)room);
    }

    private sealed class AnySource : DriverIngressRules
    {
        internal override bool IsForGuest(in VsockHeader header, ulong guestCid) => header.DstCid == guestCid;
    }

    private sealed class FirstHostPort : DriverIngressRules
    {
        private readonly Dictionary<uint, uint> hostPorts = [];

        internal override DriverFlowKey FlowOf(in VsockHeader header)
        {
            DriverFlowKey key = base.FlowOf(header);
            hostPorts.TryAdd(key.LocalPort, key.HostPort);
            return key with { HostPort = hostPorts[key.LocalPort] };
        }
    }

    private sealed class Untyped : DriverIngressRules
    {
        internal override DriverFlowKey FlowOf(in VsockHeader header) => base.FlowOf(header) with { Type = SocketType.Stream };
    }

    private sealed class ResetsNewest : DriverIngressRules
    {
        private DriverFlowKey? newest;

        internal override DriverFlowKey FlowOf(in VsockHeader header)
        {
            DriverFlowKey key = base.FlowOf(header);
            newest = header.Op is Op.Request or Op.Response ? key : newest;
            return header.Op == Op.Rst ? newest ?? key : key;
        }
    }

    private sealed class Strays : DriverIngressRules
    {
        private DriverFlowKey before;
        private int packets;

        internal override DriverFlowKey FlowOf(in VsockHeader header)
        {
            DriverFlowKey key = base.FlowOf(header);
            if (header.Op != Op.Rw)
            {
                return key;
            }

            DriverFlowKey taken = ++packets % 64 == 0 ? before : key;
            before = key;
            return taken;
        }
    }

    private sealed class Types(Func<VsockHeader, bool> answers) : DriverIngressRules
    {
        internal override bool AnswersUnservedType(in VsockHeader header) => answers(header);
    }

    private sealed class Orphans(Func<VsockHeader, bool> answers) : DriverIngressRules
    {
        internal override bool AnswersUnknownFlow(in VsockHeader header) => answers(header);
    }
}

/// <summary>Changes packets on their way to the device.</summary>
internal sealed class DriverStamping(Func<VsockHeader, VsockHeader> change) : DriverEgressRules
{
    internal override VsockHeader Stamp(VsockHeader header, VsockSocket? socket) => change(header);
}

/// <summary>Leaves packets out.</summary>
internal sealed class DriverDropping(Predicate<VsockHeader> isDropped) : DriverEgressRules
{
    internal override bool IsSent(in VsockHeader header) => !isDropped(header);
}
