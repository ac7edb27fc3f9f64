using CsCheck;
using NUnit.Framework;

namespace Vsockspec.Perf.Tests;

[TestFixture]
public sealed class PatternTests
{
    [Test]
    public void Pattern_CutAnywhere_MatchesAtItsPositionOnly() =>
        Gen.Select(Gen.Bool, Gen.Long[0, 1L << 40], Gen.Int[16, 600_000], Gen.Int[1, Pattern.LongestPiece]).Sample((isLong, position, length, piece) =>
        {
            Pattern pattern = isLong ? Pattern.Long : Pattern.Short;
            byte[] data = new byte[length];
            for (int at = 0; at < length;)
            {
                int n = Math.Min(length - at, piece);
                pattern.At(position + at, n).CopyTo(data.AsSpan(at));
                at += n;
            }

            bool there = pattern.Matches(position, data);
            bool elsewhere = pattern.Matches(position + 1, data);
            data[length / 2] ^= 1;
            return there && !elsewhere && !pattern.Matches(position, data);
        });

    [Test]
    public void LongPattern_OfNeighbouringPackets_Differs() =>
        Assert.That(Pattern.Long.Matches(0, Pattern.Long.At(64 * 1024, 64 * 1024)), Is.False);
}
