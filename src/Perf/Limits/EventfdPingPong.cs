using HdrHistogram;
using Vsockspec.Interop;
using Vsockspec.Perf.Latency;

namespace Vsockspec.Perf.Limits;

/// <summary>Two threads that wake each other through eventfds, which is what a kick and a call are.</summary>
internal static class EventfdPingPong
{
    public static LongHistogram Measure(int times)
    {
        using EventFd ping = new();
        using EventFd pong = new();
        SecondThread other = SecondThread.Start(() =>
        {
            for (int i = 0; i < times; i++)
            {
                Waiting.Take(ping);
                _ = pong.Signal();
            }
        });
        LongHistogram histogram = ClosedLoop.Time(times, () =>
        {
            _ = ping.Signal();
            Waiting.Take(pong);
        });
        other.Join();
        return histogram;
    }
}
