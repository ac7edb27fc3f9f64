using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>The two kinds of socket that the two vsock types are, or that stand for them.</summary>
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
/// A Unix or vsock socket whose calls do not wait and whose outcomes are values, not exceptions: what a peer sees is what a case judges. One thread at a time,
/// <see cref="SendWaiting"/> apart.
/// </summary>
public sealed class LocalSocket : IDisposable
{
    private const int MessageDontWait = 0x40;
    private const int MessageNoSignal = 0x4000;
    private const int PathCapacity = 108;

    // linux/vm_sockets.h: sizes of the socket's buffer in bytes, u64.
    private const int VsockBufferSize = 0;
    private const int VsockBufferMinSize = 1;
    private const int VsockBufferMaxSize = 2;

    // linux/vm_sockets.h SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD: struct timeval.
    private const int VsockConnectTimeout = 6;
    private readonly SafeFileHandle handle;
    private bool connecting;

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

    /// <summary>A Unix socket.</summary>
    public static LocalSocket Create(LocalSocketKind kind) => Create(LibC.AF_UNIX, kind);

    /// <summary>A vsock socket.</summary>
    /// <exception cref="ErrnoException">The kernel has no such family, or not this kind of it (ENODEV: no transport carries it).</exception>
    public static LocalSocket Create(LocalSocketKind kind, VsockPermit permit)
    {
        ArgumentNullException.ThrowIfNull(permit);
        return Create(VsockAddress.Family, kind);
    }

    /// <summary>Two connected sockets.</summary>
    public static unsafe (LocalSocket First, LocalSocket Second) CreatePair(LocalSocketKind kind)
    {
        int* pair = stackalloc int[2];
        if (LibC.socketpair(LibC.AF_UNIX, TypeOf(kind), 0, pair) != 0)
        {
            throw ErrnoException.Last("socketpair");
        }

        return (new LocalSocket(new SafeFileHandle(pair[0], true), kind), new LocalSocket(new SafeFileHandle(pair[1], true), kind));
    }

    /// <summary>Asks for room for so many bytes that the peer has not read; the kernel may give less (net.core.wmem_max), and counts what it needs beside them.</summary>
    public unsafe void RequestSendBuffer(int bytes) => _ = LibC.setsockopt(Fd, LibC.SOL_SOCKET, LibC.SO_SNDBUF, &bytes, sizeof(int));

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

    /// <summary>Binds to a vsock address and listens.</summary>
    /// <exception cref="ErrnoException">The port is taken or not to be had.</exception>
    public unsafe void Listen(VsockAddress address, int backlog)
    {
        byte* bytes = stackalloc byte[VsockAddress.Size];
        address.Write(new Span<byte>(bytes, VsockAddress.Size));
        if (LibC.bind(Fd, (sockaddr*)bytes, VsockAddress.Size) != 0)
        {
            throw ErrnoException.Last($"bind({address})");
        }

        if (LibC.listen(Fd, backlog) != 0)
        {
            throw ErrnoException.Last($"listen({address})");
        }
    }

    /// <summary>Begins to connect to a vsock address; <see cref="FinishConnect"/>, and any send or receive, tell how it ended.</summary>
    /// <returns><see cref="SocketOutcome.Later"/>: under way.</returns>
    public unsafe SocketOutcome Connect(VsockAddress address)
    {
        byte* bytes = stackalloc byte[VsockAddress.Size];
        address.Write(new Span<byte>(bytes, VsockAddress.Size));
        if (LibC.connect(Fd, (sockaddr*)bytes, VsockAddress.Size) == 0)
        {
            return SocketOutcome.Done;
        }

        int errno = LibC.errno;
        if (errno == LibC.EINPROGRESS)
        {
            connecting = true;
            return SocketOutcome.Later;
        }

        LastError = errno;
        return SocketOutcome.Failed;
    }

    /// <summary>How the connect stands that was begun: under way, done, or failed with <see cref="LastError"/>.</summary>
    public unsafe SocketOutcome FinishConnect()
    {
        if (!connecting)
        {
            return SocketOutcome.Done;
        }

        Span<PollEntry> entry = [new PollEntry(Fd, PollEvents.Writable)];
        if (Poll.Wait(entry, 0) == 0)
        {
            return SocketOutcome.Later;
        }

        connecting = false;
        int error = 0;
        socklen_t length = sizeof(int);
        if (LibC.getsockopt(Fd, LibC.SOL_SOCKET, LibC.SO_ERROR, &error, &length) != 0)
        {
            throw ErrnoException.Last("getsockopt(SO_ERROR)");
        }

        LastError = error;
        return error == 0 ? SocketOutcome.Done : SocketOutcome.Failed;
    }

    /// <summary>The vsock address that this socket is bound to.</summary>
    public unsafe VsockAddress LocalAddress()
    {
        byte* bytes = stackalloc byte[VsockAddress.Size];
        socklen_t length = VsockAddress.Size;
        return LibC.getsockname(Fd, (sockaddr*)bytes, &length) == 0
            ? VsockAddress.Read(new ReadOnlySpan<byte>(bytes, VsockAddress.Size))
            : throw ErrnoException.Last("getsockname");
    }

    /// <summary>Sets a vsock socket's buffer, whose size its end of a flow tells as buf_alloc; before it connects or listens.</summary>
    /// <param name="bytes">Also becomes the least and the greatest size, so that the kernel does not clamp it.</param>
    public void SetVsockBuffer(ulong bytes)
    {
        SetVsockOption(VsockBufferMaxSize, bytes);
        SetVsockOption(VsockBufferMinSize, bytes);
        SetVsockOption(VsockBufferSize, bytes);
    }

