using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>What one receive gave.</summary>
/// <param name="Length">Bytes as the call returns them; with MSG_TRUNC more than were stored.</param>
internal readonly record struct Reception(int Length, int Stored, bool IsTruncated, bool EndsRecord);

/// <summary>Data in both directions and its credit (virtio 1.4 sections 5.10.6.3 and 5.10.6.6). Nothing here waits: who has to is told EAGAIN.</summary>
internal sealed class SocketData(PacketSender sender, SocketLifecycle lifecycle, DriverParts parts)
{
    // Sockets that had credit and found the tx ring full.
    private readonly HashSet<VsockSocket> starved = [];

    /// <summary>Takes data of the host; false when it breaks the host's promise to stay within the buffer.</summary>
    public bool Accept(VsockSocket socket, ReadOnlySpan<byte> payload, SeqpacketFlags flags)
    {
        if ((uint)payload.Length > socket.Own.Largest - Math.Min((uint)socket.Received.Bytes, socket.Own.Largest))
        {
            return false;
        }

        socket.Own.Received += (uint)payload.Length;
        if (socket.IsClosed || socket.OwnShutdown.HasFlag(ShutdownFlags.Receive))
        {
            // The host was told, or will be, that nobody reads this; it left the buffer at once, and the host may know.
            socket.Own.Forwarded += (uint)payload.Length;
            return true;
        }

        if (socket.Type == SocketType.Stream)
        {
            socket.Received.Add(payload);
        }
        else if (!socket.Received.TryAddPiece(payload, parts.Messages.EndsMessage(flags), parts.Messages.EndsRecord(flags)))
        {
            return false;
        }

        socket.Change();
        return true;
    }

    /// <summary>Sends as much of a stream's data as goes now.</summary>
    /// <returns>Bytes, or a negative errno.</returns>
    public int TrySend(VsockSocket socket, ReadOnlySpan<byte> bytes)
    {
        if (RefusalToSend(socket) is not 0 and var errno)
        {
            return -errno;
        }

        int sent = 0;
        while (sent < bytes.Length && Room(socket) is > 0 and var room)
        {
            ReadOnlySpan<byte> piece = bytes.Slice(sent, Math.Min(room, bytes.Length - sent));
            sender.Data(socket, piece, 0);
            sent += piece.Length;
        }

        Look(socket);
        return sent > 0 || bytes.IsEmpty ? sent : -LinuxErrno.WouldBlock;
    }

    /// <summary>Takes a message over, of which some or all is sent now and the rest as it goes.</summary>
    /// <param name="whole">Only if all of it has credit now: a call that must not wait does not leave half a message behind.</param>
    /// <returns>0, or a negative errno.</returns>
    public int TrySendMessage(VsockSocket socket, ReadOnlyMemory<byte> message, bool endsRecord, bool whole)
    {
        if (RefusalToSend(socket) is not 0 and var errno)
        {
            return -errno;
        }

        if (parts.Messages.IsTooLong((uint)message.Length, socket.Peer))
        {
            return -LinuxErrno.MessageTooLong;
        }

        uint free = parts.Credit.Free(socket.Peer);
        bool fits = message.Length == 0 || (whole ? free >= (uint)message.Length : free > 0);
        if (socket.Unsent.IsPending || !fits || !sender.IsClear)
        {
            NoteStall(socket, fits);
            Look(socket);
            return -LinuxErrno.WouldBlock;
        }

        socket.Unsent.Begin(message.ToArray(), endsRecord);
        Flush(socket);
        return 0;
    }

    /// <summary>Bytes of a stream that must be there before a receive of <paramref name="wanted"/> comes back.</summary>
    public int Needed(VsockSocket socket, bool waitsForAll, int wanted) => parts.Messages.Needed(waitsForAll, wanted, socket.Options.LowWater);

    /// <summary>Data that can be received now.</summary>
    /// <param name="minimum">Bytes that must be there, unless no more come.</param>
    /// <returns>0, or an errno; EAGAIN when there is nothing yet.</returns>
    public int TryReceive(VsockSocket socket, Span<byte> target, int minimum, bool peek, out Reception reception)
    {
        reception = default;
        if (socket.OwnShutdown.HasFlag(ShutdownFlags.Receive))
        {
            return 0;
        }

        if (socket.Received.HasData && (socket.Received.Ready >= minimum || socket.IsAtEnd))
        {
            reception = socket.Type == SocketType.Stream ? ReceiveBytes(socket, target, peek) : ReceiveMessage(socket, target, peek);
            AfterReceive(socket, 0);
            return 0;
        }

        if (socket.Error != 0)
        {
            return socket.TakeError();
        }

        if (socket.IsAtEnd)
        {
            return 0;
        }

        if (socket.State != SocketState.Connected)
        {
            return LinuxErrno.NotConnected;
        }

        AfterReceive(socket, (uint)Math.Max(0, minimum - socket.Received.Ready));
        return LinuxErrno.WouldBlock;
    }

