namespace Vsockspec.Wire;

/// <summary>Feature bits that a vsock device or its transport may offer (virtio 1.4 sections 5.10.3 and 6; vhost-user and vhost for 26 and 30).</summary>
[Flags]
public enum VirtioFeatures : ulong
{
    None = 0,
    Stream = 1UL << 0,
    Seqpacket = 1UL << 1,
    NoImpliedStream = 1UL << 2,
    NotifyOnEmpty = 1UL << 24,
    VhostLogAll = 1UL << 26,
    AnyLayout = 1UL << 27,
    IndirectDesc = 1UL << 28,
    EventIdx = 1UL << 29,
    VhostUserProtocolFeatures = 1UL << 30,
    Version1 = 1UL << 32,
    AccessPlatform = 1UL << 33,
    RingPacked = 1UL << 34,
    InOrder = 1UL << 35,
    OrderPlatform = 1UL << 36,
    SrIov = 1UL << 37,
    NotificationData = 1UL << 38,
    NotifConfigData = 1UL << 39,
    RingReset = 1UL << 40,
    AdminVq = 1UL << 41,
    Suspend = 1UL << 43,

    /// <summary>The bits that the socket device type itself defines.</summary>
    DeviceType = Stream | Seqpacket | NoImpliedStream,
}

/// <summary>Device status bits, virtio 1.4 section 2.1.</summary>
[Flags]
public enum DeviceStatus : byte
{
    None = 0,
    Acknowledge = 1,
    Driver = 2,
    DriverOk = 4,
    FeaturesOk = 8,
    Suspend = 16,
    NeedsReset = 64,
    Failed = 128,
}
