namespace Vsockspec.Guests.Protocol;

/// <summary>What a frame is.</summary>
public enum FrameKind : byte
{
    /// <summary>The agent is up: <see cref="AgentHello"/>.</summary>
    Hello = 1,

    /// <summary>A call: an <see cref="AgentCall"/> and its arguments.</summary>
    Request = 2,

    /// <summary>What came of the call of the same id: an i64 result, an i32 errno, and what else the call gives.</summary>
    Reply = 3,

    /// <summary>Interrupt the call of this id, which ends with EINTR; no payload and no reply of its own.</summary>
    Cancel = 4,
}

/// <summary>One message on the channel.</summary>
/// <param name="Version">Of the sender's protocol; payloads of another version mean nothing.</param>
/// <param name="Id">Chosen by the client, the same in a request and its reply; 0 for <see cref="FrameKind.Hello"/>.</param>
public readonly record struct Frame(byte Version, FrameKind Kind, uint Id, byte[] Payload);
