using HdrHistogram;
using Vsockspec.Interop;
using Vsockspec.Perf.Latency;

namespace Vsockspec.Perf.Limits;

/// <summary>
/// The hops of a vsock round trip with nothing in between: an eventfd wakes a thread that relays a message to a socket, at whose other end a
/// thread echoes it; the relay takes the answer and signals another eventfd. No device does a round trip with fewer wakes.
/// </summary>
internal static class Relay
{
    public static LongHistogram Measure(int times, int size)
    {
        (LocalSocket near, LocalSocket far) = LocalSocket.CreatePair(LocalSocketKind.Stream);
        using (near)
        using (far)
        {
            using EventFd kick = new();
            using EventFd call = new();
            SecondThread relay = SecondThread.Start(() => Pass(kick, near, call, times, size), Placement.Target);
            SecondThread echo = SecondThread.Start(() => Echo(far, times, size));
            LongHistogram histogram = ClosedLoop.Time(times, () =>
            {
                _ = kick.Signal();
                Waiting.Take(call);
            });
            relay.Join();
            echo.Join();
            return histogram;
        }
    }

    // As a device does it: one wait for both, because it cannot know which comes next.
    private static void Pass(EventFd kick, LocalSocket socket, EventFd call, int times, int size)
    {
        byte[] message = new byte[size];
        Span<PollEntry> entries = [new PollEntry(kick.Fd, PollEvents.Readable), new PollEntry(socket.Fd, PollEvents.Readable)];
        for (int back = 0; back < times;)
        {
            Waiting.Sleep(entries);
            if (kick.Drain() != 0)
            {
                Waiting.Send(socket, message);
            }

            if ((entries[1].Ready & PollEvents.Readable) != 0)
            {
                Waiting.Receive(socket, message);
                _ = call.Signal();
                back++;
            }
        }
    }

    private static void Echo(LocalSocket socket, int times, int size)
    {
        byte[] message = new byte[size];
        for (int i = 0; i < times; i++)
        {
            Waiting.Receive(socket, message);
            Waiting.Send(socket, message);
        }
    }
}
