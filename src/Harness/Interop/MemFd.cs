using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

internal static class MemFd
{
    private const int AddSeals = 1033;
    private const int SealShrink = 2;
    private const int SealGrow = 4;
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;

    /// <summary>
    /// Anonymous memory of a fixed size that can be passed over a socket. It is sealed against shrinking, so a peer that
    /// truncates it cannot make our own accesses fault.
    /// </summary>
    public static unsafe SafeFileHandle Create(string name, long size)
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(name + '\0');
        int fd;
        fixed (byte* p = text)
        {
            fd = LibC.memfd_create(p, CloseOnExec | AllowSealing);
        }

        if (fd < 0)
        {
            throw ErrnoException.Last("memfd_create");
        }

        SafeFileHandle handle = new(fd, ownsHandle: true);
        if (LibC.ftruncate(fd, size) != 0)
        {
            ErrnoException error = ErrnoException.Last("ftruncate");
            handle.Dispose();
            throw error;
        }

        if (LibC.fcntl(fd, AddSeals, SealShrink | SealGrow) != 0)
        {
            ErrnoException error = ErrnoException.Last("fcntl(F_ADD_SEALS)");
            handle.Dispose();
            throw error;
        }

        return handle;
    }
}