    /// <summary>The application changed the buffer: the host is told.</summary>
    public void Resize(VsockSocket socket)
    {
        if (socket.State is SocketState.Connected or SocketState.Connecting && socket.Own.BufAlloc != socket.Options.BufAlloc)
        {
            socket.Own.Resize(socket.Options.BufAlloc);
            if (socket.State == SocketState.Connected)
            {
                sender.Update(socket);
            }
        }
    }

    /// <summary>There is credit, or there may be.</summary>
    public void Resume(VsockSocket socket)
    {
        socket.Peer.HasAsked = false;
        Flush(socket);
        socket.Change();
    }

    /// <summary>The tx ring has room.</summary>
    public void ResumeStarved()
    {
        if (starved.Count == 0)
        {
            return;
        }

        VsockSocket[] waiting = [.. starved];
        starved.Clear();
        foreach (VsockSocket socket in waiting)
        {
            Flush(socket);
            socket.Change();
        }
    }

    /// <summary>Bytes that the host has not taken out of its buffer, and those that wait to be sent.</summary>
    public static uint Outstanding(VsockSocket socket) => socket.Peer.OnTheWay + (uint)socket.Unsent.Rest.Length;

    private int RefusalToSend(VsockSocket socket) => socket switch
    {
        { Error: not 0 } => socket.TakeError(),
        { State: SocketState.Over } => LinuxErrno.BrokenPipe,
        { State: not SocketState.Connected } => LinuxErrno.NotConnected,
        _ => parts.Connections.MaySend(socket.OwnShutdown, socket.PeerShutdown) ? 0 : LinuxErrno.BrokenPipe,
    };

    /// <summary>Payload bytes of one packet that can be sent now.</summary>
    private int Room(VsockSocket socket)
    {
        uint free = parts.Credit.Free(socket.Peer);
        if (free == 0 || !sender.IsClear)
        {
            NoteStall(socket, free > 0);
            return 0;
        }

        return (int)Math.Min(free, DriverEgressRules.MaxPayload);
    }

    private void NoteStall(VsockSocket socket, bool hasCredit)
    {
        if (hasCredit)
        {
            starved.Add(socket);
        }
        else if (!socket.Peer.HasAsked && parts.Credit.AsksForCredit)
        {
            socket.Peer.HasAsked = true;
            sender.Control(socket, Op.CreditRequest);
        }
    }

    private void Flush(VsockSocket socket)
    {
        while (socket.Unsent.IsPending)
        {
            ReadOnlySpan<byte> rest = socket.Unsent.Rest;
            bool hasRoom = rest.IsEmpty ? sender.IsClear : Room(socket) > 0;
            if (!hasRoom)
            {
                if (rest.IsEmpty)
                {
                    starved.Add(socket);
                }

                break;
            }

            int length = rest.IsEmpty ? 0 : Math.Min(Room(socket), rest.Length);
            bool isLast = length == rest.Length;
            sender.Data(socket, rest[..length], (uint)parts.Messages.FlagsOf(isLast, socket.Unsent.EndsRecord));
            socket.Unsent.Advance(length, isLast);
            if (isLast)
            {
                lifecycle.FollowMessage(socket);
                socket.Change();
            }
        }

        Look(socket);
    }

    /// <summary>Sees whether poll(2) may call the socket writable.</summary>
    private void Look(VsockSocket socket)
    {
        bool hasCredit = parts.Credit.Free(socket.Peer) > 0;
        socket.HasSpace = hasCredit && sender.IsClear && !socket.Unsent.IsPending;
        if (hasCredit && !sender.IsClear && socket.State == SocketState.Connected)
        {
            starved.Add(socket);
        }
    }

    private Reception ReceiveBytes(VsockSocket socket, Span<byte> target, bool peek)
    {
        int length = Math.Min(target.Length, socket.Received.Bytes);
        socket.Received.Peek(target[..length]);
        if (parts.Messages.Takes(peek))
        {
            socket.Received.RemoveBytes(length);
            socket.Own.Forwarded += (uint)length;
        }

        return new Reception(length, length, false, false);
    }

    private Reception ReceiveMessage(VsockSocket socket, Span<byte> target, bool peek)
    {
        Message message = socket.Received.Next;
        int stored = Math.Min(target.Length, message.Length);
        socket.Received.Peek(target[..stored]);
        if (parts.Messages.Takes(peek))
        {
            // What did not fit is lost, as with every datagram.
            socket.Received.RemoveMessage();
            socket.Own.Forwarded += (uint)message.Length;
        }

        return new Reception(message.Length, stored, stored < message.Length, message.EndsRecord);
    }

    private void AfterReceive(VsockSocket socket, uint wanted)
    {
        if (socket.State != SocketState.Connected)
        {
            return;
        }

        if (parts.Credit.IsUpdateDue(socket.Own, wanted) && !socket.PeerShutdown.HasFlag(ShutdownFlags.Send))
        {
            sender.Update(socket);
        }

        lifecycle.AnswerShutdown(socket);
    }
}
