namespace Vsockspec.Transports;

/// <summary>How a front end behaves where the protocol leaves it a choice.</summary>
public sealed record VhostUserFrontEndOptions
{
    /// <summary>Time for a connect, and for each answer.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The protocol features that <see cref="VhostUserFrontEnd.Negotiate"/> takes where they are offered.</summary>
    public VhostUserProtocolFeatures Wanted { get; init; } =
        VhostUserProtocolFeatures.Mq |
        VhostUserProtocolFeatures.ReplyAck |
        VhostUserProtocolFeatures.Config |
        VhostUserProtocolFeatures.ConfigureMemSlots |
        VhostUserProtocolFeatures.ResetDevice |
        VhostUserProtocolFeatures.Status;

    /// <summary>
    /// Requests that only want an acknowledgement are sent without waiting for it; acknowledgements are collected before the next
    /// request that has an answer, in <see cref="VhostUserFrontEnd.Flush"/> and in <see cref="VhostUserFrontEnd.StartQueue"/>. Off:
    /// one at a time.
    /// </summary>
    public bool Pipelined { get; init; } = true;

    /// <summary>Set need_reply wherever REPLY_ACK was negotiated.</summary>
    public bool AskForAcknowledgement { get; init; } = true;

    /// <summary>
    /// Signal the kick descriptor when a queue is started, so that a back end which starts rings on the first kick starts it although the
    /// driver kicked before.
    /// </summary>
    public bool KickOnStart { get; init; } = true;

    /// <summary>Send requests although the protocol feature they belong to was not negotiated.</summary>
    public bool Force { get; init; }
}
