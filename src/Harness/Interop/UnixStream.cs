using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>What a read or write on a stream came to.</summary>
public enum StreamState
{
    /// <summary>At least one byte was moved.</summary>
    Moved,

    /// <summary>Nothing can be moved now.</summary>
    WouldBlock,

    /// <summary>The peer closed its end.</summary>
    Closed,
}

/// <summary>The outcome of one read or write.</summary>
/// <param name="Count">Bytes moved; zero unless <see cref="StreamState.Moved"/>.</param>
/// <param name="DescriptorsLost">The kernel dropped descriptors that came with the bytes (MSG_CTRUNC).</param>
public readonly record struct StreamMove(StreamState State, int Count = 0, bool DescriptorsLost = false);

/// <summary>
/// One end of a connected SOCK_STREAM Unix socket that carries descriptors beside bytes. No call blocks except
/// <see cref="Wait(PollEvents, Deadline)"/>; the file status flags are left alone, since a received socket may be shared with its sender. One
/// reader and one writer at a time.
/// </summary>
public sealed unsafe class UnixStream : IDisposable
{
    /// <summary>Most descriptors that Linux passes with one message (SCM_MAX_FD).</summary>
    public const int MaxDescriptors = 253;

    /// <summary>Takes ownership of a connected socket.</summary>
    public UnixStream(SafeFileHandle handle) => Handle = handle;

    public SafeFileHandle Handle { get; }

    /// <summary>The descriptor for poll; valid while this object is.</summary>
    public int Fd => (int)Handle.DangerousGetHandle();

