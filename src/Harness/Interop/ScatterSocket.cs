using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>Kinds of Unix socket that keep order.</summary>
public enum ScatterSocketKind
{
    Stream,
    Seqpacket,
}

/// <summary>What became of a send or receive.</summary>
/// <param name="Count">Bytes moved; for a receive that was cut, the bytes that fitted.</param>
/// <param name="Errno">0, or why nothing was moved.</param>
/// <param name="Truncated">The message was longer than the room for it; the rest is lost.</param>
/// <param name="IsMessage">
/// With <see cref="ScatterSocket.MarkMessages"/>: the receive took a message. Tells an empty message from the end of a seqpacket connection.
/// </param>
public readonly record struct ScatterResult(int Count, int Errno, bool Truncated = false, bool IsMessage = false)
{
    public bool WouldBlock => Errno == LibC.EAGAIN;
}

/// <summary>
/// A Unix socket that never blocks, moving bytes directly between the kernel and memory in pieces. Failures of the peer are results,
/// not exceptions. One thread at a time.
/// </summary>
public sealed unsafe class ScatterSocket : IDisposable
{
    /// <summary>Longest path in bytes.</summary>
    public const int MaxPathBytes = UnixAddress.MaxPath;

    // CMSG_SPACE(sizeof(struct ucred)): the credentials and nothing more, so descriptors that a peer sends along find no room and are closed.
    private const int CredentialsSpace = 32;

    private readonly SafeFileHandle handle;
    private bool marksMessages;
    private string? boundPath;

    private ScatterSocket(int fd) => handle = new SafeFileHandle(fd, ownsHandle: true);

    /// <summary>The descriptor for epoll; valid while this object is.</summary>
    public int Fd => (int)handle.DangerousGetHandle();

