using HdrHistogram;
using Vsockspec.Interop;
using Vsockspec.Perf.Latency;

namespace Vsockspec.Perf.Limits;

/// <summary>A message to the other end of a socket pair and back, both ends looking without sleeping.</summary>
internal static class SocketHop
{
    public static LongHistogram Measure(int times, int size)
    {
        (LocalSocket near, LocalSocket far) = LocalSocket.CreatePair(LocalSocketKind.Stream);
        using (near)
        using (far)
        {
            SecondThread echo = SecondThread.Start(() =>
            {
                byte[] message = new byte[size];
                for (int i = 0; i < times; i++)
                {
                    Waiting.Spin(far, message);
                    Waiting.Send(far, message);
                }
            });
            byte[] sent = new byte[size];
            byte[] back = new byte[size];
            LongHistogram histogram = ClosedLoop.Time(times, () =>
            {
                Waiting.Send(near, sent);
                Waiting.Spin(near, back);
            });
            echo.Join();
            return histogram;
        }
    }
}
