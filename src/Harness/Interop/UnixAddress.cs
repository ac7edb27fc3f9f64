using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>Addresses and sockets of the Unix family.</summary>
internal static unsafe class UnixAddress
{
    /// <summary>Bytes of <c>sun_path</c> without its final zero.</summary>
    public const int MaxPath = 107;

    private const int PathOffset = 2;

    /// <exception cref="ArgumentException">The path does not fit.</exception>
    public static sockaddr_un Of(string path, out int length)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes is 0 or > MaxPath || path.Contains('\0'))
        {
            throw new ArgumentException($"a Unix socket path has 1 to {MaxPath} bytes, this one has {bytes}: {path}", nameof(path));
        }

        sockaddr_un address = default;
        address.sun_family = LibC.AF_UNIX;
        Encoding.UTF8.GetBytes(path, new Span<byte>((byte*)&address + PathOffset, MaxPath));
        length = PathOffset + bytes + 1;
        return address;
    }

    /// <summary>Removes a socket file; one that is gone already, folder and all, is no error.</summary>
    public static void Remove(string path)
    {
        sockaddr_un address = Of(path, out _);
        _ = LibC.unlink((byte*)&address + PathOffset);
    }

    public static SafeFileHandle NewSocket(int type)
    {
        int fd = LibC.socket(LibC.AF_UNIX, type | LibC.SOCK_CLOEXEC, 0);
        return fd < 0 ? throw ErrnoException.Last("socket") : new SafeFileHandle(fd, ownsHandle: true);
    }
}
