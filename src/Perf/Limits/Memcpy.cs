using System.Diagnostics;

namespace Vsockspec.Perf.Limits;

/// <summary>How fast the machine copies 64 KiB from cache to cache.</summary>
internal static class Memcpy
{
    private const int Size = 64 * 1024;
    private const int CopiesPerLook = 64;
    private static readonly TimeSpan Time = TimeSpan.FromMilliseconds(20);

    /// <summary>MiB/s of all threads together, each with buffers of its own.</summary>
    public static double MebibytesPerSecond(int threads)
    {
        using Barrier together = new(threads);
        double[] rates = new double[threads];
        SecondThread[] others = [.. Enumerable.Range(1, threads - 1).Select(i => SecondThread.Start(() => rates[i] = CopyWith(together)))];
        rates[0] = CopyWith(together);
        foreach (SecondThread other in others)
        {
            other.Join();
        }

        return rates.Sum();
    }

    private static double CopyWith(Barrier together)
    {
        byte[] from = new byte[Size];
        byte[] to = new byte[Size];
        from.CopyTo(to.AsSpan());
        if (!together.SignalAndWait(Waiting.Longest))
        {
            throw new PerfException("the threads of a copy did not begin together");
        }

        long start = Stopwatch.GetTimestamp();
        long copies = 0;
        TimeSpan elapsed;
        do
        {
            for (int i = 0; i < CopiesPerLook; i++)
            {
                from.AsSpan().CopyTo(to);
            }

            copies += CopiesPerLook;
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        while (elapsed < Time);
        return copies * (double)Size / (1 << 20) / elapsed.TotalSeconds;
    }
}
