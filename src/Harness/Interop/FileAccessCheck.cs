using System.Text;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>What the kernel would let this process do to a file (faccessat(2)).</summary>
internal static unsafe class FileAccessCheck
{
    private const int CurrentFolder = -100;
    private const int Write = 2;

    /// <summary>For a socket: whether we may connect to it (unix(7)).</summary>
    public static bool MayWrite(string path)
    {
        fixed (byte* text = Encoding.UTF8.GetBytes(path + '\0'))
        {
            return LibC.faccessat(CurrentFolder, text, Write, 0) == 0;
        }
    }
}
