using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class SteadyStateTests
{
    private static readonly SteadyState Steady = new();

    [Test]
    public void Drift_OfAStraightLine_IsItsRise() => Assert.That(SteadyState.Drift([100, 101, 102, 103, 104]), Is.EqualTo(4 / 102.0).Within(1e-12));

    /// <summary>The line through 2, 4, 5, 4, 5 has the slope 0.6 (a textbook's example): 2.4 over four steps, of a mean of 4.</summary>
    [Test]
    public void Drift_OfScatteredPieces_IsThatOfTheLineOfLeastSquares() => Assert.That(SteadyState.Drift([2, 4, 5, 4, 5]), Is.EqualTo(0.6).Within(1e-12));

    [Test]
    public void IsFlat_OfConstants_IsTrue() => Assert.That(Steady.IsFlat([7, 7, 7, 7, 7, 7, 7, 7]), Is.True);

    [TestCase(1)]
    [TestCase(-1)]
    public void IsFlat_OfARamp_IsFalse(int sign) => Assert.That(Steady.IsFlat(Series(8, i => 100 + (sign * 2 * i))), Is.False);

    [Test]
    public void IsFlat_OfAStep_IsFalse() => Assert.That(Steady.IsFlat([70, 71, 70, 71, 100, 101, 100, 101]), Is.False);

    /// <summary>Noise alone is seldom taken for a slope, however large it is; a ramp beyond the limit in a little noise is hardly ever missed.</summary>
    [TestCase(0.01)]
    [TestCase(0.05)]
    [TestCase(0.20)]
    public void IsFlat_OverAndOver_TellsNoiseFromSlopes(double spread)
    {
        Random random = new(11);
        const int Times = 500;
        int wrong = Enumerable.Range(0, Times).Count(_ => !Steady.IsFlat(ComparisonTests.Runs(random, 100, spread, 8)));
        Assert.That(wrong, Is.LessThanOrEqualTo(Times / 50));

        int missed = Enumerable.Range(0, Times).Count(_ => Steady.IsFlat(Series(8, i => 100 * (1 + (0.04 * i)) * Math.Exp(0.01 * random.NextNormal()))));
        Assert.That(missed, Is.Zero);
    }

    [Test]
    public void WarmUp_OfASlowStart_EndsWhenItIsOver()
    {
        Random random = new(12);
        int taken = 0;
        (bool isSteady, IReadOnlyList<double> pieces) = Steady.WarmUp(() => (100 - (60 * Math.Exp(-taken++ / 3.0))) * Math.Exp(0.005 * random.NextNormal()), 40);
        Assert.That(isSteady, Is.True);
        Assert.That(pieces, Has.Count.InRange(12, 20), "the first pieces are 40 % of what they become");
    }

    [Test]
    public void WarmUp_OfAnEndlessRise_GivesUpAndSaysSo()
    {
        double value = 10;
        (bool isSteady, IReadOnlyList<double> pieces) = Steady.WarmUp(() => value *= 1.1, 24);
        Assert.That((isSteady, pieces.Count), Is.EqualTo((false, 24)));
    }

    [Test]
    public void WarmUp_OfWhatIsFlatAtOnce_TakesNoMoreThanItLooksAt() => Assert.That(Steady.WarmUp(() => 5, 40).Taken, Has.Count.EqualTo(Steady.Pieces));

    [Test]
    public void SteadyState_OfTooLittle_IsRefused()
    {
        Assert.That(() => new SteadyState(pieces: 2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => SteadyState.Drift([1]), Throws.ArgumentException);
        Assert.That(() => SteadyState.Drift([1, 0, 1]), Throws.ArgumentException);
    }

    private static double[] Series(int count, Func<int, double> value) => [.. Enumerable.Range(0, count).Select(value)];
}
