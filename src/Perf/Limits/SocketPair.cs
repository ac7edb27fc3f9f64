using System.Diagnostics;
using Vsockspec.Interop;
using Vsockspec.Perf.Workloads;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Limits;

/// <summary>What a bare Unix socketpair carries between two threads of this process, with as much room as host applications have: the yardstick of a backend that moves bytes over one.</summary>
internal static class SocketPair
{
    /// <summary>Seconds for <paramref name="total"/> bytes in messages of <paramref name="size"/>, read and checked at the other end.</summary>
    /// <param name="total">A multiple of <paramref name="size"/>.</param>
    public static double Transfer(long total, int size, SocketType type = SocketType.Stream)
    {
        bool isMessages = type == SocketType.Seqpacket;
        (LocalSocket a, LocalSocket b) = LocalSocket.CreatePair(isMessages ? LocalSocketKind.Seqpacket : LocalSocketKind.Stream);
        using (a)
        using (b)
        {
            a.RequestSendBuffer(Session.HostBuffer);
            HostApplication writer = new(new BareSocket(a), Pattern.Short, 0, toRead: 0, total, size, isMessages);
            using HostSide reader = new([new HostApplication(new BareSocket(b), Pattern.Short, 0, total, toWrite: 0, size, isMessages)]);
            long start = Stopwatch.GetTimestamp();
            reader.Begin();
            while (!writer.IsDone)
            {
                _ = writer.Move(int.MaxValue);
                if (!writer.IsDone)
                {
                    Waiting.Sleep(a.Fd, PollEvents.Writable);
                }
            }

            reader.Join();
            return reader.Fault is { } fault ? throw new PerfException($"the bare socketpair: {fault}") : Stopwatch.GetElapsedTime(start, reader.FinishedAt).TotalSeconds;
        }
    }

    private sealed class BareSocket(LocalSocket socket) : IHostSocket
    {
        public int Fd => socket.Fd;

        public int Receive(Span<byte> buffer) => socket.Receive(buffer, out int n) switch
        {
            SocketOutcome.Done => n,
            SocketOutcome.Later => 0,
            _ => -1,
        };

        public int Send(ReadOnlySpan<byte> data) => socket.Send(data, out int n) == SocketOutcome.Failed ? -1 : n;
    }
}
