namespace Vsockspec.Perf;

/// <summary>
/// Position-coded bytes with a period of 64 KiB: a receiver knows from its position what must come, whatever the pieces, and checks
/// it at the speed of a comparison.
/// </summary>
public static class Pattern
{
    public const int Period = 64 * 1024;
    private static readonly byte[] Bytes = Make();

    /// <summary>The bytes at a position of the stream, at most to the end of the period.</summary>
    public static ReadOnlySpan<byte> At(long position, int length) => Bytes.AsSpan((int)(position % Period), length);

    /// <summary>True when <paramref name="data"/> is what belongs at <paramref name="position"/>.</summary>
    public static bool Matches(long position, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int n = Math.Min(data.Length, Period - (int)(position % Period));
            if (!data[..n].SequenceEqual(At(position, n)))
            {
                return false;
            }

            data = data[n..];
            position += n;
        }

        return true;
    }

    private static byte[] Make()
    {
        byte[] bytes = new byte[Period];
        new Random(271).NextBytes(bytes);
        return bytes;
    }
}
