using CsCheck;
using NUnit.Framework;

namespace Vsockspec.Perf.Tests;

[TestFixture]
public sealed class PatternTests
{
    [Test]
    public void Pattern_CutAnywhere_MatchesAtItsPositionOnly() =>
        Gen.Select(Gen.Long[0, 1L << 40], Gen.Int[16, 100_000]).Sample((position, length) =>
        {
            byte[] data = new byte[length];
            for (int at = 0; at < length;)
            {
                int n = Math.Min(length - at, Pattern.Period - (int)((position + at) % Pattern.Period));
                Pattern.At(position + at, n).CopyTo(data.AsSpan(at));
                at += n;
            }

            bool there = Pattern.Matches(position, data);
            bool elsewhere = Pattern.Matches(position + 1, data);
            data[length / 2] ^= 1;
            return there && !elsewhere && !Pattern.Matches(position, data);
        });
}
