using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>
/// /dev/kmsg, read: every read gives one record (Documentation/ABI/testing/dev-kmsg). One thread at a time; readers do not take records from one
/// another.
/// </summary>
public sealed unsafe class KernelMessages : IDisposable
{
    private const string Path = "/dev/kmsg";

    /// <summary>A record is at most 8 KiB (PRINTK_MESSAGE_MAX is 2 KiB since 6.x, CONSOLE_EXT_LOG_MAX was 8 KiB); a shorter buffer gives EINVAL.</summary>
    private const int RecordSize = 16 << 10;

    private readonly SafeFileHandle handle;
    private readonly byte[] record = new byte[RecordSize];

    private KernelMessages(SafeFileHandle handle) => this.handle = handle;

    /// <summary>Opens the log at its end: what was said before is not read.</summary>
    /// <exception cref="ErrnoException">This process may not read it, or there is none.</exception>
    public static KernelMessages OpenAtEnd()
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(Path + '\0');
        int fd;
        fixed (byte* p = text)
        {
            fd = LibC.open(p, LibC.O_RDONLY | LibC.O_NONBLOCK | LibC.O_CLOEXEC);
        }

        if (fd < 0)
        {
            throw ErrnoException.Last($"open({Path})");
        }

        SafeFileHandle handle = new(fd, ownsHandle: true);
        if ((long)LibC.lseek(fd, 0, LibC.SEEK_END) < 0)
        {
            ErrnoException error = ErrnoException.Last($"lseek({Path})");
            handle.Dispose();
            throw error;
        }

        return new KernelMessages(handle);
    }

    /// <summary>The next record, valid until the next call; empty when there is none. Records that were overwritten before they were read are skipped.</summary>
    /// <exception cref="ErrnoException">It cannot be read any more.</exception>
    public ReadOnlySpan<byte> Next()
    {
        while (true)
        {
            long n;
            fixed (byte* p = record)
            {
                n = (long)LibC.read((int)handle.DangerousGetHandle(), p, RecordSize);
            }

            if (n >= 0)
            {
                return record.AsSpan(0, (int)n);
            }

            int errno = LibC.errno;
            if (errno == LibC.EAGAIN)
            {
                return default;
            }

            // EPIPE: the ring buffer went round; the next read gives the oldest record that is left.
            if (errno != LibC.EPIPE && errno != LibC.EINTR)
            {
                throw new ErrnoException($"read({Path})", errno);
            }
        }
    }

    /// <summary>Waits until there is a record, or the time is over.</summary>
    public void Wait(TimeSpan time)
    {
        Span<PollEntry> entry = [new PollEntry((int)handle.DangerousGetHandle(), PollEvents.Readable)];
        Poll.Wait(entry, (int)time.TotalMilliseconds);
    }

    public void Dispose() => handle.Dispose();
}
