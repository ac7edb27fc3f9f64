using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class SteadyStateTests
{
    [Test]
    public void Drift_OfStraightLine_IsItsRise() => Assert.That(SteadyState.Drift([100, 101, 102, 103, 104]), Is.EqualTo(4 / 102.0).Within(1e-12));

    [Test]
    public void Drift_WithOneAstray_IsThatOfTheRest() => Assert.That(SteadyState.Drift([100, 100, 900, 100, 100, 100, 100, 100]), Is.Zero);

    [Test]
    public void WarmUp_OfSlowStart_IsLeftOut() => Assert.That(SteadyState.WarmUp([40, 70, 99, 100, 101, 100, 99, 100, 101, 100], 0.01), Is.InRange(1, 3));

    [Test]
    public void WarmUp_OfEndlessRise_IsNone() => Assert.That(SteadyState.WarmUp([10, 20, 30, 40, 50, 60], 0.01), Is.Null);

    [Test]
    public void Abba_OfSteadyDrift_MeetsBothAlike()
    {
        bool[] turns = [.. Interleaving.Abba(10)];
        Assert.That(turns, Has.Length.EqualTo(20));
        Assert.That(turns.Select((first, at) => first ? at : -at).Sum(), Is.Zero);
    }
}
