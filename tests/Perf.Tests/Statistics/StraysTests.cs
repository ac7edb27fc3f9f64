using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class StraysTests
{
    [Test]
    public void Replaced_OneAstray_IsAsItsNeighbours() =>
        Assert.That(Strays.Replaced([100, 101, 99, 100, 140, 101, 100, 99, 101]), Is.EqualTo(new[] { 100.0, 101, 99, 100, 100, 101, 100, 99, 101 }));

    /// <summary>The nights around a step are what the detector is to see, from the fourth night on.</summary>
    [TestCase(4)]
    [TestCase(5)]
    [TestCase(20)]
    public void Replaced_OfAStep_LeavesIt(int after)
    {
        double[] step = [.. Enumerable.Repeat(100.0, 20), .. Enumerable.Repeat(90.0, after)];
        Assert.That(Strays.Replaced(step), Is.EqualTo(step));
    }

    [Test]
    public void Replaced_OfNoise_LeavesNearlyAll()
    {
        double[] noise = ComparisonTests.Runs(new Random(1), 100, 0.02, 4000);
        double[] calm = Strays.Replaced(noise);
        Assert.That(noise.Zip(calm).Count(pair => pair.First != pair.Second) / 4000.0, Is.LessThan(0.02));
    }

    [Test]
    public void Replaced_OfTooFew_LeavesThem([Range(0, 4)] int count)
    {
        double[] few = [.. Enumerable.Range(1, count).Select(i => i * 100.0)];
        Assert.That(Strays.Replaced(few), Is.EqualTo(few));
    }
}
