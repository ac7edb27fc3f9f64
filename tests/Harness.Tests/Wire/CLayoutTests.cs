using System.Numerics;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Wire;

/// <summary>Our byte layouts and constants against the kernel's headers, as a C compiler reads them.</summary>
[TestFixture]
public class CLayoutTests
{
    [Test]
    public void WrongBelief_IsRefusedByTheCompiler()
    {
        (bool accepted, string output) = new CAssertions("linux/virtio_vsock.h").Equal("sizeof(struct virtio_vsock_hdr)", 48).Compile();
        Assert.That(accepted, Is.False);
        Assert.That(output, Does.Contain("sizeof(struct virtio_vsock_hdr) is 48 for us"));
    }

    [Test]
    public void Header_AgreesWithTheKernel() =>
        new CAssertions("linux/virtio_vsock.h")
            .Equal("sizeof(struct virtio_vsock_hdr)", VsockHeader.Size)
            .Field("struct virtio_vsock_hdr, src_cid", Bytes(new VsockHeader { SrcCid = ulong.MaxValue }))
            .Field("struct virtio_vsock_hdr, dst_cid", Bytes(new VsockHeader { DstCid = ulong.MaxValue }))
            .Field("struct virtio_vsock_hdr, src_port", Bytes(new VsockHeader { SrcPort = uint.MaxValue }))
            .Field("struct virtio_vsock_hdr, dst_port", Bytes(new VsockHeader { DstPort = uint.MaxValue }))
            .Field("struct virtio_vsock_hdr, len", Bytes(new VsockHeader { Len = uint.MaxValue }))
            .Field("struct virtio_vsock_hdr, type", Bytes(new VsockHeader { Type = (SocketType)ushort.MaxValue }))
            .Field("struct virtio_vsock_hdr, op", Bytes(new VsockHeader { Op = (Op)ushort.MaxValue }))
            .Field("struct virtio_vsock_hdr, flags", Bytes(new VsockHeader { Flags = uint.MaxValue }))
            .Field("struct virtio_vsock_hdr, buf_alloc", Bytes(new VsockHeader { BufAlloc = uint.MaxValue }))
            .Field("struct virtio_vsock_hdr, fwd_cnt", Bytes(new VsockHeader { FwdCnt = uint.MaxValue }))
            .Equal("sizeof(struct virtio_vsock_config)", VsockConfig.Size)
            .Equal("sizeof(struct virtio_vsock_event)", VsockEvent.Size)
            .Equal("VIRTIO_VSOCK_EVENT_TRANSPORT_RESET", VsockEvent.TransportReset)
            .ExpectAccepted();

    [Test]
    public void HeaderValues_AgreeWithTheKernel() =>
        new CAssertions("linux/virtio_vsock.h")
            .Equal("VIRTIO_VSOCK_TYPE_STREAM", (ulong)SocketType.Stream)
            .Equal("VIRTIO_VSOCK_TYPE_SEQPACKET", (ulong)SocketType.Seqpacket)
            .Equal("VIRTIO_VSOCK_OP_INVALID", (ulong)Op.Invalid)
            .Equal("VIRTIO_VSOCK_OP_REQUEST", (ulong)Op.Request)
            .Equal("VIRTIO_VSOCK_OP_RESPONSE", (ulong)Op.Response)
            .Equal("VIRTIO_VSOCK_OP_RST", (ulong)Op.Rst)
            .Equal("VIRTIO_VSOCK_OP_SHUTDOWN", (ulong)Op.Shutdown)
            .Equal("VIRTIO_VSOCK_OP_RW", (ulong)Op.Rw)
            .Equal("VIRTIO_VSOCK_OP_CREDIT_UPDATE", (ulong)Op.CreditUpdate)
            .Equal("VIRTIO_VSOCK_OP_CREDIT_REQUEST", (ulong)Op.CreditRequest)
            .Equal("VIRTIO_VSOCK_SHUTDOWN_RCV", (ulong)ShutdownFlags.Receive)
            .Equal("VIRTIO_VSOCK_SHUTDOWN_SEND", (ulong)ShutdownFlags.Send)
            .Equal("VIRTIO_VSOCK_SEQ_EOM", (ulong)SeqpacketFlags.EndOfMessage)
            .Equal("VIRTIO_VSOCK_SEQ_EOR", (ulong)SeqpacketFlags.EndOfRecord)
            .ExpectAccepted();

    [Test]
    public void Addresses_AgreeWithTheKernel() =>
        new CAssertions("sys/socket.h", "linux/vm_sockets.h")
            .Equal("VMADDR_CID_HYPERVISOR", Cid.Hypervisor)
            .Equal("VMADDR_CID_LOCAL", Cid.Local)
            .Equal("VMADDR_CID_HOST", Cid.Host)
            .Equal("VMADDR_CID_ANY", Cid.Any32)
            .ExpectAccepted();

