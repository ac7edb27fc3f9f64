using System.Buffers.Binary;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Header, payload and stream delivery, virtio 1.4 section 5.10.6.</summary>
internal static class PacketMutants
{
    public static IEnumerable<Mutant> All =>
    [
        new("header-big-endian", "VS-X-08", "Encodes len in big-endian order.", p => p with { Egress = new BigEndian() }),
        new("header-op-zero", "VS-X-10", "Sends CREDIT_UPDATE with op 0.", p => p with { Egress = new Stamping(h => h.Op == Op.CreditUpdate ? h with { Op = Op.Invalid } : h) }),
        new("header-len-with-header", "VS-X-11", "Counts the header in len.", p => p with
        {
            Egress = new Stamping(h => h.Op == Op.Rw ? h with { Len = h.Len + VsockHeader.Size } : h),
        }),
        new("header-len-on-control", "VS-X-11", "Sends control packets with a len.", p => p with { Egress = new Stamping(h => h.Op == Op.Response ? h with { Len = 8 } : h) }),
        new("payload-whole-chain", "VS-X-12", "Takes all of a longer chain for payload.", p => p with { Ingress = new WholeChain() }),
        new("payload-long-chain-dropped", "VS-X-12", "Drops chains with more room than 64 KiB of payload.", p => p with { Ingress = new DropsLongChains() }),
        new("stream-loses-a-byte", "VS-X-17", "Loses the last byte of packets of 4096 bytes and more.", p => p with { Ingress = new LosesAByte() }),
        new("stream-small-after-large-loses-a-byte", "VS-X-17", "Loses the last byte of packets below 128 bytes that follow one of 4096 bytes and more.", p => p with
        {
            Ingress = new LosesAByteAfterLarge(),
        }),
        new("stream-to-guest-loses-a-byte", "VS-X-17", "Loses the last byte of packets of 5 bytes and more to the guest.", p => p with
        {
            Egress = new Stamping(h => h is { Op: Op.Rw, Len: >= 5 } ? h with { Len = h.Len - 1 } : h),
        }),
    ];

    private sealed class BigEndian : EgressRules
    {
        internal override void Encode(in VsockHeader header, Span<byte> bytes) =>
            (header with { Len = BinaryPrimitives.ReverseEndianness(header.Len) }).Write(bytes);
    }

    private sealed class WholeChain : IngressRules
    {
        internal override uint PayloadLength(in VsockHeader header, ulong available) => Math.Max(header.Len, (uint)Math.Min(available, 65536));
    }

    private sealed class DropsLongChains : IngressRules
    {
        internal override bool IsPacket(ulong chainBytes) => base.IsPacket(chainBytes) && chainBytes <= VsockHeader.Size + 65536;
    }

    private sealed class LosesAByte : IngressRules
    {
        internal override uint PayloadLength(in VsockHeader header, ulong available) => header.Len >= 4096 && header.Len <= available ? header.Len - 1 : header.Len;
    }

    private sealed class LosesAByteAfterLarge : IngressRules
    {
        private uint before;

        internal override uint PayloadLength(in VsockHeader header, ulong available)
        {
            bool loses = before >= 4096 && header.Len is > 0 and < 128 && header.Len <= available;
            before = header.Len;
            return loses ? header.Len - 1 : header.Len;
        }
    }
}
