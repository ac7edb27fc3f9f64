using System.Diagnostics;
using Vsockspec.Interop;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Limits;

/// <summary>The machine's own limits, measured in the same minutes as the workloads they stand beside.</summary>
public static class MachineLimits
{
    /// <summary><c>memcpy</c>: one thread copying 64 KiB from cache to cache. <c>eventfd-round-trip</c>: two threads waking each other through eventfds, median.</summary>
    public static IReadOnlyList<MachineLimit> Measure() =>
    [
        new("memcpy", "MiB/s", Better.Higher, [Memcpy() / (1 << 20)]),
        new("eventfd-round-trip", "µs", Better.Lower, [EventfdPingPong()]),
    ];

    /// <summary>Microseconds, median of 5000.</summary>
    internal static double EventfdPingPong()
    {
        const int Times = 5000;
        using EventFd ping = new();
        using EventFd pong = new();
        Thread other = new(() =>
        {
            using CpuAffinity? place = Placement.HostEnd();
            for (int i = 0; i < Times; i++)
            {
                Await(ping);
                _ = pong.Signal();
            }
        });
        other.Start();
        double[] microseconds = new double[Times];
        for (int i = 0; i < Times; i++)
        {
            long start = Stopwatch.GetTimestamp();
            _ = ping.Signal();
            Await(pong);
            microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        other.Join();
        return Summary.Median(microseconds);
    }

    private static double Memcpy()
    {
        const int Size = 64 * 1024;
        const int Times = 20_000;
        byte[] from = new byte[Size];
        byte[] to = new byte[Size];
        double best = 0;
        for (int round = 0; round < 3; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Times; i++)
            {
                from.AsSpan().CopyTo(to);
            }

            best = Math.Max(best, (double)Size * Times / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static void Await(EventFd fd)
    {
        Span<PollEntry> entry = [new PollEntry(fd.Fd, PollEvents.Readable)];
        while (fd.Drain() == 0)
        {
            _ = Poll.Wait(entry, -1);
        }
    }
}
