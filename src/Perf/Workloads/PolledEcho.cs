using Vsockspec.Peers;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// Messages of one flow and their echo, with nobody asleep: the driver looks at its rings and the target, which was given no kick descriptors, at
/// the same. The host application is on the driver's thread, so that two processors are enough. Without allocation per message.
/// </summary>
internal sealed class PolledEcho(Bench bench, Session session, Lane lane, int size) : IEchoLine
{
    private const int LooksBetweenYields = 256;
    private readonly byte[] buffer = new byte[64 * 1024];
    private long echoed;
    private int looks;

    public long Returned => lane.Received / size;

    /// <summary>A session without notifications.</summary>
    /// <exception cref="UnsupportedException">The target does not poll.</exception>
    public static Session Open(Bench bench, Setting setting)
    {
        try
        {
            return new Session(bench, setting, Pattern.Short);
        }
        catch (Exception e) when (e is ExpectationException or TransportException)
        {
            throw new UnsupportedException($"the target does not look at rings without kick descriptors: {e.Message}");
        }
    }

    public bool TrySend()
    {
        VsockHeader header = lane.Flow.Header(Op.Rw) with { Len = (uint)size };
        if (lane.Credit < size || !session.Driver.Tx.TrySend(header, lane.Pattern.At(lane.Phase + lane.Posted, size), out _))
        {
            return false;
        }

        session.Driver.Tx.Flush();
        session.PacketsPosted++;
        lane.Sent((uint)size);
        lane.Told();
        return true;
    }

    public void Pump()
    {
        Echo();
        session.Driver.Pump();
        session.TellCredit();
        session.ThrowIfDefect();
    }

    public void Wait(TimeSpan most)
    {
        if (++looks % LooksBetweenYields == 0)
        {
            bench.Cancellation.ThrowIfCancellationRequested();

            // Perhaps the target waits for this processor.
            _ = Thread.Yield();
        }
    }

    private void Echo()
    {
        if (echoed == lane.Posted || !lane.Connection.TryReceive(buffer, out int n))
        {
            return;
        }

        // A closed loop of small messages never fills the socket.
        if (!lane.Connection.TrySend(buffer.AsSpan(0, n), out int sent) || sent != n)
        {
            throw new PerfException($"the host application could send {sent} of {n} bytes");
        }

        echoed += n;
    }
}
