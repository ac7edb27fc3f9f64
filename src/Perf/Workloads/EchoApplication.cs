using Vsockspec.Interop;

namespace Vsockspec.Perf.Workloads;

/// <summary>Sends back what it receives, until it has sent so many bytes.</summary>
/// <param name="total">Bytes.</param>
internal sealed class EchoApplication(IHostSocket socket, long total) : IHostApplication
{
    private readonly byte[] buffer = new byte[64 * 1024];
    private long sent;
    private int from;
    private int to;

    public IHostSocket Socket => socket;

    public bool IsDone => sent >= total;

    public EpollEvents Interest => from < to ? EpollEvents.Writable : EpollEvents.Readable;

    public long Move(int calls)
    {
        long before = sent;
        for (int i = 0; i < calls && !IsDone && TryEcho(); i++)
        {
        }

        return sent - before;
    }

    /// <summary>False when one of both ways has to be waited for.</summary>
    private bool TryEcho()
    {
        if (from == to)
        {
            int received = Checked(socket.Receive(buffer));
            (from, to) = (0, received);
            if (received == 0)
            {
                return false;
            }
        }

        int n = Checked(socket.Send(buffer.AsSpan(from, to - from)));
        from += n;
        sent += n;
        return n > 0;
    }

    private int Checked(int result) => result >= 0 ? result : throw new PerfException($"the connection ended when the host had echoed {sent} of {total} bytes");
}