    [Test]
    public void FeaturesAndStatus_AgreeWithTheKernel()
    {
        CAssertions c = new("linux/virtio_config.h", "linux/virtio_ring.h", "linux/virtio_vsock.h", "linux/vhost.h");
        (string Macro, VirtioFeatures Bit)[] features =
        [
            ("VIRTIO_VSOCK_F_SEQPACKET", VirtioFeatures.Seqpacket),
            ("VIRTIO_F_NOTIFY_ON_EMPTY", VirtioFeatures.NotifyOnEmpty),
            ("VHOST_F_LOG_ALL", VirtioFeatures.VhostLogAll),
            ("VIRTIO_F_ANY_LAYOUT", VirtioFeatures.AnyLayout),
            ("VIRTIO_RING_F_INDIRECT_DESC", VirtioFeatures.IndirectDesc),
            ("VIRTIO_RING_F_EVENT_IDX", VirtioFeatures.EventIdx),
            ("VIRTIO_F_VERSION_1", VirtioFeatures.Version1),
            ("VIRTIO_F_ACCESS_PLATFORM", VirtioFeatures.AccessPlatform),
            ("VIRTIO_F_RING_PACKED", VirtioFeatures.RingPacked),
            ("VIRTIO_F_IN_ORDER", VirtioFeatures.InOrder),
            ("VIRTIO_F_ORDER_PLATFORM", VirtioFeatures.OrderPlatform),
            ("VIRTIO_F_SR_IOV", VirtioFeatures.SrIov),
        ];
        (string Macro, VirtioFeatures Bit)[] newer =
        [
            ("VIRTIO_F_NOTIFICATION_DATA", VirtioFeatures.NotificationData),
            ("VIRTIO_F_NOTIF_CONFIG_DATA", VirtioFeatures.NotifConfigData),
            ("VIRTIO_F_RING_RESET", VirtioFeatures.RingReset),
            ("VIRTIO_F_ADMIN_VQ", VirtioFeatures.AdminVq),
        ];
        foreach ((string macro, VirtioFeatures bit) in features)
        {
            c.Equal(macro, (ulong)BitOperations.Log2((ulong)bit));
        }

        foreach ((string macro, VirtioFeatures bit) in newer)
        {
            c.EqualIfDefined(macro, macro, (ulong)BitOperations.Log2((ulong)bit));
        }

        c.Equal("VIRTIO_CONFIG_S_ACKNOWLEDGE", (ulong)DeviceStatus.Acknowledge)
            .Equal("VIRTIO_CONFIG_S_DRIVER", (ulong)DeviceStatus.Driver)
            .Equal("VIRTIO_CONFIG_S_DRIVER_OK", (ulong)DeviceStatus.DriverOk)
            .Equal("VIRTIO_CONFIG_S_FEATURES_OK", (ulong)DeviceStatus.FeaturesOk)
            .Equal("VIRTIO_CONFIG_S_NEEDS_RESET", (ulong)DeviceStatus.NeedsReset)
            .Equal("VIRTIO_CONFIG_S_FAILED", (ulong)DeviceStatus.Failed)
            .ExpectAccepted();
    }

    [Test]
    public void VhostIoctls_AgreeWithTheKernel()
    {
        CAssertions c = new("linux/vhost.h");
        foreach (VhostIoctl request in Enum.GetValues<VhostIoctl>())
        {
            c.Equal(VhostIoctls.Name(request), (ulong)request);
        }

        c.Equal("sizeof(struct vhost_vring_state)", (ulong)VringState.Size)
            .Equal("sizeof(struct vhost_vring_file)", (ulong)VringState.Size)
            .Equal("sizeof(struct vhost_vring_addr)", (ulong)VringAddress.Size)
            .Equal("sizeof(struct vhost_memory)", (ulong)VhostUserRegion.Prefix)
            .Equal("sizeof(struct vhost_memory_region)", (ulong)VhostUserRegion.Size)
            .ExpectAccepted();
    }

    [Test]
    public void VsockAddress_AgreesWithTheKernel() =>
        new CAssertions("sys/socket.h", "linux/vm_sockets.h")
            .Equal("sizeof(struct sockaddr_vm)", (ulong)VsockAddress.Size)
            .Equal("AF_VSOCK", (ulong)VsockAddress.Family)
            .Equal("offsetof(struct sockaddr_vm, svm_port)", (ulong)Bytes(new VsockAddress(0, uint.MaxValue)).AsSpan(sizeof(ushort)).IndexOf((byte)0xff) + sizeof(ushort))
            .Equal("offsetof(struct sockaddr_vm, svm_cid)", (ulong)Bytes(new VsockAddress(uint.MaxValue, 0)).AsSpan(sizeof(ushort)).IndexOf((byte)0xff) + sizeof(ushort))
            .ExpectAccepted();

    [Test]
    public void VsockAddress_OverItsBytes_IsTheSame() =>
        Assert.That(VsockAddress.Read(Bytes(new VsockAddress(7, 0xdeadbeef))), Is.EqualTo(new VsockAddress(7, 0xdeadbeef)));

    private static byte[] Bytes(VsockAddress address)
    {
        byte[] bytes = new byte[VsockAddress.Size];
        address.Write(bytes);
        return bytes;
    }

    private static byte[] Bytes(VsockHeader header)
    {
        byte[] bytes = new byte[VsockHeader.Size];
        header.Write(bytes);
        return bytes;
    }
}
