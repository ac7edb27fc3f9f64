using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Limits;

/// <summary>What a bare Unix stream socketpair carries between two threads of this process: the yardstick of a backend that moves bytes over one.</summary>
internal static class SocketPair
{
    /// <summary>Seconds for <paramref name="total"/> bytes in messages of <paramref name="size"/>, read and checked at the other end.</summary>
    public static double Transfer(long total, int size)
    {
        (LocalSocket a, LocalSocket b) = LocalSocket.CreatePair(LocalSocketKind.Stream);
        using (a)
        using (b)
        {
            HostEnd reader = HostEnd.Reader(b.Fd, buffer => Received(b, buffer), total);
            long start = Stopwatch.GetTimestamp();
            Span<PollEntry> entry = [new PollEntry(a.Fd, PollEvents.Writable)];
            for (long at = 0; at < total; at += size)
            {
                ReadOnlySpan<byte> data = Pattern.At(at, size);
                while (!data.IsEmpty)
                {
                    if (a.Send(data, out int n) == SocketOutcome.Later)
                    {
                        _ = Poll.Wait(entry, -1);
                    }

                    data = data[n..];
                }
            }

            reader.Join();
            return Stopwatch.GetElapsedTime(start, reader.FinishedAt).TotalSeconds;
        }
    }

    private static int Received(LocalSocket socket, Span<byte> buffer) => socket.Receive(buffer, out int n) switch
    {
        SocketOutcome.Done => n,
        SocketOutcome.Later => 0,
        _ => -1,
    };
}
