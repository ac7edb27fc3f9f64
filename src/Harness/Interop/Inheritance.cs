using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>
/// While it lives, programs that this process starts inherit one descriptor, under the same number (fcntl(2), FD_CLOEXEC). Programs that
/// another thread starts in the meantime inherit it too, so it is kept for as short as possible.
/// </summary>
public sealed class Inheritance : IDisposable
{
    private const int CloseOnExec = 1;
    private readonly SafeHandle handle;

    /// <exception cref="ErrnoException">Not an open descriptor.</exception>
    public Inheritance(SafeHandle handle)
    {
        this.handle = handle;
        Set(0);
    }

    /// <summary>The number under which it is inherited.</summary>
    public int Fd => (int)handle.DangerousGetHandle();

    public void Dispose() => Set(CloseOnExec);

    private void Set(int flags)
    {
        if (LibC.fcntl(Fd, LibC.F_SETFD, flags) != 0)
        {
            throw ErrnoException.Last("fcntl(F_SETFD)");
        }
    }
}
