using Vsockspec.Wire;

namespace Vsockspec.Targets;

/// <summary>Names under which a manifest claims features and a report prints them.</summary>
public static class FeatureNames
{
    private static readonly Dictionary<string, VirtioFeatures> Virtio = new(StringComparer.Ordinal)
    {
        ["stream"] = VirtioFeatures.Stream,
        ["seqpacket"] = VirtioFeatures.Seqpacket,
        ["no_implied_stream"] = VirtioFeatures.NoImpliedStream,
        ["notify_on_empty"] = VirtioFeatures.NotifyOnEmpty,
        ["log_all"] = VirtioFeatures.VhostLogAll,
        ["any_layout"] = VirtioFeatures.AnyLayout,
        ["indirect_desc"] = VirtioFeatures.IndirectDesc,
        ["event_idx"] = VirtioFeatures.EventIdx,
        ["protocol_features"] = VirtioFeatures.VhostUserProtocolFeatures,
        ["version_1"] = VirtioFeatures.Version1,
        ["access_platform"] = VirtioFeatures.AccessPlatform,
        ["ring_packed"] = VirtioFeatures.RingPacked,
        ["in_order"] = VirtioFeatures.InOrder,
        ["order_platform"] = VirtioFeatures.OrderPlatform,
        ["sr_iov"] = VirtioFeatures.SrIov,
        ["notification_data"] = VirtioFeatures.NotificationData,
        ["notif_config_data"] = VirtioFeatures.NotifConfigData,
        ["ring_reset"] = VirtioFeatures.RingReset,
        ["admin_vq"] = VirtioFeatures.AdminVq,
        ["suspend"] = VirtioFeatures.Suspend,
    };

    /// <summary>vhost-user protocol features by bit (QEMU docs/interop/vhost-user.rst); those that a vsock device can have.</summary>
    private static readonly Dictionary<string, int> VhostUserProtocol = new(StringComparer.Ordinal)
    {
        ["mq"] = 0,
        ["log_shmfd"] = 1,
        ["reply_ack"] = 3,
        ["backend_req"] = 5,
        ["pagefault"] = 8,
        ["config"] = 9,
        ["backend_send_fd"] = 10,
        ["host_notifier"] = 11,
        ["inflight_shmfd"] = 12,
        ["reset_device"] = 13,
        ["inband_notifications"] = 14,
        ["configure_mem_slots"] = 15,
        ["status"] = 16,
        ["device_state"] = 19,
    };

    public static IReadOnlyList<string> All { get; } = [.. Virtio.Keys, .. VhostUserProtocol.Keys];

    /// <summary>Names of all set bits, lowest first; a bit without a name is <c>bit 42</c>.</summary>
    public static IEnumerable<string> Of(VirtioFeatures features) => Named((ulong)features, bit => NameOf(1UL << bit));

    /// <inheritdoc cref="Of"/>
    public static IEnumerable<string> OfProtocol(ulong features) => Named(features, bit => VhostUserProtocol.FirstOrDefault(p => p.Value == bit).Key);

    /// <summary>The virtio feature of that name, if there is one.</summary>
    public static bool TryParse(string name, out VirtioFeatures feature) => Virtio.TryGetValue(name, out feature);

    private static string? NameOf(ulong bit) => Virtio.FirstOrDefault(p => (ulong)p.Value == bit).Key;

    private static IEnumerable<string> Named(ulong bits, Func<int, string?> name)
    {
        for (int bit = 0; bit < 64; bit++)
        {
            if ((bits >> bit & 1) != 0)
            {
                yield return name(bit) ?? $"bit {bit}";
            }
        }
    }
}
