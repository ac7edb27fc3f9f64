using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Vsockspec.Rings;

namespace Vsockspec.Audit;

/// <summary>
/// The descriptors of a chain in a value of fixed size: runs of equal ones, the first <see cref="MaxRuns"/> of them. In words
/// <c>split, 44r 4096r</c> or <c>packed, table: 44w 7wx584</c>: lengths in bytes, r for what the device reads, w for what it writes, x for how often.
/// </summary>
internal readonly struct ChainOutline : IEquatable<ChainOutline>
{
    /// <summary>What a comment of a packet begins with that describes its chain.</summary>
    public const string Prefix = "chain: ";

    public const int MaxRuns = 6;

    private readonly RingLayout layout;
    private readonly int direct = -1;
    private readonly int runCount;
    private readonly int left;
    private readonly RunList runs;

    /// <param name="direct">Buffers before those of an indirect table; null: there is none.</param>
    public ChainOutline(RingLayout layout, ReadOnlySpan<RingBuffer> buffers, int? direct)
    {
        this.layout = layout;
        this.direct = direct ?? -1;
        for (int i = 0; i < buffers.Length; i++)
        {
            RingBuffer buffer = buffers[i];
            bool sameRun = runCount > 0 && i != direct
                && runs[runCount - 1].Length == buffer.Length && runs[runCount - 1].DeviceWrites == buffer.DeviceWrites;
            if (sameRun)
            {
                runs[runCount - 1].Count++;
            }
            else if (runCount == MaxRuns)
            {
                left = buffers.Length - i;
                break;
            }
            else
            {
                runs[runCount++] = new Run { First = i, Length = buffer.Length, Count = 1, DeviceWrites = buffer.DeviceWrites };
            }
        }
    }

    public static bool operator ==(in ChainOutline a, in ChainOutline b) => a.Equals(b);

    public static bool operator !=(in ChainOutline a, in ChainOutline b) => !a.Equals(b);

    public bool Equals(ChainOutline other)
    {
        if (layout != other.layout || direct != other.direct || runCount != other.runCount || left != other.left)
        {
            return false;
        }

        for (int i = 0; i < runCount; i++)
        {
            if (runs[i] != other.runs[i])
            {
                return false;
            }
        }

        return true;
    }

    public override bool Equals(object? obj) => obj is ChainOutline other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(layout, direct, runCount, left);

    public override string ToString()
    {
        StringBuilder text = new(layout == RingLayout.Packed ? "packed," : "split,");
        for (int i = 0; i < runCount; i++)
        {
            Run run = runs[i];
            text.Append(run.First == direct ? " table:" : "");
            text.Append(CultureInfo.InvariantCulture, $" {run.Length}{(run.DeviceWrites ? 'w' : 'r')}");
            if (run.Count > 1)
            {
                text.Append(CultureInfo.InvariantCulture, $"x{run.Count}");
            }
        }

        return left == 0 ? text.ToString() : text.Append(CultureInfo.InvariantCulture, $" and {left} more").ToString();
    }

    private record struct Run
    {
        public int First;
        public uint Length;
        public int Count;
        public bool DeviceWrites;
    }

    [InlineArray(MaxRuns)]
    private struct RunList
    {
        private Run first;
    }
}
