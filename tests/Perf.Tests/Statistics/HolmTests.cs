using CsCheck;
using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class HolmTests
{
    /// <summary>As R's <c>p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")</c> gives it.</summary>
    [Test]
    public void Adjust_OfFour_IsThePublishedExample() =>
        Assert.That(Holm.Adjust([0.01, 0.04, 0.03, 0.005]), Is.EqualTo(new[] { 0.03, 0.06, 0.06, 0.02 }).Within(1e-12));

    [Test]
    public void Adjust_OfAny_IsBetweenTheTestAloneAndBonferroni() =>
        Gen.Double[0, 1].Array[1, 40].Sample(p =>
        {
            double[] adjusted = Holm.Adjust(p);
            return p.Zip(adjusted).All(x => x.Second >= x.First && x.Second <= Math.Min(1, p.Length * x.First) + 1e-12);
        });

    [Test]
    public void Adjust_OfNoProbability_IsRefused() => Assert.That(() => Holm.Adjust([0.5, 1.5]), Throws.ArgumentException);
}
