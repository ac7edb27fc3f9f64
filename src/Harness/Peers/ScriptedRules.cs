using Vsockspec.Transports;

namespace Vsockspec.Peers;

/// <summary>
/// The transport's side of a scripted device: what front ends of guests need, and nothing that hides the driver. Without the back end's own channel
/// user-mode Linux has no interrupt for its queues.
/// </summary>
internal sealed class ScriptedRules(Action<VhostUserConfigAccess> configRead) : BackEndRules
{
    public override VhostUserProtocolFeatures ProtocolFeatures =>
        VhostUserProtocolFeatures.Mq |
        VhostUserProtocolFeatures.ReplyAck |
        VhostUserProtocolFeatures.BackendReq |
        VhostUserProtocolFeatures.Config |
        VhostUserProtocolFeatures.ConfigureMemSlots |
        VhostUserProtocolFeatures.ResetDevice |
        VhostUserProtocolFeatures.Status;

    public override Wire.VirtioFeatures OfferedFeatures(Wire.VirtioFeatures device) => device | Wire.VirtioFeatures.VhostUserProtocolFeatures;

    /// <summary>What the driver accepts is judged by a case; the transport takes everything.</summary>
    public override bool AcceptsFeatures(Wire.VirtioFeatures accepted, Wire.VirtioFeatures offered) => true;

    public override byte[] ConfigReply(VhostUserConfigAccess access, ReadOnlySpan<byte> config)
    {
        configRead(access);
        return base.ConfigReply(access, config);
    }
}
