using System.Diagnostics;

namespace Vsockspec.Interop;

/// <summary>A point on the monotonic clock by which something must have happened.</summary>
public readonly struct Deadline
{
    private readonly long end;

    private Deadline(long end) => this.end = end;

    /// <summary>A deadline that never passes.</summary>
    public static Deadline Never => new(long.MaxValue);

    public bool HasPassed => Stopwatch.GetTimestamp() >= end;

    /// <summary>Milliseconds left for poll(2), rounded up: 0 when passed, -1 for <see cref="Never"/>.</summary>
    public int PollTimeout
    {
        get
        {
            if (end == long.MaxValue)
            {
                return -1;
            }

            long left = end - Stopwatch.GetTimestamp();
            return left <= 0 ? 0 : (int)Math.Min(int.MaxValue, (left / (Stopwatch.Frequency / 1000.0)) + 1);
        }
    }

    /// <summary>The deadline <paramref name="span"/> from now; <see cref="Timeout.InfiniteTimeSpan"/> gives <see cref="Never"/>.</summary>
    public static Deadline In(TimeSpan span) =>
        span == Timeout.InfiniteTimeSpan ? Never : new Deadline(Stopwatch.GetTimestamp() + (long)(span.TotalSeconds * Stopwatch.Frequency));
}
