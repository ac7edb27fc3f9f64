using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>What a name in a folder stands for.</summary>
public enum EntryKind
{
    File,
    Folder,
    SymbolicLink,

    /// <summary>A FIFO, a socket or a device: opening one may wait for ever, or do something.</summary>
    Special,
}

/// <summary>Looks at folders that nobody vouches for: links are not followed, and nothing but regular files is opened.</summary>
public static unsafe class PlainFile
{
    /// <summary>What is there, by lstat(2).</summary>
    /// <exception cref="ErrnoException">ENOENT, EACCES and what else lstat(2) says.</exception>
    public static (EntryKind Kind, long Length) Look(string path)
    {
        stat status;
        fixed (byte* p = Encoding.UTF8.GetBytes(path + '\0'))
        {
            if (LibC.lstat(p, &status) != 0)
            {
                throw ErrnoException.Last($"lstat({path})");
            }
        }

        return (KindOf(status), (long)status.st_size);
    }

    /// <summary>Opens a regular file for reading.</summary>
    /// <exception cref="ErrnoException">ELOOP where the last part of the path is a link, EINVAL where it is something else, and what else open(2) says.</exception>
    public static FileStream Open(string path)
    {
        int fd;
        fixed (byte* p = Encoding.UTF8.GetBytes(path + '\0'))
        {
            fd = LibC.open(p, LibC.O_RDONLY | LibC.O_NOFOLLOW | LibC.O_NONBLOCK | LibC.O_NOCTTY | LibC.O_CLOEXEC);
        }

        if (fd < 0)
        {
            throw ErrnoException.Last($"open({path})");
        }

        SafeFileHandle handle = new(fd, ownsHandle: true);
        stat status;
        if (LibC.fstat(fd, &status) == 0 && KindOf(status) == EntryKind.File)
        {
            return new FileStream(handle, FileAccess.Read, bufferSize: 0);
        }

        handle.Dispose();
        throw new ErrnoException($"open({path})", LibC.EINVAL);
    }

    private static EntryKind KindOf(in stat status)
    {
        uint type = (uint)status.st_mode & (uint)LibC.S_IFMT;
        return type == (uint)LibC.S_IFREG ? EntryKind.File
            : type == (uint)LibC.S_IFDIR ? EntryKind.Folder
            : type == (uint)LibC.S_IFLNK ? EntryKind.SymbolicLink
            : EntryKind.Special;
    }
}