    /// <summary>Sets SO_RCVLOWAT: the socket does not count as readable with fewer bytes.</summary>
    public unsafe void SetReceiveLowWater(int bytes)
    {
        if (LibC.setsockopt(Fd, LibC.SOL_SOCKET, LibC.SO_RCVLOWAT, &bytes, sizeof(int)) != 0)
        {
            throw ErrnoException.Last("setsockopt(SO_RCVLOWAT)");
        }
    }

    /// <summary>True when poll(2) says so.</summary>
    public bool IsReadable()
    {
        Span<PollEntry> entry = [new PollEntry(Fd, PollEvents.Readable)];
        return Poll.Wait(entry, 0) > 0;
    }

    /// <summary>Sets how long a vsock connect may take; the kernel's own default is two seconds.</summary>
    public unsafe void SetVsockConnectTimeout(TimeSpan time)
    {
        long* value = stackalloc long[2];
        value[0] = (long)time.TotalSeconds;
        value[1] = (long)(time.TotalMicroseconds % 1_000_000);
        if (LibC.setsockopt(Fd, VsockAddress.Family, VsockConnectTimeout, value, 16) != 0)
        {
            throw ErrnoException.Last("setsockopt(SO_VM_SOCKETS_CONNECT_TIMEOUT)");
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

    /// <summary>
    /// Sends what the socket takes now. A Unix seqpacket socket takes all or nothing; a vsock one may take a part and say <see cref="SocketOutcome.Later"/>, and nobody
    /// learns how much (docs/findings.md): messages that may not fit into the peer's credit are for <see cref="SendWaiting"/>.
    /// </summary>
    public unsafe SocketOutcome Send(ReadOnlySpan<byte> data, out int sent)
    {
        sent = 0;
        if (connecting && FinishConnect() is var state and not SocketOutcome.Done)
        {
            return state;
        }

        fixed (byte* p = data)
        {
            iovec part = new() { iov_base = p, iov_len = data.Length };
            msghdr message = new() { msg_iov = &part, msg_iovlen = 1 };
            long n = (long)LibC.sendmsg(Fd, &message, MessageNoSignal | MessageDontWait);
            sent = (int)Math.Max(n, 0);
            return Outcome(n);
        }
    }

    /// <summary>Lets <see cref="SendWaiting"/> wait, from now on; the connection stands. The other calls go on as they are.</summary>
    public void LetSendsWait()
    {
        int flags = LibC.fcntl(Fd, LibC.F_GETFL);
        if (flags < 0 || LibC.fcntl(Fd, LibC.F_SETFL, flags & ~LibC.O_NONBLOCK) != 0)
        {
            throw ErrnoException.Last("fcntl(O_NONBLOCK)");
        }
    }

    /// <summary>
    /// Sends one message and waits until all of it is taken. Other threads may use the socket meanwhile; what ends the wait early is <see cref="Shutdown"/> or the end of
    /// the connection.
    /// </summary>
    /// <returns>0, or errno.</returns>
    public unsafe int SendWaiting(ReadOnlySpan<byte> data)
    {
        fixed (byte* p = data)
        {
            iovec part = new() { iov_base = p, iov_len = data.Length };
            msghdr message = new() { msg_iov = &part, msg_iovlen = 1 };

            // A signal that arrives in the middle of a message would have the kernel begin it again, behind the part that it has sent.
            using BlockedSignals blocked = new();
            if ((long)LibC.sendmsg(Fd, &message, MessageNoSignal) >= 0)
            {
                return 0;
            }

            // 0: the runtime's own calls have overwritten it.
            int errno = LibC.errno;
            return errno != 0 ? errno : LibC.EIO;
        }
    }

    /// <summary>
    /// Receives what is there, for seqpacket one message. A zero-length message and the end of file look the same on a Unix
    /// seqpacket socket.
    /// </summary>
    public unsafe SocketOutcome Receive(Span<byte> buffer, out int received)
    {
        received = 0;
        if (connecting && FinishConnect() is var state and not SocketOutcome.Done)
        {
            return state;
        }

        fixed (byte* p = buffer)
        {
            iovec part = new() { iov_base = p, iov_len = buffer.Length };
            msghdr message = new() { msg_iov = &part, msg_iovlen = 1 };
            long n = (long)LibC.recvmsg(Fd, &message, MessageDontWait);
            received = (int)Math.Max(n, 0);
            return n == 0 && buffer.Length > 0 ? SocketOutcome.EndOfFile : Outcome(n);
        }
    }

    /// <summary>shutdown(2).</summary>
    public SocketOutcome Shutdown(System.Net.Sockets.SocketShutdown how) => Outcome(LibC.shutdown(Fd, (int)how));

    public void Dispose() => handle.Dispose();

    private static LocalSocket Create(int family, LocalSocketKind kind)
    {
        int fd = LibC.socket(family, TypeOf(kind), 0);
        return fd < 0 ? throw ErrnoException.Last("socket") : new LocalSocket(new SafeFileHandle(fd, true), kind);
    }

    private static int TypeOf(LocalSocketKind kind) =>
        (kind == LocalSocketKind.Stream ? LibC.SOCK_STREAM : LibC.SOCK_SEQPACKET) | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;

    private unsafe void SetVsockOption(int option, ulong value)
    {
        if (LibC.setsockopt(Fd, VsockAddress.Family, option, &value, sizeof(ulong)) != 0)
        {
            throw ErrnoException.Last($"setsockopt(AF_VSOCK, {option})");
        }
    }

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
