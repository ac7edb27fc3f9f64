namespace Vsockspec.Perf;

/// <summary>
/// Position-coded bytes that repeat: a receiver knows from its position what must come, whatever the pieces, and checks it at the speed of a comparison.
/// </summary>
public sealed class Pattern
{
    /// <summary>The longest piece that <see cref="At"/> gives: the largest message of a plan.</summary>
    public const int LongestPiece = 256 * 1024;

    /// <summary>Small enough to stay in a core's cache.</summary>
    public static readonly Pattern Short = new(64 * 1024);

    /// <summary>Also tells packets of 64 KiB from their neighbours.</summary>
    public static readonly Pattern Long = new(256 * 1024);

    private readonly byte[] bytes;

    private Pattern(int period)
    {
        Period = period;
        bytes = new byte[period + LongestPiece];
        new Random(271).NextBytes(bytes.AsSpan(0, period));
        for (int i = period; i < bytes.Length; i++)
        {
            bytes[i] = bytes[i - period];
        }
    }

    /// <summary>Bytes after which it repeats.</summary>
    public int Period { get; }

    /// <summary>The bytes at a position of the stream.</summary>
    /// <param name="length">At most <see cref="LongestPiece"/>.</param>
    public ReadOnlySpan<byte> At(long position, int length) => bytes.AsSpan((int)(position % Period), length);

    /// <summary>True when <paramref name="data"/> is what belongs at <paramref name="position"/>.</summary>
    public bool Matches(long position, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int n = Math.Min(data.Length, LongestPiece);
            if (!data[..n].SequenceEqual(At(position, n)))
            {
                return false;
            }

            data = data[n..];
            position += n;
        }

        return true;
    }
}
