using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>
/// A name that one holder on this machine has at a time: an abstract Unix socket bound to it. The kernel gives it back when the process ends,
/// however it ends, and no file is left behind (unix(7)). Held per network namespace, as vsock devices are.
/// </summary>
public sealed unsafe class NameLock : IDisposable
{
    private const int PathOffset = 2;
    private readonly SafeFileHandle handle;

    private NameLock(SafeFileHandle handle) => this.handle = handle;

    /// <summary>Takes the name; null when somebody has it.</summary>
    /// <exception cref="ErrnoException">The system refuses for another reason.</exception>
    public static NameLock? TryTake(string name)
    {
        sockaddr_un address = default;
        address.sun_family = LibC.AF_UNIX;
        byte[] text = Encoding.UTF8.GetBytes(name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(text.Length, UnixAddress.MaxPath - 1, nameof(name));
        text.CopyTo(new Span<byte>((byte*)&address + PathOffset + 1, UnixAddress.MaxPath - 1));
        SafeFileHandle socket = UnixAddress.NewSocket(LibC.SOCK_STREAM);
        if (LibC.bind((int)socket.DangerousGetHandle(), (sockaddr*)&address, (uint)(PathOffset + 1 + text.Length)) == 0)
        {
            return new NameLock(socket);
        }

        int errno = LibC.errno;
        socket.Dispose();
        return errno == LibC.EADDRINUSE ? null : throw new ErrnoException($"bind(@{name})", errno);
    }

    public void Dispose() => handle.Dispose();
}
