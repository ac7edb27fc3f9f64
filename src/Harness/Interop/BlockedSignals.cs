using System.Runtime.InteropServices;

namespace Vsockspec.Interop;

/// <summary>
/// pthread_sigmask(3), which Tmds.LibC lacks: while this lives, no signal reaches the calling thread and interrupts a system call of it. Those that a fault of the thread
/// itself raises do.
/// </summary>
internal unsafe ref partial struct BlockedSignals : IDisposable
{
    /// <summary>sigset_t has 1024 bits, of which the kernel knows 64.</summary>
    private const int Words = 16;

    private const int Block = 0;
    private const int SetMask = 2;

    // SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV: bit n - 1 is signal n.
    private const ulong Faults = (1ul << 3) | (1ul << 4) | (1ul << 5) | (1ul << 6) | (1ul << 7) | (1ul << 10);

    private fixed ulong before[Words];

    public BlockedSignals()
    {
        ulong* signals = stackalloc ulong[Words];
        signals[0] = ~Faults;
        fixed (ulong* old = before)
        {
            _ = ThreadMask(Block, signals, old);
        }
    }

    public void Dispose()
    {
        fixed (ulong* old = before)
        {
            _ = ThreadMask(SetMask, old, null);
        }
    }

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static partial int ThreadMask(int how, ulong* set, ulong* old);
}
