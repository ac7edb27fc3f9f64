using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>What is controlled by ioctls. Refusals are values.</summary>
public interface IControlFile : IDisposable
{
    /// <summary>A request without an argument. Returns 0 or the errno of the refusal.</summary>
    int Control(uint request);

    /// <summary>A request whose argument is these bytes; where the request answers, they hold the answer afterwards. Returns 0 or the errno of the refusal.</summary>
    int Control(uint request, Span<byte> argument);
}

/// <summary>A character device that is controlled by ioctls. Refusals are values: what a device refuses is what a case judges. One thread at a time.</summary>
public sealed unsafe class DeviceFile : IControlFile
{
    private readonly SafeFileHandle handle;

    private DeviceFile(SafeFileHandle handle) => this.handle = handle;

    /// <summary>True after <see cref="Dispose"/>.</summary>
    public bool IsClosed => handle.IsClosed;

    /// <summary>The descriptor; valid while this object is.</summary>
    public int Fd => (int)handle.DangerousGetHandle();

    /// <summary>Opens the device for reading and writing.</summary>
    /// <exception cref="ErrnoException">ENOENT, EACCES, ENODEV and what else open(2) says.</exception>
    public static DeviceFile Open(string path)
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(path + '\0');
        int fd;
        fixed (byte* p = text)
        {
            fd = LibC.open(p, LibC.O_RDWR | LibC.O_CLOEXEC);
        }

        return fd < 0 ? throw ErrnoException.Last($"open({path})") : new DeviceFile(new SafeFileHandle(fd, ownsHandle: true));
    }

    public int Control(uint request) => Errno(Ioctl.Call(handle, request, null));

    public int Control(uint request, Span<byte> argument)
    {
        fixed (byte* p = argument)
        {
            return Errno(Ioctl.Call(handle, request, p));
        }
    }

    public void Dispose() => handle.Dispose();

    private static int Errno(int result) => result >= 0 ? 0 : Marshal.GetLastPInvokeError();
}