    /// <summary>Binds and listens. A socket file that nobody serves any more is replaced.</summary>
    /// <exception cref="ErrnoException">EADDRINUSE: somebody serves the path, or the file is not a socket.</exception>
    public static ScatterSocket Listen(string path, ScatterSocketKind kind, int backlog)
    {
        ScatterSocket socket = New(kind);
        try
        {
            sockaddr_un address = UnixAddress.Of(path, out int length);
            if (LibC.bind(socket.Fd, (sockaddr*)&address, (uint)length) != 0)
            {
                int errno = LibC.errno;
                if (errno != LibC.EADDRINUSE || !UnixListener.IsStale(&address, length, TypeOf(kind)))
                {
                    throw new ErrnoException($"bind({path})", errno);
                }

                UnixAddress.Remove(path);
                if (LibC.bind(socket.Fd, (sockaddr*)&address, (uint)length) != 0)
                {
                    throw ErrnoException.Last($"bind({path})");
                }
            }

            socket.boundPath = path;
            return LibC.listen(socket.Fd, backlog) == 0 ? socket : throw ErrnoException.Last($"listen({path})");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects at once or not at all; null when nobody listens, the backlog is full or the listener is of the other kind.</summary>
    /// <param name="errno">Why not.</param>
    public static ScatterSocket? TryConnect(string path, ScatterSocketKind kind, out int errno)
    {
        int fd = NewDescriptor(kind);
        if (fd < 0)
        {
            errno = LibC.errno;
            return null;
        }

        ScatterSocket socket = new(fd);
        sockaddr_un address = UnixAddress.Of(path, out int length);
        if (LibC.connect(socket.Fd, (sockaddr*)&address, (uint)length) == 0)
        {
            errno = 0;
            return socket;
        }

        errno = LibC.errno;
        socket.Dispose();
        return null;
    }

    /// <summary>Takes the next waiting connection; null when there is none or it cannot be taken now.</summary>
    /// <param name="errno">0 when none waits, EMFILE and the like otherwise.</param>
    public ScatterSocket? TryAccept(out int errno)
    {
        int fd = LibC.accept4(Fd, null, null, LibC.SOCK_CLOEXEC | LibC.SOCK_NONBLOCK);
        errno = fd >= 0 ? 0 : LibC.errno;
        if (errno == LibC.EAGAIN)
        {
            errno = 0;
        }

        return fd >= 0 ? new ScatterSocket(fd) : null;
    }

    /// <summary>Asks for room for <paramref name="bytes"/> in the send buffer; the kernel may give less.</summary>
    public void RequestSendBuffer(int bytes)
    {
        _ = LibC.setsockopt(Fd, LibC.SOL_SOCKET, LibC.SO_SNDBUF, &bytes, sizeof(int));
    }

    /// <summary>
    /// From now on <see cref="ScatterResult.IsMessage"/> is true for what a peer really sent: with SO_PASSCRED each message, even an
    /// empty one, carries its sender's credentials, and the end of the connection does not.
    /// </summary>
    public void MarkMessages()
    {
        int on = 1;
        if (LibC.setsockopt(Fd, LibC.SOL_SOCKET, LibC.SO_PASSCRED, &on, sizeof(int)) != 0)
        {
            throw ErrnoException.Last("setsockopt(SO_PASSCRED)");
        }

        marksMessages = true;
    }

    /// <summary>Sends the pieces as one message, or as much of them as a stream takes.</summary>
    public ScatterResult Send(IoVectors pieces, bool endOfRecord = false)
    {
        msghdr message = new() { msg_iov = pieces.Pieces, msg_iovlen = pieces.Count };
        int flags = LibC.MSG_NOSIGNAL | LibC.MSG_DONTWAIT | (endOfRecord ? LibC.MSG_EOR : 0);
        while (true)
        {
            long sent = (long)LibC.sendmsg(Fd, &message, flags);
            if (sent >= 0)
            {
                return new ScatterResult((int)sent, 0);
            }

            int errno = LibC.errno;
            if (errno != LibC.EINTR)
            {
                return new ScatterResult(0, errno);
            }
        }
    }

    /// <summary>Sends a short text; all of it or nothing counts.</summary>
    public bool TrySend(ReadOnlySpan<byte> text)
    {
        fixed (byte* p = text)
        {
            return (long)LibC.send(Fd, p, (uint)text.Length, LibC.MSG_NOSIGNAL | LibC.MSG_DONTWAIT) == text.Length;
        }
    }

    /// <summary>Receives into the pieces: the next message, or what a stream has.</summary>
    public ScatterResult Receive(IoVectors pieces) => Receive(pieces.Pieces, pieces.Count, 0);

    /// <summary>Looks at the next byte and leaves everything there.</summary>
    public ScatterResult Peek()
    {
        byte one;
        iovec piece = new() { iov_base = &one, iov_len = 1 };
        return Receive(&piece, 1, LibC.MSG_PEEK);
    }

    /// <summary>Looks at the next bytes and leaves them there.</summary>
    public ScatterResult Peek(Span<byte> buffer) => Receive(buffer, LibC.MSG_PEEK);

    /// <summary>Receives into ordinary memory.</summary>
    public ScatterResult Receive(Span<byte> buffer) => Receive(buffer, 0);

    /// <summary>Shuts one or both directions; a peer that is gone already is no error.</summary>
    public void ShutDown(bool receive, bool send)
    {
        if (receive || send)
        {
            _ = LibC.shutdown(Fd, receive && send ? LibC.SHUT_RDWR : send ? LibC.SHUT_WR : LibC.SHUT_RD);
        }
    }

    /// <summary>Closes the socket and removes the file that <see cref="Listen"/> made.</summary>
    public void Dispose()
    {
        if (boundPath is not null && !handle.IsClosed)
        {
            UnixAddress.Remove(boundPath);
        }

        handle.Dispose();
    }

    private ScatterResult Receive(iovec* pieces, int count, int flags)
    {
        ulong* control = stackalloc ulong[CredentialsSpace / sizeof(ulong)];
        msghdr message = new() { msg_iov = pieces, msg_iovlen = count };
        if (marksMessages)
        {
            message.msg_control = control;
            message.msg_controllen = CredentialsSpace;
        }

        while (true)
        {
            long received = (long)LibC.recvmsg(Fd, &message, flags | LibC.MSG_DONTWAIT);
            if (received >= 0)
            {
                bool truncated = (message.msg_flags & LibC.MSG_TRUNC) != 0;
                return new ScatterResult((int)received, 0, truncated, message.msg_controllen > 0);
            }

            int errno = LibC.errno;
            if (errno != LibC.EINTR)
            {
                return new ScatterResult(0, errno);
            }
        }
    }

    private ScatterResult Receive(Span<byte> buffer, int flags)
    {
        fixed (byte* p = buffer)
        {
            while (true)
            {
                long received = (long)LibC.recv(Fd, p, (uint)buffer.Length, flags | LibC.MSG_DONTWAIT);
                if (received >= 0)
                {
                    return new ScatterResult((int)received, 0);
                }

                int errno = LibC.errno;
                if (errno != LibC.EINTR)
                {
                    return new ScatterResult(0, errno);
                }
            }
        }
    }

    private static ScatterSocket New(ScatterSocketKind kind)
    {
        int fd = NewDescriptor(kind);
        return fd >= 0 ? new ScatterSocket(fd) : throw ErrnoException.Last("socket");
    }

    private static int NewDescriptor(ScatterSocketKind kind)
    {
        return LibC.socket(LibC.AF_UNIX, TypeOf(kind) | LibC.SOCK_CLOEXEC | LibC.SOCK_NONBLOCK, 0);
    }

    private static int TypeOf(ScatterSocketKind kind) => kind == ScatterSocketKind.Stream ? LibC.SOCK_STREAM : LibC.SOCK_SEQPACKET;
}
