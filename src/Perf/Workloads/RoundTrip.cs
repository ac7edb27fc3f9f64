using System.Diagnostics;
using HdrHistogram;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>Closed-loop round trips: 64 bytes to a host application that echoes them, the next when the last has come back.</summary>
internal static class RoundTrip
{
    public const int Size = 64;
    private const long HighestNanoseconds = 10_000_000_000;

    /// <summary>Nanoseconds per round trip.</summary>
    public static LongHistogram Run(ITargetInstance target, int times)
    {
        using Session session = new(target, VirtioFeatures.EventIdx);
        HostEnd echo = HostEnd.Echo(
            session.Connection.Fd,
            buffer => session.Connection.TryReceive(buffer, out int n) ? n : session.Connection.End == Peers.HostEnd.Open ? 0 : -1,
            data => session.Connection.TrySend(data, out int n) ? n : -1,
            (long)times * Size);
        LongHistogram histogram = new(HighestNanoseconds, 3);
        long expected = 0;
        bool Back() => session.Received >= expected || session.Defect is not null;
        for (int i = 0; i < times && session.Defect is null; i++)
        {
            long start = Stopwatch.GetTimestamp();
            if (session.Credit < Size || !session.Driver.Tx.TrySend(session.Flow.Header(Op.Rw) with { Len = Size }, Pattern.At((long)i * Size, Size), out _))
            {
                throw new PerfException($"the device gave no room for round trip {i}");
            }

            session.Driver.Tx.Flush();
            session.Sent(Size);
            expected += Size;
            if (!session.Driver.Timeline.WaitUntil(Back))
            {
                throw new PerfException($"round trip {i} did not come back");
            }

            histogram.RecordValue(Math.Min((long)(Stopwatch.GetElapsedTime(start).TotalMicroseconds * 1000), HighestNanoseconds));
        }

        session.Check();
        echo.Join();
        return histogram;
    }
}
