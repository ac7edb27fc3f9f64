using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>perf_event_open(2), which Tmds.LibC lacks, for one thing: how often a thread, and those that it starts from now on, pass a tracepoint of the kernel.</summary>
public sealed unsafe partial class TraceCounter : IDisposable
{
    private const uint TypeTracepoint = 2;

    /// <summary>The attributes as the first version of the call had them.</summary>
    private const int AttributesSize = 64;
    private const int FlagsOffset = 40;
    private const ulong Inherit = 2;
    private const ulong CloseOnExec = 8;
    private readonly SafeFileHandle handle;

    private TraceCounter(SafeFileHandle handle) => this.handle = handle;

    /// <summary>The number of the call; 0: not known for this processor.</summary>
    private static long CallNumber => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 298,
        Architecture.Arm64 => 241,
        _ => 0,
    };

    /// <summary>Begins to count.</summary>
    /// <param name="thread">Id of a thread.</param>
    /// <param name="tracepoint">Its <c>id</c> in tracefs.</param>
    /// <exception cref="ErrnoException">EACCES, EPERM: not allowed. ESRCH: no such thread.</exception>
    public static TraceCounter Open(int thread, ulong tracepoint)
    {
        byte* attributes = stackalloc byte[AttributesSize];
        new Span<byte>(attributes, AttributesSize).Clear();
        ((uint*)attributes)[0] = TypeTracepoint;
        ((uint*)attributes)[1] = AttributesSize;
        ((ulong*)attributes)[1] = tracepoint;
        *(ulong*)(attributes + FlagsOffset) = Inherit;
        if (CallNumber == 0)
        {
            throw new ErrnoException("perf_event_open", LibC.ENOSYS);
        }

        long fd = SystemCall(CallNumber, attributes, thread, -1, -1, CloseOnExec);
        return fd >= 0 ? new TraceCounter(new SafeFileHandle((nint)fd, ownsHandle: true)) : throw new ErrnoException("perf_event_open", Marshal.GetLastPInvokeError());
    }

    /// <summary>How often until now.</summary>
    public long Read()
    {
        long value;
        return (long)LibC.read((int)handle.DangerousGetHandle(), &value, sizeof(long)) == sizeof(long) ? value : 0;
    }

    public void Dispose() => handle.Dispose();

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, byte* attributes, long thread, long cpu, long group, ulong flags);
}
