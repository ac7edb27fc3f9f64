using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>One entry of a poll(2) set.</summary>
public struct PollEntry(int fd, PollEvents interest)
{
    public int Fd = fd;
    public PollEvents Interest = interest;
    public PollEvents Ready;
}

/// <summary>poll(2) event bits.</summary>
[Flags]
public enum PollEvents : short
{
    None = 0,
    Readable = 1,
    Writable = 4,
    Error = 8,
    HangUp = 16,
    Invalid = 32,
    PeerClosed = 0x2000,
}

/// <summary>poll(2).</summary>
public static class Poll
{
    /// <summary>
    /// Waits until an entry is ready or <paramref name="timeoutMs"/> passed (0: look only, -1: no limit). Returns the number of
    /// ready entries; an interrupted wait returns 0, so callers loop against their own deadline.
    /// </summary>
    public static unsafe int Wait(Span<PollEntry> entries, int timeoutMs)
    {
        Span<pollfd> set = stackalloc pollfd[entries.Length];
        for (int i = 0; i < entries.Length; i++)
        {
            set[i] = new pollfd { fd = entries[i].Fd, events = (short)entries[i].Interest };
        }

        int ready;
        fixed (pollfd* p = set)
        {
            ready = LibC.poll(p, (uint)set.Length, timeoutMs);
        }

        if (ready < 0)
        {
            // 0 or EAGAIN, which poll itself never gives: the runtime handled a signal, or stopped this thread, before errno could be read, which is an interruption too.
            int errno = LibC.errno;
            if (errno != LibC.EINTR && errno != LibC.EAGAIN && errno != 0)
            {
                throw new ErrnoException("poll", errno);
            }

            ready = 0;
        }

        for (int i = 0; i < entries.Length; i++)
        {
            entries[i].Ready = ready == 0 ? PollEvents.None : (PollEvents)set[i].revents;
        }

        return ready;
    }
}
