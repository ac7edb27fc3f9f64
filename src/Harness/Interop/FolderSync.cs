using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>fsync(2) of a folder: a file's own content survives a crash by a sync of the file, but its name, new, changed or removed, only by one of the folder.</summary>
public static unsafe class FolderSync
{
    /// <summary>Returns when all names in the folder are on the disk. Filesystems that cannot sync a folder are left to themselves.</summary>
    /// <exception cref="ErrnoException">The folder cannot be opened, or the disk fails.</exception>
    public static void Flush(string folder)
    {
        int fd;
        fixed (byte* p = Encoding.UTF8.GetBytes(folder + '\0'))
        {
            fd = LibC.open(p, LibC.O_RDONLY | LibC.O_DIRECTORY | LibC.O_CLOEXEC);
        }

        if (fd < 0)
        {
            throw ErrnoException.Last($"open({folder})");
        }

        using SafeFileHandle handle = new(fd, ownsHandle: true);
        if (LibC.fsync(fd) != 0 && LibC.errno is var errno && errno != LibC.EINVAL && errno != LibC.EROFS)
        {
            throw new ErrnoException($"fsync({folder})", errno);
        }
    }
}
