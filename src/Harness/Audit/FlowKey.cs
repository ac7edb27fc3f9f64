using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>The two ends of a flow (VS-X-15). The type is not part of it: it must stay the same.</summary>
internal readonly record struct FlowKey(ulong GuestCid, uint GuestPort, ulong HostCid, uint HostPort)
{
    public static FlowKey OfGuestPacket(in VsockHeader header) => new(header.SrcCid, header.SrcPort, header.DstCid, header.DstPort);

    public static FlowKey OfHostPacket(in VsockHeader header) => new(header.DstCid, header.DstPort, header.SrcCid, header.SrcPort);

    public override string ToString() => $"{GuestCid}:{GuestPort}↔{HostCid}:{HostPort}";
}
