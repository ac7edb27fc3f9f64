using System.Diagnostics;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Limits;

/// <summary>Connections to a Unix socket, one after the other: connect, accept and close by a second thread, the end seen, close.</summary>
internal static class UnixConnect
{
    private const int Backlog = 16;

    /// <summary>Connections per second.</summary>
    public static double PerSecond(int times)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string path = Path.Combine(folder.Path, "s");
        using LocalSocket listener = LocalSocket.Create(LocalSocketKind.Stream);
        listener.Listen(path, Backlog);
        SecondThread server = SecondThread.Start(() =>
        {
            for (int i = 0; i < times; i++)
            {
                AcceptAndClose(listener);
            }
        });
        byte[] one = new byte[1];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++)
        {
            ConnectAndSeeTheEnd(path, one);
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        server.Join();
        return times / seconds;
    }

    private static void AcceptAndClose(LocalSocket listener)
    {
        while (true)
        {
            using LocalSocket? accepted = listener.Accept();
            if (accepted is not null)
            {
                return;
            }

            Waiting.Sleep(listener.Fd, PollEvents.Readable);
        }
    }

    private static void ConnectAndSeeTheEnd(string path, Span<byte> one)
    {
        using LocalSocket socket = LocalSocket.Create(LocalSocketKind.Stream);
        if (socket.Connect(path) != SocketOutcome.Done)
        {
            throw new PerfException($"connect to a Unix socket of our own failed: {ErrnoException.Describe(socket.LastError)}");
        }

        SocketOutcome outcome;
        while ((outcome = socket.Receive(one, out _)) == SocketOutcome.Later)
        {
            Waiting.Sleep(socket.Fd, PollEvents.Readable);
        }

        if (outcome != SocketOutcome.EndOfFile)
        {
            throw new PerfException("a Unix socket of our own did not end");
        }
    }
}
