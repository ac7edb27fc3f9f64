using NUnit.Framework;
using Vsockspec.Interop;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class SlowdownTests
{
    private long cpu;
    private long looks;

    /// <summary>A thread whose clock costs 80 ns to look at.</summary>
    private long Look()
    {
        looks++;
        return cpu += 80;
    }

    [TestCase(0.05)]
    [TestCase(0.10)]
    [TestCase(1.0)]
    public void Pay_OverManyTurns_SpendsThePartAndNoMore(double part)
    {
        Slowdown slowdown = new(part, Look);
        long begin = cpu;
        long worked = 0;
        Random random = new(1);
        for (int turn = 0; turn < 5000; turn++)
        {
            int work = random.Next(2_000, 30_000);
            worked += work;
            cpu += work;
            slowdown.Pay();
        }

        Assert.That((double)(cpu - begin - worked) / worked, Is.EqualTo(part).Within(0.002));
    }

    [Test]
    public void Pay_WithoutWork_DoesNotSpin()
    {
        Slowdown slowdown = new(0.10, Look);
        long before = looks;
        for (int turn = 0; turn < 100; turn++)
        {
            slowdown.Pay();
        }

        Assert.That(looks - before, Is.LessThanOrEqualTo(101));
    }

    [Test]
    public void Slowdown_OfNothing_IsNone() => Assert.That(Slowdown.Of(0), Is.Null);

    /// <summary>The real clock of a thread: it goes on while the thread works, and the spinning is there.</summary>
    [Test]
    public void Pay_OfRealWork_TakesAsMuchProcessorTimeAgain()
    {
        Slowdown slowdown = Slowdown.Of(1.0)!;
        slowdown.Pay();
        long begin = CpuClock.OfThisThread();
        long worked = begin;
        while (worked - begin < 20_000_000)
        {
            worked = CpuClock.OfThisThread();
        }

        slowdown.Pay();
        double spent = CpuClock.OfThisThread() - worked;
        Assert.That(spent / (worked - begin), Is.EqualTo(1.0).Within(0.05));
    }
}
