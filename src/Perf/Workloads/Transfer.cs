using System.Diagnostics;
using Vsockspec.Interop;
using Vsockspec.Perf.Measuring;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>What one transfer cost besides time.</summary>
/// <param name="Packets">Of the driver and the device.</param>
/// <param name="Descriptors">That the driver posted for them.</param>
/// <param name="Kicks">Notifications to the device.</param>
/// <param name="Calls">Notifications from the device.</param>
/// <param name="CreditUpdates">Both ways.</param>
/// <param name="TargetCpu">Nanoseconds; null: not known.</param>
/// <param name="GeneratorCpu">Nanoseconds of our two threads: the driver's and the host applications'.</param>
/// <param name="Allocated">Bytes that our two threads allocated.</param>
internal sealed record Costs(long Packets, long Descriptors, long Kicks, long Calls, long CreditUpdates, long? TargetCpu, long GeneratorCpu, long Allocated);

/// <summary>
/// One transfer over all flows of a session, from the first byte posted (or written by a host application) to the last byte consumed and checked. The flows take turns;
/// every way has its own share of bytes, the same for each flow.
/// </summary>
internal sealed class Transfer
{
    /// <summary>Packets between two looks at the rings.</summary>
    private const int BatchPackets = 64;

    /// <summary>Packets that a flow posts before the next has its turn.</summary>
    private const int TurnPackets = 16;
    private const int RenewedBytes = 2 << 20;
    private readonly Bench bench;
    private readonly Session session;
    private readonly HostApplication[] applications;
    private readonly HostSide host;
    private readonly ReadyPackets[] packets;
    private readonly int size;
    private readonly long toPost;
    private readonly long toReceive;
    private readonly long each;
    private readonly int turnPackets;
    private readonly Func<bool> somethingToDo;
    private long seen;
    private long lastReceived;
    private int turn;
    private int batch;

    private Transfer(Bench bench, Session session, HostApplication[] applications, HostSide host, ReadyPackets[] packets, int size, long toPost, long toReceive)
    {
        this.size = size;
        this.bench = bench;
        this.session = session;
        this.applications = applications;
        this.host = host;
        this.packets = packets;
        this.toPost = toPost;
        this.toReceive = toReceive;
        each = toPost / session.Lanes.Count;
        turnPackets = session.Lanes.Count == 1 ? BatchPackets : TurnPackets;
        somethingToDo = SomethingToDo;
    }

    private bool IsFaulty => session.Defect is not null || host.Fault is not null;

    private bool IsReceived => session.Received >= toReceive;

    private long Progress => session.Received + session.PacketsPosted + host.Moved;

    /// <summary>The least that a transfer carries each way: whole messages in every flow.</summary>
    public static long Share(Setting setting, int size) => (long)setting.Flows * Math.Max(size, 4096);

    /// <summary>Seconds and costs for <paramref name="total"/> bytes in each way that the direction has, in messages of <paramref name="size"/>; a multiple of <see cref="Share"/>.</summary>
    /// <exception cref="PerfException">Wrong bytes, a broken rule, a stall, an end.</exception>
    public static (double Seconds, Costs Costs) Run(Bench bench, Setting setting, Direction direction, long total, int size)
    {
        bool sends = direction != Direction.HostToGuest;
        bool receives = direction != Direction.GuestToHost;
        int renewed = direction == Direction.BothWays ? RenewedBytes / setting.Flows : 0;
        Pattern pattern = PatternOf(setting, size);
        long each = total / setting.Flows;
        using Session session = new(bench, setting, pattern, sends ? (uint)setting.Flows * ReadyPackets.MemoryFor(pattern, size, renewed) : 0);
        bool isMessages = setting.Socket == SocketType.Seqpacket;
        foreach (Lane lane in session.Lanes)
        {
            lane.MessageSize = isMessages ? size : 0;
        }

        ReadyPackets[] packets = sends ? [.. session.Lanes.Select(lane => new ReadyPackets(session, lane, size, renewed))] : [];
        HostApplication[] applications = [.. session.Lanes.Select(lane =>
            new HostApplication(new ConnectionSocket(lane.Connection), pattern, lane.Phase, sends ? each : 0, receives ? each : 0, size, isMessages))];
        using HostSide host = new(applications);
        return new Transfer(bench, session, applications, host, packets, size, sends ? total : 0, receives ? total : 0).Run();
    }

