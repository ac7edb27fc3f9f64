using System.Numerics;

namespace Vsockspec.Guests.Protocol;

/// <summary>
/// Buckets for times in nanoseconds: one for each up to 255 ns, then 128 to each doubling, so that none is wider than 1/128 of what it holds.
/// </summary>
public static class LatencyBuckets
{
    /// <summary>Times from here on share the last bucket, in nanoseconds: 18 minutes.</summary>
    public const long Highest = (1L << 40) - 1;

    private const int Bits = 7;

    /// <summary>The bucket of a time, from 0 to <see cref="AgentProtocol.MaxBuckets"/> - 1.</summary>
    /// <param name="nanoseconds">Below 0 counts as 0.</param>
    public static int Of(long nanoseconds)
    {
        ulong value = (ulong)Math.Clamp(nanoseconds, 0, Highest);
        int shift = Math.Max(BitOperations.Log2(value | 1) - Bits, 0);
        return (shift << Bits) + (int)(value >> shift);
    }

    /// <summary>The shortest time in a bucket, in nanoseconds; that of the next bucket is the first which is not in it.</summary>
    public static long Lowest(int bucket)
    {
        int shift = Math.Max((bucket >> Bits) - 1, 0);
        return (long)(bucket - (shift << Bits)) << shift;
    }
}
