using Vsockspec.Guests.Protocol;

namespace Vsockspec.Guests;

/// <summary>
/// System calls in a guest, by name. A call that fails in the guest is a value with its errno; a call that cannot be made, or takes longer than
/// its limit, is a <see cref="GuestException"/>. Any number of calls may be under way at a time, up to
/// <see cref="AgentProtocol.MaxConcurrentCalls"/>. Thread-safe.
/// </summary>
/// <param name="connection">Becomes this object's.</param>
public sealed partial class AgentClient(AgentConnection connection) : IDisposable
{
    /// <summary>A result and an errno, and nothing more.</summary>
    private const int BareReply = sizeof(long) + sizeof(int);

    // Numbers of Linux (docs/agent-protocol.md).
    private const int TryAgain = 11;
    private const int NoMemory = 12;

    /// <summary>How long a call may take that has no limit of its own.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The agent's first words.</summary>
    public Task<AgentHello> Hello => connection.Hello;

    public void Dispose() => connection.Dispose();

    private delegate T ReadReply<out T>(GuestResult result, ref MessageReader more);

    private static MessageWriter Begin(AgentCall call) => new MessageWriter().Add((short)call);

    private Task<GuestResult> Plain(AgentCall call, MessageWriter request, CallLimit limit = default) =>
        Full(call, request, (GuestResult result, ref MessageReader _) => result, limit);

    private async Task<T> Full<T>(AgentCall call, MessageWriter request, ReadReply<T> read, CallLimit limit = default)
    {
        byte[] reply = await connection.Call(call, request, limit.Deadline ?? Patience, limit.Cancellation).ConfigureAwait(false);
        try
        {
            return Parse(reply, read);
        }
        catch (MalformedMessageException e)
        {
            throw new GuestException(
                RefusalOf(reply) is { } refusal ? $"the agent refused {call}: {refusal}" : $"the agent's answer to {call} is not what was agreed: {e.Message}", e);
        }
    }

    /// <summary>Why the agent did not even begin a call whose reply has more fields than it gave; null when that is not what it says.</summary>
    private static string? RefusalOf(byte[] reply) => reply.Length == BareReply && GuestResult.Of(reply) is { Value: -1 } result
        ? result.Errno switch
        {
            TryAgain => $"{AgentProtocol.MaxConcurrentCalls} calls are under way (EAGAIN)",
            NoMemory => "it has no memory for the call (ENOMEM)",
            _ => null,
        }
        : null;

    private static T Parse<T>(byte[] reply, ReadReply<T> read)
    {
        MessageReader reader = new(reply);
        GuestResult result = GuestResult.Read(ref reader);
        if (result.Errno == AgentProtocol.Malformed && reply.Length == BareReply)
        {
            throw new MalformedMessageException("the agent did not understand the call");
        }

        T value = read(result, ref reader);
        reader.End();
        return value;
    }
}
