using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Reference;

/// <summary>
/// Makes the thread that calls it spend more processor time, in a fixed proportion to what its work takes: the device becomes slower by a known part, and a measurement can be held
/// against it. Time in which the thread waits or is kept waiting is no work. What the work took is the thread's own clock, which costs a system call and is therefore asked once in a
/// while only; in between it is what the clock on the wall says, by as much as the two differed until then.
/// </summary>
/// <param name="part">0.05: 5 % more.</param>
/// <param name="processor">Processor time of the thread, in nanoseconds.</param>
/// <param name="wall">Any time, in nanoseconds, that is cheap to look at.</param>
internal sealed class Slowdown(double part, Func<long> processor, Func<long> wall)
{
    /// <summary>Payments between two looks at the thread's own clock.</summary>
    private const int Between = 32;

    /// <summary>Nanoseconds: whoever seemed to work longer without a pause was perhaps kept waiting, which the thread's own clock knows.</summary>
    private const long LongestGuess = 200_000;
    private const int Calibrations = 20;
    private const int LooksToCalibrate = 50;

    /// <summary>Nanoseconds between two looks in a row: whoever needs longer was kept waiting.</summary>
    private const long LongestLook = 2_000;

    /// <summary>However the two clocks differ: a thread that waits most of the time, or works where it seemed to wait.</summary>
    private const double MostDifference = 8;
    private readonly long look = CostOfALook(wall);
    private readonly long begin = processor();
    private long resumed = wall();
    private long? paused;
    private double worked;
    private double spent;
    private double seemed;
    private double workedThen;
    private double difference = 1;
    private int payments;

    public static Slowdown? Of(double part) => part == 0 ? null : new Slowdown(part, CpuClock.OfThisThread, Wall);

    /// <summary>The thread may sleep from now on, until it pays.</summary>
    public void Pause()
    {
        paused = wall();
        spent += look;
    }

    /// <summary>
    /// Spends what is owed for the work since it was last called. To be called on waking, before what has come is worked on: afterwards the answer would be out already, and a
    /// round trip would not become longer.
    /// </summary>
    public void Pay()
    {
        long now = wall();
        double elapsed = (paused ?? now) - resumed;
        seemed += elapsed;
        worked += elapsed * difference;
        paused = null;

        // Looking at a clock is time spent too: now, and at the end.
        spent += 2 * look;
        if (++payments == Between || elapsed > LongestGuess)
        {
            now = Learn(now, isRegular: elapsed <= LongestGuess);
        }

        while (spent < part * worked)
        {
            long later = wall();
            spent += later - now <= LongestLook ? later - now : look;
            now = later;
        }

        resumed = wall();
    }

    private static long Wall() => Stopwatch.GetTimestamp() * (1_000_000_000 / Stopwatch.Frequency);

    /// <summary>The least of several times: somebody else may have the processor meanwhile.</summary>
    private static long CostOfALook(Func<long> clock)
    {
        long least = long.MaxValue;
        for (int i = 0; i < Calibrations; i++)
        {
            long begin = clock();
            for (int n = 1; n < LooksToCalibrate; n++)
            {
                _ = clock();
            }

            least = Math.Min(least, clock() - begin);
        }

        return least / LooksToCalibrate;
    }

    /// <param name="isRegular">False: what the clocks differ by now is no guess for the next turns.</param>
    private long Learn(long now, bool isRegular)
    {
        payments = 0;
        long used = processor() - begin;
        long after = wall();
        spent += after - now <= LongestLook ? after - now : look;
        worked = Math.Max(0, used - spent);
        if (isRegular && seemed > 0)
        {
            difference = Math.Clamp((worked - workedThen) / seemed, 1 / MostDifference, MostDifference);
        }

        (workedThen, seemed) = (worked, 0);
        return after;
    }
}
