using System.Diagnostics;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Perf.Guests;

/// <summary>
/// The host application's end of a connection with a guest. It waits as an application does, and while it waits looks up: whether the target lives, and whether the guest is still at it.
/// </summary>
/// <param name="call">What the guest does at the other end.</param>
/// <param name="look">Throws when there is reason to wait no longer.</param>
/// <param name="patience">How long nothing may move.</param>
internal sealed class HostStream(HostConnection connection, Task call, Action look, TimeSpan patience)
{
    private const int GlanceMs = 20;
    private const int BufferBytes = 64 << 10;

    private readonly byte[] buffer = new byte[BufferBytes];

    /// <summary>True when the bytes belong at the place.</summary>
    public delegate bool Belongs(ulong place, ReadOnlySpan<byte> data);

    /// <summary>The connection has ended at this side.</summary>
    public bool HasEnded => connection.End != HostEnd.Open;

    /// <summary>
    /// Receives and checks until as much has come, or the connection ends. Whatever the first receive brings was on its way before, so time and bytes count from its end.
    /// </summary>
    /// <returns>Bytes that came, and MiB/s.</returns>
    /// <exception cref="PerfException">Wrong bytes, or nothing comes.</exception>
    public (long Bytes, double Rate) Consume(long total, Belongs belongs)
    {
        long first = 0;
        long begin = 0;
        long at = 0;
        while (at < total)
        {
            int n = Receive(buffer, endsWithCall: false);
            if (n == 0)
            {
                break;
            }

            if (at == 0)
            {
                first = n;
                begin = Stopwatch.GetTimestamp();
            }

            if (!belongs((ulong)at, buffer.AsSpan(0, n)))
            {
                throw new PerfException($"wrong bytes between positions {at} and {at + n}");
            }

            at += n;
        }

        return (at, (at - first) / (double)(1 << 20) / Stopwatch.GetElapsedTime(begin).TotalSeconds);
    }

    /// <summary>Receives at least one byte; 0 when the connection, or the guest's call, is over.</summary>
    /// <param name="endsWithCall">False: what the guest sent may still come when its call is over.</param>
    /// <exception cref="PerfException">Nothing comes.</exception>
    public int Receive(Span<byte> into, bool endsWithCall)
    {
        while (true)
        {
            if (connection.TryReceive(into, out int n))
            {
                return n;
            }

            if (HasEnded || !Await(PollEvents.Readable, endsWithCall))
            {
                return 0;
            }
        }
    }

    /// <summary>Receives one byte, which must be this; false when the guest's call, or the connection, is over.</summary>
    /// <exception cref="PerfException">It is another, or none comes.</exception>
    public bool Expect(byte word)
    {
        Span<byte> one = [0];
        return Receive(one, endsWithCall: true) == 1
            && (one[0] == word ? true : throw new PerfException($"the byte {one[0]} came from the guest in place of {word}"));
    }

    /// <summary>Sends all of it; false when the guest's call, or the connection, is over.</summary>
    /// <exception cref="PerfException">Nothing is taken.</exception>
    public bool Send(ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            if (!connection.TrySend(data, out int n))
            {
                return false;
            }

            data = data[n..];
            if (n == 0 && !Await(PollEvents.Writable, endsWithCall: true))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>False when the call is over and the socket has nothing to tell.</summary>
    private bool Await(PollEvents events, bool endsWithCall)
    {
        Deadline deadline = Deadline.In(patience);
        Span<PollEntry> entry = [new PollEntry(connection.Fd, events)];
        while (true)
        {
            // Before the socket is looked at: what the guest sent last is then there.
            bool isOver = endsWithCall && call.IsCompleted;
            if (Poll.Wait(entry, isOver ? 0 : GlanceMs) > 0)
            {
                return true;
            }

            look();
            if (isOver || call.IsFaulted)
            {
                return false;
            }

            if (deadline.HasPassed)
            {
                throw new PerfException($"nothing moved for {patience.TotalSeconds:0.#} s");
            }
        }
    }
}
