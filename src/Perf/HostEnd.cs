using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Perf;

/// <summary>The far end of a transfer, on a thread of its own: reads and checks, or writes, or echoes.</summary>
internal sealed class HostEnd
{
    private const int BufferBytes = 64 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly Thread thread;
    private Exception? fault;
    private long finished;

    private HostEnd(Action body)
    {
        thread = new Thread(() =>
        {
            try
            {
                using CpuAffinity? place = Placement.HostEnd();
                body();
            }
            catch (Exception e) when (e is PerfException or IOException)
            {
                fault = e;
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
    }

    /// <summary>A non-blocking receive: bytes received, 0 for none now, -1 for the end.</summary>
    public delegate int Receive(Span<byte> buffer);

    /// <summary>A non-blocking send: bytes sent, -1 when the other end has gone.</summary>
    public delegate int Send(ReadOnlySpan<byte> data);

    /// <summary>Timestamp of the last byte.</summary>
    public long FinishedAt { get; private set; }

    /// <summary>True once the thread has ended, for whatever reason.</summary>
    public bool IsDone => !thread.IsAlive;

    public static HostEnd Reader(int fd, Receive receive, long total)
    {
        HostEnd? end = null;
        return end = new HostEnd(() =>
        {
            byte[] buffer = new byte[BufferBytes];
            for (long at = 0; at < total;)
            {
                int n = ReceiveSome(fd, receive, buffer);
                if (!Pattern.Matches(at, buffer.AsSpan(0, n)))
                {
                    throw new PerfException($"wrong bytes at position {at}");
                }

                at += n;
            }

            Volatile.Write(ref end!.finished, Stopwatch.GetTimestamp());
        });
    }

    public static HostEnd Writer(int fd, Send send, long total, int size) => new(() =>
    {
        for (long at = 0; at < total; at += size)
        {
            SendAll(fd, send, Pattern.At(at, size));
        }
    });

    public static HostEnd Echo(int fd, Receive receive, Send send, long total) => new(() =>
    {
        byte[] buffer = new byte[BufferBytes];
        for (long at = 0; at < total;)
        {
            int n = ReceiveSome(fd, receive, buffer);
            SendAll(fd, send, buffer.AsSpan(0, n));
            at += n;
        }
    });

    /// <summary>Waits for the thread; throws what stopped it.</summary>
    public void Join()
    {
        if (!thread.Join(Limit))
        {
            throw new PerfException("the host end did not finish");
        }

        if (fault is not null)
        {
            throw new PerfException($"the host end failed: {fault.Message}");
        }

        FinishedAt = Volatile.Read(ref finished);
    }

    private static int ReceiveSome(int fd, Receive receive, Span<byte> buffer)
    {
        while (true)
        {
            int n = receive(buffer);
            if (n > 0)
            {
                return n;
            }

            Await(fd, PollEvents.Readable, n);
        }
    }

    private static void SendAll(int fd, Send send, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int n = send(data);
            if (n > 0)
            {
                data = data[n..];
                continue;
            }

            Await(fd, PollEvents.Writable, n);
        }
    }

    private static void Await(int fd, PollEvents events, int outcome)
    {
        if (outcome < 0)
        {
            throw new PerfException("the connection ended before the transfer did");
        }

        Span<PollEntry> entry = [new PollEntry(fd, events)];
        if (Poll.Wait(entry, (int)Limit.TotalMilliseconds) == 0)
        {
            throw new PerfException($"nothing moved for {Limit.TotalSeconds} s");
        }
    }
}
