using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Perf.Workloads;

/// <summary>A socket of a host application, whose calls do not wait.</summary>
internal interface IHostSocket
{
    int Fd { get; }

    /// <summary>Bytes received, for seqpacket one message; 0: none now; -1: the end.</summary>
    int Receive(Span<byte> buffer);

    /// <summary>Bytes sent; 0: none now; -1: the other end has gone.</summary>
    int Send(ReadOnlySpan<byte> data);
}

/// <summary>A connection behind the target.</summary>
internal sealed class ConnectionSocket(HostConnection connection) : IHostSocket
{
    public int Fd => connection.Fd;

    public int Receive(Span<byte> buffer) => connection.TryReceive(buffer, out int n) ? n : connection.End == Peers.HostEnd.Open ? 0 : -1;

    public int Send(ReadOnlySpan<byte> data) => connection.TrySend(data, out int n) ? n : -1;
}

/// <summary>One host application: what it does whenever its socket is ready. Without allocation.</summary>
internal interface IHostApplication
{
    IHostSocket Socket { get; }

    /// <summary>True when it has done its part.</summary>
    bool IsDone { get; }

    /// <summary>What to wait for.</summary>
    EpollEvents Interest { get; }

    /// <summary>Does what goes now, with at most so many calls each way; the bytes moved.</summary>
    /// <exception cref="PerfException">Wrong bytes, or the connection ended.</exception>
    long Move(int calls);
}

/// <summary>Reads and checks so many bytes of a pattern, writes so many, or both.</summary>
internal sealed class HostApplication : IHostApplication
{
    private const int ReadBytes = 64 * 1024;
    private readonly Pattern pattern;
    private readonly long phase;
    private readonly long toRead;
    private readonly long toWrite;
    private readonly int size;
    private readonly bool isMessages;
    private readonly byte[] buffer;
    private long read;
    private long written;

    /// <param name="phase">Position in the pattern of the first byte, both ways.</param>
    /// <param name="toRead">Bytes; 0: it does not read.</param>
    /// <param name="toWrite">Bytes; 0: it does not write; <see cref="long.MaxValue"/>: until it is stopped.</param>
    /// <param name="size">Bytes of one write.</param>
    /// <param name="isMessages">What is read comes in messages of that size.</param>
    public HostApplication(IHostSocket socket, Pattern pattern, long phase, long toRead, long toWrite, int size, bool isMessages)
    {
        Socket = socket;
        this.pattern = pattern;
        this.phase = phase;
        this.toRead = toRead;
        this.toWrite = toWrite;
        this.size = size;
        this.isMessages = isMessages;
        buffer = toRead == 0 ? [] : new byte[Math.Max(ReadBytes, isMessages ? size + 1 : 0)];
    }

    public IHostSocket Socket { get; }

    /// <summary>Bytes that it has read and found right; for any thread.</summary>
    public long Received => Volatile.Read(ref read);

    public bool IsDone => read == toRead && written == toWrite;

    public EpollEvents Interest => (read < toRead ? EpollEvents.Readable : EpollEvents.None) | (written < toWrite ? EpollEvents.Writable : EpollEvents.None);

    public long Move(int calls)
    {
        long before = read + written;
        for (int i = 0; i < calls && read < toRead && TryRead(); i++)
        {
        }

        for (int i = 0; i < calls && written < toWrite && TryWrite(); i++)
        {
        }

        return read + written - before;
    }

    private bool TryRead()
    {
        int n = Socket.Receive(buffer);
        if (n <= 0)
        {
            return n == 0 ? false : throw new PerfException($"the connection ended when the host had read {read} of {toRead} bytes");
        }

        if (isMessages && n != size)
        {
            throw new PerfException($"the host received a message of {n} bytes in place of {size}, at position {read}");
        }

        if (n > toRead - read || !pattern.Matches(phase + read, buffer.AsSpan(0, n)))
        {
            throw new PerfException($"wrong bytes at the host at position {read}");
        }

        read += n;
        return true;
    }

    private bool TryWrite()
    {
        int rest = size - (int)(written % size);
        int n = Socket.Send(pattern.At(phase + written, rest));
        if (n < 0)
        {
            throw new PerfException($"the connection ended when the host had written {written} of {toWrite} bytes");
        }

        written += n;
        return n > 0;
    }
}
