using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Limits;

/// <summary>The machine's own limits, measured in the same minutes as the workloads they stand beside.</summary>
/// <param name="MemcpyBytesPerSecond">One thread copying 64 KiB from cache to cache.</param>
/// <param name="EventfdRoundTripMicroseconds">Two threads waking each other through eventfds, median.</param>
public sealed record MachineLimits(double MemcpyBytesPerSecond, double EventfdRoundTripMicroseconds)
{
    public static MachineLimits Measure() => new(Memcpy(), EventfdPingPong());

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

    private static double EventfdPingPong()
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

    private static void Await(EventFd fd)
    {
        Span<PollEntry> entry = [new PollEntry(fd.Fd, PollEvents.Readable)];
        while (fd.Drain() == 0)
        {
            _ = Poll.Wait(entry, -1);
        }
    }
}
