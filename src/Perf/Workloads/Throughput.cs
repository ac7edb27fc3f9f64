using System.Diagnostics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>The direction of a transfer.</summary>
public enum Direction
{
    GuestToHost,
    HostToGuest,
}

/// <summary>What one transfer cost besides time.</summary>
/// <param name="Packets">Packets of the driver and the device.</param>
/// <param name="Kicks">Notifications to the device.</param>
/// <param name="Calls">Notifications from the device.</param>
/// <param name="CreditUpdates">Both ways.</param>
public sealed record Counters(long Packets, long Kicks, ulong Calls, long CreditUpdates);

/// <summary>Stream throughput over one flow: from the first byte posted to the last byte consumed and checked.</summary>
internal static class Throughput
{
    private const int BatchPackets = 64;

    /// <summary>Seconds for <paramref name="total"/> bytes in messages of <paramref name="size"/>.</summary>
    public static (double Seconds, Counters Counters) Run(ITargetInstance target, Direction direction, long total, int size)
    {
        using Session session = new(target, VirtioFeatures.EventIdx);
        double seconds = direction == Direction.GuestToHost ? GuestToHost(session, total, size) : HostToGuest(session, total, size);
        session.Check();
        Peers.RawDriver driver = session.Driver;
        driver.DrainCalls();
        return (seconds, new Counters(
            driver.Rx.Taken + (total / size),
            driver.Rx.Kicks + driver.Tx.Kicks,
            driver.RxCalls + driver.TxCalls,
            session.CreditUpdatesReceived + session.CreditUpdatesSent));
    }

    private static double GuestToHost(Session session, long total, int size)
    {
        ulong[] packets = PreparePackets(session, size);
        HostEnd reader = HostEnd.Reader(session.Connection.Fd, buffer => session.Connection.TryReceive(buffer, out int n) ? n : session.Connection.End == Peers.HostEnd.Open ? 0 : -1, total);
        uint length = (uint)(VsockHeader.Size + size);
        long posted = 0;
        int inBatch = 0;
        bool CanSend() => session.Defect is not null || reader.IsDone || (session.Credit >= size && session.Driver.Tx.Ring.FreeDescriptors > 0);
        long start = Stopwatch.GetTimestamp();
        for (int next = 0; posted < total && session.Defect is null;)
        {
            if (session.Credit >= size && session.Driver.Tx.TrySendInPlace(packets[next], length, out _))
            {
                session.Sent((uint)size);
                posted += size;
                next = next + 1 == packets.Length ? 0 : next + 1;
                if (++inBatch == BatchPackets)
                {
                    inBatch = 0;
                    session.Driver.Tx.Flush();
                    session.Driver.Pump();
                }

                continue;
            }

            inBatch = 0;
            session.Driver.Tx.Flush();
            if (!session.Driver.Timeline.WaitUntil(CanSend))
            {
                throw new PerfException($"the device took {posted} of {total} bytes and then nothing more");
            }
        }

        session.Driver.Tx.Flush();
        _ = session.Driver.Timeline.WaitUntil(() => reader.IsDone || session.Defect is not null);
        session.Check();
        reader.Join();
        return Stopwatch.GetElapsedTime(start, reader.FinishedAt).TotalSeconds;
    }

    private static double HostToGuest(Session session, long total, int size)
    {
        long start = Stopwatch.GetTimestamp();
        HostEnd writer = HostEnd.Writer(session.Connection.Fd, data => session.Connection.TrySend(data, out int n) ? n : -1, total, size);
        long seen = 0;
        bool Moved() => session.Received > seen || session.Defect is not null;
        while (session.Received < total && session.Defect is null)
        {
            seen = session.Received;
            if (!session.Driver.Timeline.WaitUntil(Moved))
            {
                throw new PerfException($"the device delivered {seen} of {total} bytes and then nothing more");
            }

            session.TellCredit();
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        session.Check();
        writer.Join();
        return seconds;
    }

    /// <summary>
    /// One packet for each distinct piece of the pattern, header and payload contiguous. In a transfer one way nothing in the header
    /// changes, so the packets are written once and only descriptors are posted.
    /// </summary>
    private static ulong[] PreparePackets(Session session, int size)
    {
        ulong[] packets = new ulong[Pattern.Period / size];
        VsockHeader header = session.Flow.Header(Op.Rw) with { Len = (uint)size };
        for (int i = 0; i < packets.Length; i++)
        {
            packets[i] = session.Driver.Arena.Allocate((uint)(VsockHeader.Size + size), 64, Peers.RawDriver.BufferRegion);
            Span<byte> memory = session.Driver.Memory.Slice(packets[i], (uint)(VsockHeader.Size + size));
            header.Write(memory);
            Pattern.At((long)i * size, size).CopyTo(memory[VsockHeader.Size..]);
        }

        return packets;
    }
}
