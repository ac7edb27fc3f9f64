using Vsockspec.Interop;

namespace Vsockspec.Reference;

/// <summary>
/// Makes the thread that calls it spend more processor time, in a fixed proportion to what its work takes: the device becomes slower by a known part, and a measurement can be held
/// against it. Time in which the thread waits or is kept waiting is no work.
/// </summary>
/// <param name="part">0.05: 5 % more.</param>
/// <param name="clock">Processor time of the thread, in nanoseconds.</param>
internal sealed class Slowdown(double part, Func<long> clock)
{
    private const int LooksToCalibrate = 200;
    private readonly long look = CostOfALook(clock);
    private long last = clock();
    private double worked;
    private double spent;

    public static Slowdown? Of(double part) => part == 0 ? null : new Slowdown(part, CpuClock.OfThisThread);

    /// <summary>
    /// Spends what is owed for the work since it was last called. To be called on waking, before what has come is worked on: afterwards the answer would be out already, and a
    /// round trip would not become longer.
    /// </summary>
    public void Pay()
    {
        long now = clock();
        worked += Math.Max(0, now - last - look);

        // Looking at the clock is time spent too.
        spent += look;
        while (spent < part * worked)
        {
            long later = clock();
            spent += later - now;
            now = later;
        }

        last = now;
    }

    private static long CostOfALook(Func<long> clock)
    {
        long begin = clock();
        for (int i = 1; i < LooksToCalibrate; i++)
        {
            _ = clock();
        }

        return (clock() - begin) / LooksToCalibrate;
    }
}