    /// <summary>Connects to a listening socket, waiting for room in its backlog until the deadline.</summary>
    /// <exception cref="ErrnoException">Nobody listens, or not in time (EAGAIN).</exception>
    /// <exception cref="ArgumentException">The path does not fit into a socket address.</exception>
    public static UnixStream Connect(string path, TimeSpan deadline)
    {
        sockaddr_un address = UnixAddress.Of(path, out int length);
        UnixStream stream = new(UnixAddress.NewSocket(LibC.SOCK_STREAM));
        try
        {
            // A blocking connect honours SO_SNDTIMEO; a non-blocking one fails at once when the backlog is full.
            long* timeout = stackalloc long[2];
            timeout[0] = (long)deadline.TotalSeconds;
            timeout[1] = Math.Max(1, (long)(deadline.TotalMicroseconds % 1_000_000));
            if (LibC.setsockopt(stream.Fd, LibC.SOL_SOCKET, LibC.SO_SNDTIMEO, timeout, 16) != 0)
            {
                throw ErrnoException.Last("setsockopt(SO_SNDTIMEO)");
            }

            while (LibC.connect(stream.Fd, (sockaddr*)&address, (uint)length) != 0)
            {
                if (LibC.errno != LibC.EINTR)
                {
                    throw ErrnoException.Last("connect");
                }
            }

            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Two connected ends.</summary>
    public static (UnixStream First, UnixStream Second) Pair()
    {
        int* pair = stackalloc int[2];
        if (LibC.socketpair(LibC.AF_UNIX, LibC.SOCK_STREAM | LibC.SOCK_CLOEXEC, 0, pair) != 0)
        {
            throw ErrnoException.Last("socketpair");
        }

        return (new UnixStream(new SafeFileHandle(pair[0], ownsHandle: true)), new UnixStream(new SafeFileHandle(pair[1], ownsHandle: true)));
    }

    /// <summary>
    /// Sends as many bytes as fit now. The descriptors travel with the first byte, so they are sent exactly when the result is
    /// <see cref="StreamState.Moved"/>; they stay the caller's.
    /// </summary>
    /// <exception cref="ErrnoException">The socket refuses for another reason than a full buffer or a closed peer.</exception>
    public StreamMove Send(ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> descriptors = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, MaxDescriptors);
        int controlLength = descriptors.IsEmpty ? 0 : LibC.CMSG_SPACE(descriptors.Length * sizeof(int));
        byte* control = stackalloc byte[controlLength];
        fixed (byte* data = bytes)
        {
            iovec vector = new() { iov_base = data, iov_len = (uint)bytes.Length };
            msghdr message = new() { msg_iov = &vector, msg_iovlen = 1 };
            if (!descriptors.IsEmpty)
            {
                message.msg_control = control;
                message.msg_controllen = (uint)controlLength;
                cmsghdr* header = LibC.CMSG_FIRSTHDR(&message);
                header->cmsg_level = LibC.SOL_SOCKET;
                header->cmsg_type = LibC.SCM_RIGHTS;

                // Not CMSG_LEN: the one of Tmds.LibC 0.5.0 rounds up, which would add a descriptor.
                header->cmsg_len = (uint)(sizeof(cmsghdr) + (descriptors.Length * sizeof(int)));
                int* slots = (int*)LibC.CMSG_DATA(header);
                for (int i = 0; i < descriptors.Length; i++)
                {
                    slots[i] = (int)descriptors[i].DangerousGetHandle();
                }
            }

            while (true)
            {
                long sent = (long)LibC.sendmsg(Fd, &message, LibC.MSG_NOSIGNAL | LibC.MSG_DONTWAIT);
                if (sent >= 0)
                {
                    return new StreamMove(sent == 0 ? StreamState.WouldBlock : StreamState.Moved, (int)sent);
                }

                int errno = LibC.errno;
                if (errno == LibC.EAGAIN)
                {
                    return new StreamMove(StreamState.WouldBlock);
                }

                if (errno == LibC.EPIPE || errno == LibC.ECONNRESET)
                {
                    return new StreamMove(StreamState.Closed);
                }

                if (errno != LibC.EINTR)
                {
                    throw new ErrnoException("sendmsg", errno);
                }
            }
        }
    }

    /// <summary>
    /// Receives what is there, at most <paramref name="buffer"/>. Descriptors that come along are appended to
    /// <paramref name="descriptors"/>, whose owner closes them; without a list they are closed here.
    /// </summary>
    /// <exception cref="ErrnoException">The descriptor is not a usable socket.</exception>
    public StreamMove Receive(Span<byte> buffer, ICollection<SafeFileHandle>? descriptors = null)
    {
        const int ControlLength = 16 + (MaxDescriptors * sizeof(int)) + 4;
        ulong* control = stackalloc ulong[ControlLength / sizeof(ulong)];
        fixed (byte* data = buffer)
        {
            iovec vector = new() { iov_base = data, iov_len = (uint)buffer.Length };
            msghdr message = new() { msg_iov = &vector, msg_iovlen = 1, msg_control = control, msg_controllen = ControlLength };
            long received;
            while ((received = (long)LibC.recvmsg(Fd, &message, LibC.MSG_CMSG_CLOEXEC | LibC.MSG_DONTWAIT)) < 0)
            {
                int errno = LibC.errno;
                if (errno == LibC.EAGAIN)
                {
                    return new StreamMove(StreamState.WouldBlock);
                }

                if (errno == LibC.ECONNRESET)
                {
                    return new StreamMove(StreamState.Closed);
                }

                if (errno != LibC.EINTR)
                {
                    throw new ErrnoException("recvmsg", errno);
                }
            }

            TakeDescriptors(&message, descriptors);
            bool lost = (message.msg_flags & LibC.MSG_CTRUNC) != 0;
            return received == 0 && !buffer.IsEmpty
                ? new StreamMove(StreamState.Closed, 0, lost)
                : new StreamMove(StreamState.Moved, (int)received, lost);
        }
    }

    /// <summary>True when a read would give bytes or the end of the stream. Consumes nothing.</summary>
    public bool HasInput() => Wait(PollEvents.Readable, 0);

    /// <summary>True when bytes (not just the end of the stream) wait to be read. Consumes nothing.</summary>
    public bool HasBytes()
    {
        byte first;
        return (long)LibC.recv(Fd, &first, 1, LibC.MSG_PEEK | LibC.MSG_DONTWAIT) == 1;
    }

    /// <summary>Waits for an event or for the peer to go away; false when the deadline passed first.</summary>
    public bool Wait(PollEvents interest, Deadline deadline)
    {
        while (true)
        {
            int timeout = deadline.PollTimeout;
            if (Wait(interest, timeout))
            {
                return true;
            }

            if (timeout == 0)
            {
                return false;
            }
        }
    }

    /// <summary>Ends both directions: whoever waits at either end sees the end of the stream. A peer that has gone is no error.</summary>
    public void Shutdown() => _ = LibC.shutdown(Fd, LibC.SHUT_RDWR);

    public void Dispose() => Handle.Dispose();

    private bool Wait(PollEvents interest, int timeoutMs)
    {
        Span<PollEntry> entry = [new PollEntry(Fd, interest)];
        return Poll.Wait(entry, timeoutMs) > 0;
    }

    private static void TakeDescriptors(msghdr* message, ICollection<SafeFileHandle>? descriptors)
    {
        for (cmsghdr* header = LibC.CMSG_FIRSTHDR(message); header != null; header = LibC.CMSG_NXTHDR(message, header))
        {
            if (header->cmsg_level != LibC.SOL_SOCKET || header->cmsg_type != LibC.SCM_RIGHTS)
            {
                continue;
            }

            int count = ((int)(uint)header->cmsg_len - sizeof(cmsghdr)) / sizeof(int);
            int* slots = (int*)LibC.CMSG_DATA(header);
            for (int i = 0; i < count; i++)
            {
                SafeFileHandle handle = new(slots[i], ownsHandle: true);
                if (descriptors is null)
                {
                    handle.Dispose();
                }
                else
                {
                    descriptors.Add(handle);
                }
            }
        }
    }
}
