using System.Globalization;
using System.Text;

namespace Vsockspec.Guests;

/// <summary>
/// Writes an initramfs: a cpio archive of the format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst). The same calls
/// give the same bytes: inodes are counted, times are 0, everything belongs to root. Archives can be written one after the other to the
/// same stream; the kernel unpacks them all. Not thread-safe. Disposing writes the end of the archive, not of the stream.
/// </summary>
/// <param name="output">Not closed.</param>
public sealed class CpioArchive(Stream output) : IDisposable
{
    /// <summary>The kernel skips entries with a longer name or link target (PATH_MAX, init/initramfs.c).</summary>
    private const int MaxName = 4096;

    private const uint TypeFolder = 0x4000;
    private const uint TypeFile = 0x8000;
    private const uint TypeSymlink = 0xa000;
    private const uint TypeCharDevice = 0x2000;

    private const UnixFileMode All =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>rwxr-xr-x</summary>
    public const UnixFileMode Program = All & ~(UnixFileMode.GroupWrite | UnixFileMode.OtherWrite);

    /// <summary>rw-r--r--</summary>
    public const UnixFileMode Data = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly HashSet<string> _folders = new(StringComparer.Ordinal) { "" };
    private readonly HashSet<string> _names = new(StringComparer.Ordinal) { "" };
    private uint _inodes;
    private bool _ended;

    /// <summary>Adds a folder and those above it. One that is there already stays as it is.</summary>
    /// <param name="path">With or without a slash in front.</param>
    public void AddFolder(string path, UnixFileMode mode = Program)
    {
        string name = Normal(path);
        if (_folders.Contains(name))
        {
            return;
        }

        Claim(name);
        _folders.Add(name);
        Write(name, ++_inodes, TypeFolder | (uint)mode, 2, (0, 0), []);
    }

    public void AddFile(string path, ReadOnlySpan<byte> content, UnixFileMode mode = Data)
    {
        string name = Normal(path);
        Claim(name);
        Write(name, ++_inodes, TypeFile | (uint)mode, 1, (0, 0), content);
    }

    /// <param name="target">As the link shall say; need not exist.</param>
    public void AddSymlink(string path, string target)
    {
        string name = Normal(path);
        byte[] content = Encoding.UTF8.GetBytes(target);
        if (content.Length is 0 or >= MaxName || target.Contains('\0'))
        {
            throw new ArgumentException($"'{target}' is no target of a symbolic link", nameof(target));
        }

        Claim(name);
        Write(name, ++_inodes, TypeSymlink | (uint)All, 1, (0, 0), content);
    }

    /// <param name="number">Major and minor, as <c>ls -l</c> shows them: (5, 1) is /dev/console.</param>
    public void AddCharDevice(string path, (uint Major, uint Minor) number, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        string name = Normal(path);
        Claim(name);
        Write(name, ++_inodes, TypeCharDevice | (uint)mode, 1, number, []);
    }

    public void Dispose()
    {
        if (!_ended)
        {
            _ended = true;
            Write("TRAILER!!!", 0, 0, 1, (0, 0), []);
        }
    }

    /// <summary>Takes a name that is free, and adds the folders above it, which the kernel would not make.</summary>
    private void Claim(string name)
    {
        ObjectDisposedException.ThrowIf(_ended, this);
        if (!_names.Add(name))
        {
            throw new ArgumentException($"'{name}' is in the archive already", nameof(name));
        }

        int slash = name.LastIndexOf('/');
        if (slash > 0)
        {
            AddFolder(name[..slash]);
        }
    }

    private static string Normal(string path)
    {
        string name = path.StartsWith('/') ? path[1..] : path;
        return name.Length > 0 && !name.Contains('\0') && Encoding.UTF8.GetByteCount(name) < MaxName
            && name.Split('/').All(part => part is not ("" or "." or ".."))
            ? name
            : throw new ArgumentException($"'{path}' is no path in an archive", nameof(path));
    }

    private void Write(string name, uint inode, uint mode, uint links, (uint Major, uint Minor) device, ReadOnlySpan<byte> content)
    {
        byte[] nameBytes = Encoding.UTF8.GetBytes(name);

        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        ReadOnlySpan<uint> fields =
        [
            inode, mode, 0, 0, links, 0, (uint)content.Length, 0, 0, device.Major, device.Minor, (uint)nameBytes.Length + 1, 0,
        ];
        StringBuilder header = new("070701", 110);
        foreach (uint field in fields)
        {
            header.Append(CultureInfo.InvariantCulture, $"{field:X8}");
        }

        output.Write(Encoding.ASCII.GetBytes(header.ToString()));
        output.Write(nameBytes);
        output.WriteByte(0);
        Pad(header.Length + nameBytes.Length + 1);
        output.Write(content);
        Pad(content.Length);
    }

    /// <summary>Fills up to a multiple of four; every entry begins at one.</summary>
    private void Pad(int length)
    {
        for (; length % 4 != 0; length++)
        {
            output.WriteByte(0);
        }
    }
}
