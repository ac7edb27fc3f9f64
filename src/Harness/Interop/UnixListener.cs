using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>A listening SOCK_STREAM Unix socket; the path that it was bound to here is removed on dispose.</summary>
public sealed unsafe class UnixListener : IDisposable
{
    private readonly SafeFileHandle handle;
    private bool disposed;

    /// <summary>Binds and listens. A socket file that nobody serves any more is replaced; anything else at the path is left alone.</summary>
    /// <exception cref="ErrnoException">The path is taken (EADDRINUSE) or cannot be bound.</exception>
    /// <exception cref="ArgumentException">The path does not fit into a socket address.</exception>
    public UnixListener(string path, int backlog = 128)
    {
        Path = path;
        sockaddr_un address = UnixAddress.Of(path, out int length);
        handle = UnixAddress.NewSocket(LibC.SOCK_STREAM);
        try
        {
            if (LibC.bind(Fd, (sockaddr*)&address, (uint)length) != 0)
            {
                int errno = LibC.errno;
                if (errno != LibC.EADDRINUSE || !IsStale(&address, length, LibC.SOCK_STREAM))
                {
                    throw new ErrnoException($"bind({path})", errno);
                }

                UnixAddress.Remove(path);
                if (LibC.bind(Fd, (sockaddr*)&address, (uint)length) != 0)
                {
                    throw ErrnoException.Last($"bind({path})");
                }
            }

            if (LibC.listen(Fd, backlog) != 0)
            {
                throw ErrnoException.Last("listen");
            }
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Takes over an inherited socket that listens already; its path, if any, belongs to whoever made it.</summary>
    public UnixListener(SafeFileHandle listening) => handle = listening;

    /// <summary>Null for an inherited socket.</summary>
    public string? Path { get; }

    /// <summary>True for a listening socket, false for a connected one and for anything else.</summary>
    public static bool IsListening(SafeFileHandle candidate)
    {
        int listening = 0;
        socklen_t length = sizeof(int);
        return LibC.getsockopt((int)candidate.DangerousGetHandle(), LibC.SOL_SOCKET, LibC.SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
    }

    /// <summary>Readable when a connection waits.</summary>
    public int Fd => (int)handle.DangerousGetHandle();

    /// <summary>Takes a connection that waits, or returns null.</summary>
    /// <exception cref="ErrnoException">The process is out of descriptors or memory.</exception>
    public UnixStream? TryAccept()
    {
        Span<PollEntry> entry = [new PollEntry(Fd, PollEvents.Readable)];
        if (Poll.Wait(entry, 0) == 0)
        {
            return null;
        }

        int fd = LibC.accept4(Fd, null, null, LibC.SOCK_CLOEXEC);
        if (fd >= 0)
        {
            return new UnixStream(new SafeFileHandle(fd, ownsHandle: true));
        }

        int errno = LibC.errno;
        return errno == LibC.EAGAIN || errno == LibC.EINTR || errno == LibC.ECONNABORTED ? null : throw new ErrnoException("accept4", errno);
    }

    /// <summary>Waits for a connection; null when the deadline passed first.</summary>
    public UnixStream? Accept(TimeSpan timeout)
    {
        Deadline deadline = Deadline.In(timeout);
        while (true)
        {
            if (TryAccept() is { } stream)
            {
                return stream;
            }

            int wait = deadline.PollTimeout;
            Span<PollEntry> entry = [new PollEntry(Fd, PollEvents.Readable)];
            if (Poll.Wait(entry, wait) == 0 && wait == 0)
            {
                return null;
            }
        }
    }

    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            if (Path is not null)
            {
                UnixAddress.Remove(Path);
            }

            handle.Dispose();
        }
    }

    /// <summary>
    /// A connect is refused exactly when the file is a socket without a listener; other files give ENOTSOCK or ECONNREFUSED, so the type is looked
    /// at too.
    /// </summary>
    internal static bool IsStale(sockaddr_un* address, int length, int type)
    {
        stat status;
        if (LibC.stat((byte*)address + 2, &status) != 0 || ((uint)status.st_mode & (uint)LibC.S_IFMT) != (uint)LibC.S_IFSOCK)
        {
            return false;
        }

        using SafeFileHandle probe = UnixAddress.NewSocket(type);
        return LibC.connect((int)probe.DangerousGetHandle(), (sockaddr*)address, (uint)length) != 0 && LibC.errno == LibC.ECONNREFUSED;
    }
}
