using System.Diagnostics;
using System.Text;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Fitness;

/// <summary>The machine that this program runs on.</summary>
public sealed class LinuxMachine : IMachine
{
    private const int LargestFile = 1 << 20;
    private const int Batches = 15;
    private const int CopyBytes = 64 * 1024;
    private const int CopiesPerBatch = 400;
    private const int RoundTripsPerBatch = 500;

    public int ProcessId => Environment.ProcessId;

    public string? Read(string path)
    {
        try
        {
            using StreamReader reader = new(path);
            StringBuilder text = new();
            Span<char> piece = stackalloc char[1024];
            while (text.Length < LargestFile && reader.Read(piece) is var n and > 0)
            {
                _ = text.Append(piece[..n]);
            }

            return text.ToString();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public IReadOnlyList<string> Names(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public ClockReading Clocks() => new(Time(SystemClock.Monotonic), Time(SystemClock.Boot), Time(SystemClock.Realtime));

    public Calibration Calibrate() => new(Copy(), RoundTrips());

    private static TimeSpan Time(SystemClock clock) => TimeSpan.FromTicks(clock.Nanoseconds() / TimeSpan.NanosecondsPerTick);

    /// <summary>The middle batch: a batch that was interrupted does not count.</summary>
    private static double Copy()
    {
        byte[] from = new byte[CopyBytes];
        byte[] to = new byte[CopyBytes];
        double[] rates = new double[Batches];
        for (int batch = 0; batch < Batches; batch++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < CopiesPerBatch; i++)
            {
                from.AsSpan().CopyTo(to);
            }

            rates[batch] = (double)CopyBytes * CopiesPerBatch / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return Summary.Median(rates);
    }

    /// <summary>Both threads on one core: where the scheduler places two differs from time to time, and so does the way between them.</summary>
    private static double RoundTrips()
    {
        int? processor = CpuAffinity.Allowed() is [var first, ..] ? first : null;
        using EventFd ping = new();
        using EventFd pong = new();
        Thread other = new(() =>
        {
            using CpuAffinity? bound = processor is null ? null : CpuAffinity.Pin(processor.Value);
            for (int i = 0; i < Batches * RoundTripsPerBatch; i++)
            {
                Await(ping);
                _ = pong.Signal();
            }
        });
        double[] microseconds = new double[Batches];
        using CpuAffinity? ours = processor is null ? null : CpuAffinity.Pin(processor.Value);
        other.Start();
        for (int batch = 0; batch < Batches; batch++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < RoundTripsPerBatch; i++)
            {
                _ = ping.Signal();
                Await(pong);
            }

            microseconds[batch] = Stopwatch.GetElapsedTime(start).TotalMicroseconds / RoundTripsPerBatch;
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
