using NUnit.Framework;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Tests.Runs;

[TestFixture]
public sealed class FairnessTests
{
    [TestCase(new double[] { 5, 5, 5, 5 }, ExpectedResult = 1.0)]
    [TestCase(new double[] { 8, 0, 0, 0 }, ExpectedResult = 0.25)]
    [TestCase(new double[] { 1, 3 }, ExpectedResult = 0.8)]
    [TestCase(new double[] { 0, 0 }, ExpectedResult = 0.0)]
    public double Jain_OfShares_IsTheIndex(double[] shares) => Fairness.Jain(shares);
}
