using Vsockspec.Interop;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>Messages of one flow to a host application that echoes them. Without allocation per message; one thread, and one for the host application.</summary>
internal sealed class EchoLine : IEchoLine, IDisposable
{
    /// <summary>A timer costs a system call: a wait that is longer need not end exactly.</summary>
    private static readonly TimeSpan Exact = TimeSpan.FromMilliseconds(20);
    private readonly Bench bench;
    private readonly Session session;
    private readonly Lane lane;
    private readonly HostSide echo;
    private readonly TimerFd timer = new();
    private readonly int size;
    private readonly Func<bool>? wakes;
    private readonly Func<bool> moved;
    private long seen;
    private bool refused;

    /// <param name="lane">The flow.</param>
    /// <param name="size">Bytes of a message.</param>
    /// <param name="wakes">What ends a wait too; null: nothing.</param>
    public EchoLine(Bench bench, Session session, Lane lane, int size, Func<bool>? wakes = null)
    {
        this.wakes = wakes;
        this.bench = bench;
        this.session = session;
        this.lane = lane;
        this.size = size;
        moved = Moved;
        echo = new HostSide([new EchoApplication(new ConnectionSocket(lane.Connection), long.MaxValue)]);
        echo.Begin();
    }

    public long Returned => lane.Received / size;

    private bool HasRoom => lane.Credit >= size && session.Driver.Tx.Ring.FreeDescriptors > 0;

    public bool TrySend()
    {
        refused = true;
        VsockHeader header = lane.Flow.Header(Op.Rw) with { Len = (uint)size };
        if (lane.Credit < size || !session.Driver.Tx.TrySend(header, lane.Pattern.At(lane.Phase + lane.Posted, size), out _))
        {
            return false;
        }

        refused = false;
        session.Driver.Tx.Flush();
        session.PacketsPosted++;
        lane.Sent((uint)size);
        lane.Told();
        return true;
    }

    public void Pump()
    {
        session.Driver.Pump();
        session.TellCredit();
        Check();
    }

    public void Wait(TimeSpan most)
    {
        bench.Cancellation.ThrowIfCancellationRequested();
        seen = lane.Received;
        if (most < Exact)
        {
            timer.Arm(most);
            _ = session.Driver.Timeline.WaitUntil(most, moved, new PollEntry(timer.Fd, PollEvents.Readable));
        }
        else
        {
            _ = session.Driver.Timeline.WaitUntil(most, moved);
        }

        Check();
    }

    /// <summary>Throws when what was measured is of no use.</summary>
    public void Check()
    {
        if (session.Defect is not null || echo.Fault is not null)
        {
            session.Check();
            throw new PerfException(echo.Fault!);
        }
    }

    public void Dispose()
    {
        echo.Dispose();
        timer.Dispose();
    }

    private bool Moved() => lane.Received > seen || (refused && HasRoom) || (wakes is not null && wakes()) || session.Defect is not null || echo.Fault is not null;
}
