using System.Buffers;
using Microsoft.Win32.SafeHandles;
using Vsockspec.Interop;

namespace Vsockspec.Transports;

/// <summary>How a wait for a message ended.</summary>
public enum ReceiveOutcome
{
    /// <summary>A whole message, legal or not.</summary>
    Message,

    /// <summary>The peer closed the connection, possibly inside a message.</summary>
    Closed,

    /// <summary>The deadline passed, possibly inside a message.</summary>
    Timeout,

    /// <summary>The header announces more than <see cref="VhostUserHeader.MaxPayload"/>; the payload was not read.</summary>
    TooLong,
}

/// <summary>A message as it came, or what came of it.</summary>
/// <param name="Header">All zero when less than a header came.</param>
/// <param name="Bytes">Everything that was received, header included.</param>
/// <param name="Descriptors">Descriptors that came along; disposed by whoever takes the message.</param>
public sealed record ReceivedMessage(ReceiveOutcome Outcome, VhostUserHeader Header, byte[] Bytes, IReadOnlyList<SafeFileHandle> Descriptors)
    : IDisposable
{
    public ReadOnlySpan<byte> Payload => Bytes.AsSpan(Math.Min(VhostUserHeader.Length, Bytes.Length));

    /// <summary>The first bytes in hexadecimal, for error messages.</summary>
    public string Hex
    {
        get
        {
            const int Shown = 64;
            string hex = Convert.ToHexStringLower(Bytes.AsSpan(0, Math.Min(Shown, Bytes.Length)));
            return Bytes.Length > Shown ? $"{hex}… ({Bytes.Length} bytes)" : hex;
        }
    }

    public void Dispose()
    {
        foreach (SafeFileHandle descriptor in Descriptors)
        {
            descriptor.Dispose();
        }
    }
}

/// <summary>
/// Whole vhost-user messages over a Unix stream, with deadlines. Nothing is read beyond the message asked for, so what waits
/// in the socket stays there and descriptors stay with their message. One thread.
/// </summary>
internal sealed class VhostUserConnection(UnixStream stream) : IDisposable
{
    private readonly List<SafeFileHandle> descriptors = [];
    private byte[] partial = new byte[VhostUserHeader.Length];
    private int received;

    public UnixStream Stream => stream;

    /// <summary>Sends bytes as they are; the descriptors go with the first byte.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Closed"/> or <see cref="TransportFault.Timeout"/>.</exception>
    public void Send(ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> attached, Deadline deadline)
    {
        while (!bytes.IsEmpty)
        {
            StreamMove move = stream.Send(bytes, attached);
            switch (move.State)
            {
                case StreamState.Moved:
                    bytes = bytes[move.Count..];
                    attached = default;
                    break;
                case StreamState.Closed:
                    throw new TransportException(TransportFault.Closed, "the peer closed the connection while a message was being sent");
                default:
                    if (!stream.Wait(PollEvents.Writable, deadline))
                    {
                        throw new TransportException(
                            TransportFault.Timeout, $"the peer did not read: {bytes.Length} bytes could not be sent before the deadline");
                    }

                    break;
            }
        }
    }

    /// <summary>Sends one message.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Closed"/> or <see cref="TransportFault.Timeout"/>.</exception>
    public void Send(VhostUserHeader header, ReadOnlySpan<byte> payload, ReadOnlySpan<SafeFileHandle> attached, Deadline deadline)
    {
        byte[] message = ArrayPool<byte>.Shared.Rent(VhostUserHeader.Length + payload.Length);
        header.Write(message);
        payload.CopyTo(message.AsSpan(VhostUserHeader.Length));
        try
        {
            Send(message.AsSpan(0, VhostUserHeader.Length + payload.Length), attached, deadline);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(message);
        }
    }

    /// <summary>
    /// Takes the next message, waiting until the deadline. After <see cref="ReceiveOutcome.Timeout"/> the next call goes on
    /// where this one stopped.
    /// </summary>
    public ReceivedMessage Receive(Deadline deadline)
    {
        while (true)
        {
            if (received >= VhostUserHeader.Length)
            {
                VhostUserHeader header = VhostUserHeader.Read(partial);
                if (header.Size > VhostUserHeader.MaxPayload)
                {
                    return Take(ReceiveOutcome.TooLong, header);
                }

                int whole = VhostUserHeader.Length + (int)header.Size;
                if (received == whole)
                {
                    return Take(ReceiveOutcome.Message, header);
                }

                if (partial.Length < whole)
                {
                    Array.Resize(ref partial, whole);
                }

                if (Fill(whole, deadline) is { } failed)
                {
                    return failed == ReceiveOutcome.Timeout ? Peek(header) : Take(failed, header);
                }
            }
            else if (Fill(VhostUserHeader.Length, deadline) is { } failed)
            {
                return failed == ReceiveOutcome.Timeout ? Peek(default) : Take(failed, default);
            }
        }
    }

    public void Dispose()
    {
        foreach (SafeFileHandle descriptor in descriptors)
        {
            descriptor.Dispose();
        }

        descriptors.Clear();
        stream.Dispose();
    }

    private ReceiveOutcome? Fill(int target, Deadline deadline)
    {
        while (received < target)
        {
            StreamMove move = stream.Receive(partial.AsSpan(received, target - received), descriptors);
            switch (move.State)
            {
                case StreamState.Moved:
                    received += move.Count;
                    break;
                case StreamState.Closed:
                    return ReceiveOutcome.Closed;
                default:
                    if (!stream.Wait(PollEvents.Readable, deadline))
                    {
                        return ReceiveOutcome.Timeout;
                    }

                    break;
            }
        }

        return null;
    }

    private ReceivedMessage Take(ReceiveOutcome outcome, VhostUserHeader header)
    {
        ReceivedMessage message = new(outcome, header, partial[..received], [.. descriptors]);
        descriptors.Clear();
        received = 0;
        partial = new byte[VhostUserHeader.Length];
        return message;
    }

    private ReceivedMessage Peek(VhostUserHeader header) => new(ReceiveOutcome.Timeout, header, partial[..received], []);
}
