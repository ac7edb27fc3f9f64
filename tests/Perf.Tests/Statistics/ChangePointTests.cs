using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class ChangePointTests
{
    private static readonly ChangePointDetector Detector = new();

    [Test]
    public void Find_StepInNoise_IsThere()
    {
        Random random = new(5);
        double[] history = [.. ComparisonTests.Runs(random, 100, 0.01, 40), .. ComparisonTests.Runs(random, 110, 0.01, 40)];
        ChangePoint point = Detector.Find(history).Single();
        Assert.That(point.Index, Is.EqualTo(40));
        Assert.That(point.Change, Is.EqualTo(0.10).Within(0.01));
    }

    [Test]
    public void Find_UpAndDownAgain_AreBothThere()
    {
        Random random = new(6);
        double[] history = [.. ComparisonTests.Runs(random, 100, 0.01, 30), .. ComparisonTests.Runs(random, 108, 0.01, 12), .. ComparisonTests.Runs(random, 100, 0.01, 30)];
        Assert.That(Detector.Find(history).Select(p => p.Index), Is.EqualTo(new[] { 30, 42 }).Within(1));
    }

    [Test]
    public void Find_OneAstray_IsNoStep()
    {
        Random random = new(7);
        double[] history = ComparisonTests.Runs(random, 100, 0.01, 60);
        history[30] = 140;
        Assert.That(Detector.Find(history), Is.Empty);
    }

    /// <summary>One night in twenty goes astray by 30 %: the step of 5 % is found all the same.</summary>
    [Test]
    public void Find_AStepAmongStrays_IsThere()
    {
        Random random = new(11);
        double[] history = [.. ComparisonTests.Runs(random, 100, 0.01, 60), .. ComparisonTests.Runs(random, 105, 0.01, 8)];
        foreach (int stray in (int[])[5, 25, 44, 50])
        {
            history[stray] *= 1.3;
        }

        Assert.That(Detector.Find(history).Select(p => p.Index), Is.EqualTo(new[] { 60 }).Within(1));
    }

    [Test]
    public void Find_OldHistory_DoesNotHideAYoungStep()
    {
        Random random = new(8);
        double[] history = [.. ComparisonTests.Runs(random, 100, 0.01, 300), .. ComparisonTests.Runs(random, 105, 0.01, 6)];
        Assert.That(Detector.Find(history).Select(p => p.Index), Is.EqualTo(new[] { 300 }).Within(1));
    }

    [Test]
    public void Find_StepsOfManyHistories_AreAtTheirPlaces()
    {
        Random random = new(10);
        const int Times = 200;
        int exact = Enumerable.Range(0, Times).Count(_ => Detector.Find([.. ComparisonTests.Runs(random, 100, 0.01, 30), .. ComparisonTests.Runs(random, 108, 0.01, 12)]) is [{ Index: 30 }]);
        Assert.That(exact, Is.GreaterThan(Times * 97 / 100));
    }

    [Test]
    public void Find_Constant_IsNone() => Assert.That(Detector.Find(Enumerable.Repeat(5.0, 90).ToArray()), Is.Empty);

    [Test]
    public void Find_OfTooFewValues_IsNone([Range(0, 7)] int count) => Assert.That(Detector.Find(Enumerable.Range(1, count).Select(i => i * 10.0).ToArray()), Is.Empty);

    [Test]
    public void Find_OfWhatIsNoNumber_IsRefused() => Assert.That(() => Detector.Find([1, 2, double.NaN]), Throws.ArgumentException);

    /// <summary>Of 5 % at a spread of 2 % within two nights of its place, seven nights after it, and of quiet histories.</summary>
    [Test]
    public void Find_OverAndOver_FindsStepsAndLeavesQuietAlone()
    {
        Random random = new(9);
        const int Times = 60;
        int found = Enumerable.Range(0, Times).Count(_ =>
            Detector.Find([.. ComparisonTests.Runs(random, 100, 0.02, 60), .. ComparisonTests.Runs(random, 105, 0.02, 7)]).Any(p => Math.Abs(p.Index - 60) <= 2));
        int alarms = Enumerable.Range(0, Times).Sum(_ => Detector.Find(ComparisonTests.Runs(random, 100, 0.02, 90)).Count);
        Assert.That(found, Is.GreaterThan(Times * 8 / 10));
        Assert.That(alarms, Is.LessThanOrEqualTo(Times / 12));
    }

    /// <summary>Two groups whose test is worked through in textbooks: t = 1.959 with ten degrees of freedom.</summary>
    [Test]
    public void Student_OfKnownGroups_IsTheKnownProbability()
    {
        // 30.02, 29.99, 30.11, 29.97, 30.01, 29.99 against 29.89, 29.93, 29.72, 29.98, 30.02, 29.98.
        Assert.That(Student.Probability(30.015, 0.00247, 6, 29.92, 0.01164, 6), Is.EqualTo(0.0786).Within(0.001));
    }

    /// <summary>Points of the published table of t, two-sided.</summary>
    [TestCase(5, 2.571, 0.05)]
    [TestCase(10, 3.169, 0.01)]
    [TestCase(30, 3.646, 0.001)]
    public void Student_AtTheTabledPoint_HasTheTabledProbability(int freedom, double t, double expected)
    {
        int first = 1 + (freedom / 2);
        int second = freedom + 2 - first;
        double mean = t * Math.Sqrt((1.0 / first) + (1.0 / second));
        Assert.That(Student.Probability(0, 1, first, mean, 1, second), Is.EqualTo(expected).Within(0.01 * expected));
    }
}
