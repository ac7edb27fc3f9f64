using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vsockspec.Interop;

/// <summary>ioctl(2), which Tmds.LibC lacks.</summary>
internal static unsafe partial class Ioctl
{
    /// <summary>Returns the call's own result; -1 sets errno.</summary>
    /// <param name="argument">What the request takes: a pointer to its structure, or null.</param>
    public static int Call(SafeFileHandle file, uint request, void* argument)
    {
        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            return Raw((int)file.DangerousGetHandle(), request, argument);
        }
        finally
        {
            if (held)
            {
                file.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Raw(int fd, nuint request, void* argument);
}
