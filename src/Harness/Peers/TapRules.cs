using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// What a tap tells the guest's front end about itself: the device behind it, without what cannot be passed on. That is the device status, the log of
/// dirty pages, memory slots and in-band notifications. Configuration space is always there, and so is the channel of the back end, on which
/// nothing is ever said: without it user-mode Linux has no interrupt for its queues.
/// </summary>
internal sealed class TapRules(VhostUserFrontEnd device, GuestTapSession session) : BackEndRules
{
    /// <summary>Longest configuration space of a virtio device.</summary>
    private const uint MaxConfig = 256;

    public override VhostUserProtocolFeatures ProtocolFeatures
    {
        get
        {
            const VhostUserProtocolFeatures PassedOn =
                VhostUserProtocolFeatures.Mq | VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.ResetDevice;
            return (device.ProtocolFeatures & PassedOn) | VhostUserProtocolFeatures.Config | VhostUserProtocolFeatures.BackendReq;
        }
    }

    public override VirtioFeatures OfferedFeatures(VirtioFeatures device) => device | VirtioFeatures.VhostUserProtocolFeatures;

    public override ulong QueueCount(int device) => session.TargetQueues ?? (ulong)device;

    public override byte[] ConfigReply(VhostUserConfigAccess access, ReadOnlySpan<byte> config)
    {
        if (!device.HasConfigSpace)
        {
            return base.ConfigReply(access, config);
        }

        if (access.Length is 0 or > MaxConfig || session.ReadConfig(access) is not { } bytes)
        {
            return [];
        }

        byte[] reply = new byte[VhostUserConfigAccess.Size + bytes.Length];
        access.Write(reply);
        bytes.CopyTo(reply, VhostUserConfigAccess.Size);
        return reply;
    }
}
