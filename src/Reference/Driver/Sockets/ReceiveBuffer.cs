using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>One message that waits to be received.</summary>
/// <param name="EndsRecord">The sender said MSG_EOR.</param>
internal readonly record struct Message(int Length, bool EndsRecord);

/// <summary>What came and was not received by the application yet: bytes, and for a seqpacket socket where messages end.</summary>
internal sealed class ReceiveBuffer(SocketType type)
{
    /// <summary>Messages that may wait. Empty ones cost no credit, so the window does not bound their number.</summary>
    public const int MaxMessages = 4096;

    private readonly ByteQueue bytes = new();
    private readonly Queue<Message> messages = new();
    private int partial;

    /// <summary>Bytes that are here, those of a message that has not ended included.</summary>
    public int Bytes => bytes.Count;

    /// <summary>Bytes that one receive could give.</summary>
    public int Ready => type == SocketType.Stream ? bytes.Count : messages.TryPeek(out Message first) ? first.Length : 0;

    public bool HasData => type == SocketType.Stream ? bytes.Count > 0 : messages.Count > 0;

    /// <summary>The message that comes next; only of a seqpacket socket that has one.</summary>
    public Message Next => messages.Peek();

    public void Add(ReadOnlySpan<byte> payload) => bytes.Add(payload);

    /// <summary>As <see cref="Add"/>, for a piece of a message; false when there are too many messages.</summary>
    public bool TryAddPiece(ReadOnlySpan<byte> payload, bool endsMessage, bool endsRecord)
    {
        if (endsMessage && messages.Count == MaxMessages)
        {
            return false;
        }

        bytes.Add(payload);
        partial += payload.Length;
        if (endsMessage)
        {
            messages.Enqueue(new Message(partial, endsRecord));
            partial = 0;
        }

        return true;
    }

    public void Peek(Span<byte> target) => bytes.Peek(target);

    public void RemoveBytes(int count) => bytes.Remove(count);

    public void RemoveMessage() => bytes.Remove(messages.Dequeue().Length);
}