    /// <summary>So that the packets of all flows together stay in a cache as long as they can, packets of 64 KiB differ from their neighbours where flows are few.</summary>
    private static Pattern PatternOf(Setting setting, int size) => size >= Session.LargestPacket && setting.Flows <= 8 ? Pattern.Long : Pattern.Short;

    private (double Seconds, Costs Costs) Run()
    {
        Peers.RawDriver driver = session.Driver;
        driver.DrainCalls();
        session.PacketsPosted = 0;
        (long taken, long kicks, ulong calls) = (driver.Rx.Taken, driver.Rx.Kicks + driver.Tx.Kicks, driver.RxCalls + driver.TxCalls);
        long? targetCpu = bench.Processes.Cpu();
        long cpu = CpuClock.OfThisThread();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        host.Begin();
        Move();
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        cpu = CpuClock.OfThisThread() - cpu;
        targetCpu = bench.Processes.Cpu() - targetCpu;
        session.Check();
        if (host.Fault is { } fault)
        {
            throw new PerfException(fault);
        }

        driver.DrainCalls();
        long received = driver.Rx.Taken - taken;

        double seconds = Stopwatch.GetElapsedTime(start, Math.Max(host.FinishedAt, lastReceived)).TotalSeconds;
        return (seconds, new Costs(
            received + session.PacketsPosted,
            (received * driver.Rx.Shape.CountFor(VsockHeader.Size + Session.LargestPacket)) + (session.PacketsPosted * driver.Tx.Shape.CountFor((uint)(VsockHeader.Size + size))),
            driver.Rx.Kicks + driver.Tx.Kicks - kicks,
            (long)(driver.RxCalls + driver.TxCalls - calls),
            session.CreditUpdatesReceived + session.CreditUpdatesSent,
            targetCpu,
            cpu + host.Cpu,
            allocated + host.Allocated));
    }

    private void Move()
    {
        Deadline deadline = Deadline.In(bench.Patience * Bench.LongestTransfer);
        while (!IsFaulty)
        {
            bench.Cancellation.ThrowIfCancellationRequested();
            if (lastReceived == 0 && toReceive > 0 && IsReceived)
            {
                lastReceived = Stopwatch.GetTimestamp();
            }

            seen = session.Received;
            session.TellCredit();
            if (PostTurns())
            {
                continue;
            }

            session.Driver.Tx.Flush();
            batch = 0;
            if (IsReceived && host.IsDone)
            {
                return;
            }

            long before = Progress;
            if ((!session.Driver.Timeline.WaitUntil(somethingToDo) && Progress == before) || deadline.HasPassed)
            {
                throw new PerfException($"{Moved()}, and {(deadline.HasPassed ? $"that took {bench.Patience.TotalSeconds * Bench.LongestTransfer:0} s" : $"nothing more in {bench.Patience.TotalSeconds:0.###} s")}");
            }
        }
    }

    private string Moved() => string.Join(
        ", ",
        ((string[])[
            toPost > 0 ? $"the device took {session.Lanes.Sum(lane => lane.Posted)} of {toPost} bytes and gave the host {applications.Sum(application => application.Received)} bytes" : "",
            toReceive > 0 ? $"the device delivered {session.Received} of {toReceive} bytes" : "",
        ]).Where(part => part.Length > 0));

    private bool SomethingToDo() => IsFaulty || session.Received > seen || (IsReceived && host.IsDone) || CanPost();

    private bool CanPost()
    {
        if (session.Driver.Tx.Ring.FreeDescriptors == 0)
        {
            return false;
        }

        for (int i = 0; i < packets.Length; i++)
        {
            if (MayPost(i))
            {
                return true;
            }
        }

        return false;
    }

    private bool MayPost(int flow) => session.Lanes[flow].Posted < each && session.Lanes[flow].Credit >= packets[flow].NextSize && packets[flow].NextIsFree;

    /// <summary>Every flow has its turn once; false when nothing could be posted.</summary>
    private bool PostTurns()
    {
        bool any = false;
        for (int i = 0; i < packets.Length; i++)
        {
            turn = turn + 1 >= packets.Length ? 0 : turn + 1;
            for (int n = 0; n < turnPackets && MayPost(turn) && packets[turn].TryPost(); n++)
            {
                any = true;
                if (++batch == BatchPackets)
                {
                    batch = 0;
                    session.Driver.Tx.Flush();
                    session.Driver.Pump();
                }
            }
        }

        return any;
    }
}
