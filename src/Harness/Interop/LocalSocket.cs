using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>The two kinds of Unix socket that stand for the two vsock types.</summary>
public enum LocalSocketKind
{
    Stream,
    Seqpacket,
}

/// <summary>What a non-blocking socket call came to.</summary>
public enum SocketOutcome
{
    Done,

    /// <summary>Would block: wait and try again.</summary>
    Later,

    /// <summary>The other end sends no more.</summary>
    EndOfFile,

    /// <summary>See <see cref="LocalSocket.LastError"/>.</summary>
    Failed,
}

/// <summary>
/// A non-blocking Unix socket whose outcomes are values, not exceptions: what a peer sees is what a case judges. One thread at a time.
/// </summary>
public sealed class LocalSocket : IDisposable
{
    private const int MessageNoSignal = 0x4000;
    private const int PathCapacity = 108;
    private readonly SafeFileHandle handle;

    private LocalSocket(SafeFileHandle handle, LocalSocketKind kind)
    {
        this.handle = handle;
        Kind = kind;
    }

    public LocalSocketKind Kind { get; }

    public int Fd => (int)handle.DangerousGetHandle();

    public bool IsClosed => handle.IsClosed;

    /// <summary>errno of the last call that ended in <see cref="SocketOutcome.Failed"/>.</summary>
    public int LastError { get; private set; }

    public static LocalSocket Create(LocalSocketKind kind)
    {
        int type = (kind == LocalSocketKind.Stream ? LibC.SOCK_STREAM : LibC.SOCK_SEQPACKET) | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;
        int fd = LibC.socket(LibC.AF_UNIX, type, 0);
        return fd < 0 ? throw ErrnoException.Last("socket") : new LocalSocket(new SafeFileHandle(fd, true), kind);
    }

    /// <summary>Two connected sockets.</summary>
    public static unsafe (LocalSocket First, LocalSocket Second) CreatePair(LocalSocketKind kind)
    {
        int type = (kind == LocalSocketKind.Stream ? LibC.SOCK_STREAM : LibC.SOCK_SEQPACKET) | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;
        int* pair = stackalloc int[2];
        if (LibC.socketpair(LibC.AF_UNIX, type, 0, pair) != 0)
        {
            throw ErrnoException.Last("socketpair");
        }

        return (new LocalSocket(new SafeFileHandle(pair[0], true), kind), new LocalSocket(new SafeFileHandle(pair[1], true), kind));
    }

    /// <summary>Binds to a path and listens.</summary>
    /// <exception cref="ErrnoException">The path is taken or cannot be created.</exception>
    public unsafe void Listen(string path, int backlog)
    {
        byte* address = stackalloc byte[PathCapacity + 2];
        int length = WriteAddress(path, address);
        if (LibC.bind(Fd, (sockaddr*)address, (uint)length) != 0)
        {
            throw ErrnoException.Last($"bind({path})");
        }

        if (LibC.listen(Fd, backlog) != 0)
        {
            throw ErrnoException.Last($"listen({path})");
        }
    }

    /// <summary>Connects. A Unix socket connects at once, or refuses, or is <see cref="SocketOutcome.Later"/> while the backlog is full.</summary>
    public unsafe SocketOutcome Connect(string path)
    {
        byte* address = stackalloc byte[PathCapacity + 2];
        int length = WriteAddress(path, address);
        return Outcome(LibC.connect(Fd, (sockaddr*)address, (uint)length) == 0 ? 0 : -1);
    }

    /// <summary>Takes a pending connection; null when there is none.</summary>
    public unsafe LocalSocket? Accept()
    {
        int fd = LibC.accept4(Fd, null, null, LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC);
        if (fd >= 0)
        {
            return new LocalSocket(new SafeFileHandle(fd, true), Kind);
        }

        int errno = LibC.errno;
        return errno == LibC.EAGAIN || errno == LibC.EINTR || errno == LibC.ECONNABORTED ? null : throw new ErrnoException("accept4", errno);
    }

    /// <summary>Sends what the socket takes now; a seqpacket socket takes all or nothing.</summary>
    public unsafe SocketOutcome Send(ReadOnlySpan<byte> data, out int sent)
    {
        fixed (byte* p = data)
        {
            iovec part = new() { iov_base = p, iov_len = data.Length };
            msghdr message = new() { msg_iov = &part, msg_iovlen = 1 };
            long n = (long)LibC.sendmsg(Fd, &message, MessageNoSignal);
            sent = (int)Math.Max(n, 0);
            return Outcome(n);
        }
    }

    /// <summary>
    /// Receives what is there, for seqpacket one message. A zero-length message and the end of file look the same on a Unix
    /// seqpacket socket.
    /// </summary>
    public unsafe SocketOutcome Receive(Span<byte> buffer, out int received)
    {
        fixed (byte* p = buffer)
        {
            iovec part = new() { iov_base = p, iov_len = buffer.Length };
            msghdr message = new() { msg_iov = &part, msg_iovlen = 1 };
            long n = (long)LibC.recvmsg(Fd, &message, 0);
            received = (int)Math.Max(n, 0);
            return n == 0 && buffer.Length > 0 ? SocketOutcome.EndOfFile : Outcome(n);
        }
    }

    /// <summary>shutdown(2).</summary>
    public SocketOutcome Shutdown(System.Net.Sockets.SocketShutdown how) => Outcome(LibC.shutdown(Fd, (int)how));

    public void Dispose() => handle.Dispose();

    private static unsafe int WriteAddress(string path, byte* address)
    {
        Span<byte> target = new(address + 2, PathCapacity - 1);
        if (!System.Text.Encoding.UTF8.TryGetBytes(path, target, out int length))
        {
            throw new ArgumentException($"socket path is longer than {PathCapacity - 1} bytes: {path}", nameof(path));
        }

        *(ushort*)address = (ushort)LibC.AF_UNIX;
        address[2 + length] = 0;
        return 2 + length + 1;
    }

    private SocketOutcome Outcome(long result)
    {
        if (result >= 0)
        {
            return SocketOutcome.Done;
        }

        int errno = LibC.errno;
        if (errno == LibC.EAGAIN || errno == LibC.EINTR)
        {
            return SocketOutcome.Later;
        }

        LastError = errno;
        return SocketOutcome.Failed;
    }
}
