using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>A libc call that failed, with the call's name and the error number.</summary>
public sealed class ErrnoException : IOException
{
    public ErrnoException(string call, int errno)
        : base($"{call} failed: {Describe(errno)}")
    {
        Call = call;
        Errno = errno;
    }

    public string Call { get; }

    public int Errno { get; }

    /// <summary><c>errno 104 (Connection reset by peer)</c>.</summary>
    public static string Describe(int errno) => $"errno {errno} ({System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(errno)})";

    /// <summary>Throws for the calling thread's current errno.</summary>
    internal static ErrnoException Last(string call) => new(call, LibC.errno);
}
