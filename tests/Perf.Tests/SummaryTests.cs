using NUnit.Framework;

namespace Vsockspec.Perf.Tests;

[TestFixture]
public sealed class SummaryTests
{
    [TestCase(new[] { 3.0 }, 3.0)]
    [TestCase(new[] { 5.0, 1.0, 3.0 }, 3.0)]
    [TestCase(new[] { 4.0, 1.0, 3.0, 2.0 }, 2.5)]
    public void Median_OfValues_IsTheMiddle(double[] values, double expected) => Assert.That(Summary.Median(values), Is.EqualTo(expected));

    [Test]
    public void Summary_OfValues_HasTheirRange()
    {
        Summary summary = Summary.Of([2.0, 8.0, 4.0]);
        Assert.That((summary.Minimum, summary.Middle, summary.Maximum), Is.EqualTo((2.0, 4.0, 8.0)));
    }
}
