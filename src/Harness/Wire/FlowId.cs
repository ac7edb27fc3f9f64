namespace Vsockspec.Wire;

/// <summary>A flow as the guest sees it: the two ends and the socket type (virtio 1.4 section 5.10.6.2).</summary>
public readonly record struct FlowId(ulong GuestCid, uint GuestPort, ulong HostCid, uint HostPort, SocketType Type)
{
    /// <summary>The flow of a packet that the driver sends.</summary>
    public static FlowId OfGuestPacket(in VsockHeader header) =>
        new(header.SrcCid, header.SrcPort, header.DstCid, header.DstPort, header.Type);

    /// <summary>The flow of a packet that the device sends.</summary>
    public static FlowId OfHostPacket(in VsockHeader header) =>
        new(header.DstCid, header.DstPort, header.SrcCid, header.SrcPort, header.Type);

    public override string ToString() => $"{GuestCid}:{GuestPort}↔{HostCid}:{HostPort} {Names.Of(Type)}";
}
