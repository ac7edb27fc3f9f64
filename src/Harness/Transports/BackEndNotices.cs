using System.Numerics;
using Vsockspec.Interop;

namespace Vsockspec.Transports;

/// <summary>
/// The back end's own requests. What must be told is remembered as bits, so nothing grows when the front end does not read, and nothing is
/// lost: it is sent as soon as there is room. Replies are read and dropped; waiting for one could block both sides on each other.
/// </summary>
/// <param name="watch">
/// While something is due and does not fit, the channel is in this set under <paramref name="tag"/>, to be tried again when there is room.
/// </param>
internal sealed class BackEndNotices(Epoll watch, ulong tag) : IDisposable
{
    private UnixStream? channel;
    private bool watched;
    private ulong usedRings;
    private ulong brokenRings;
    private bool configChanged;

    /// <summary>Replaces the channel; takes ownership.</summary>
    public void Open(UnixStream stream)
    {
        Close();
        channel = stream;
    }

    public void ConfigChanged() => configChanged = true;

    public void RingUsed(int ring) => usedRings |= 1UL << ring;

    public void RingBroken(int ring) => brokenRings |= 1UL << ring;

    /// <summary>Sends what is due and fits.</summary>
    public void Send()
    {
        DropReplies();
        while (usedRings != 0 && SendState(VhostUserBackEndRequest.VringCall, BitOperations.TrailingZeroCount(usedRings)))
        {
            usedRings &= usedRings - 1;
        }

        while (brokenRings != 0 && SendState(VhostUserBackEndRequest.VringErr, BitOperations.TrailingZeroCount(brokenRings)))
        {
            brokenRings &= brokenRings - 1;
        }

        configChanged = configChanged && !Send(VhostUserBackEndRequest.ConfigChangeMsg, VhostUserHeader.Version, []);
        WatchForRoom(channel is not null && (usedRings != 0 || brokenRings != 0 || configChanged));
    }

    public void Dispose() => Close();

    /// <summary>
    /// In-band signals ask for a reply: the document wants them to be used with REPLY_ACK, without which they cannot be negotiated.
    /// </summary>
    private bool SendState(VhostUserBackEndRequest request, int ring)
    {
        Span<byte> payload = stackalloc byte[VringState.Size];
        new VringState((uint)ring, 0).Write(payload);
        return Send(request, VhostUserHeader.Version | VhostUserHeader.NeedReply, payload);
    }

    private bool Send(VhostUserBackEndRequest request, uint flags, ReadOnlySpan<byte> payload)
    {
        if (channel is null)
        {
            return false;
        }

        Span<byte> message = stackalloc byte[VhostUserHeader.Length + VringState.Size];
        new VhostUserHeader((uint)request, flags, (uint)payload.Length).Write(message);
        payload.CopyTo(message[VhostUserHeader.Length..]);
        try
        {
            StreamMove move = channel.Send(message[..(VhostUserHeader.Length + payload.Length)]);
            if (move.State == StreamState.Closed)
            {
                Close();
            }

            return move.State == StreamState.Moved;
        }
        catch (ErrnoException)
        {
            // Not a socket: the front end gave us something that cannot carry messages.
            Close();
            return false;
        }
    }

    private void DropReplies()
    {
        Span<byte> scratch = stackalloc byte[256];
        try
        {
            StreamMove move;
            do
            {
                move = channel?.Receive(scratch) ?? new StreamMove(StreamState.Closed);
            }
            while (move.State == StreamState.Moved);
        }
        catch (ErrnoException)
        {
            Close();
        }
    }

    private void WatchForRoom(bool wanted)
    {
        if (wanted && !watched)
        {
            watch.Add(channel!.Fd, EpollEvents.Writable, tag);
        }
        else if (!wanted && watched && channel is not null)
        {
            watch.Remove(channel.Fd);
        }

        watched = wanted;
    }

    private void Close()
    {
        if (channel is not null)
        {
            WatchForRoom(false);
            channel.Dispose();
            channel = null;
        }
    }
}
