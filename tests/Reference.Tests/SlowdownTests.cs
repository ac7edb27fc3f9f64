using NUnit.Framework;
using Vsockspec.Interop;

namespace Vsockspec.Reference.Tests;

[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class SlowdownTests
{
    private const long SliceOfOthers = 1_000_000;
    private long cpu;
    private long wall;
    private long looks;
    private Random? others;

    /// <summary>The thread's own clock costs 600 ns to look at, in the first half of which it stops.</summary>
    private long Processor()
    {
        Use(300);
        long now = cpu;
        Use(300);
        return now;
    }

    /// <summary>The other one costs 25 ns, as often as not while somebody else has the processor.</summary>
    private long Wall()
    {
        looks++;
        Use(25);
        return wall;
    }

    private void Use(long nanoseconds)
    {
        cpu += nanoseconds;
        wall += nanoseconds;
        if (others is not null && others.NextDouble() < nanoseconds / 100_000.0)
        {
            wall += SliceOfOthers;
        }
    }

    [Test]
    public void Pay_OverManyTurns_SpendsThePartAndNoMore([Values(0.05, 0.10, 1.0)] double part, [Values] bool isDisturbed, [Values] bool sleeps)
    {
        Slowdown slowdown = new(part, Processor, Wall);
        others = isDisturbed ? new Random(2) : null;
        long begin = cpu;
        long worked = 0;
        Random random = new(1);
        for (int turn = 0; turn < 20_000; turn++)
        {
            int work = random.Next(2_000, 30_000);
            worked += work;
            Use(work);
            if (sleeps)
            {
                // To fall asleep and to wake is work as well.
                slowdown.Pause();
                worked += 1_500;
                Use(1_500);
                wall += random.Next(0, 100_000);
            }

            slowdown.Pay();
        }

        Assert.That((double)(cpu - begin - worked) / worked, Is.EqualTo(part).Within(0.003));
    }

    [Test]
    public void Pay_WithOneProcessorToItself_SpendsAfterEachTurn()
    {
        Slowdown slowdown = new(0.10, Processor, Wall);
        for (int turn = 0; turn < 1000; turn++)
        {
            Use(10_000);
            long before = cpu;
            slowdown.Pay();
            Assert.That(cpu - before, Is.InRange(turn % 32 == 31 ? 600 : 900, turn % 32 == 31 ? 1_800 : 1_150), $"turn {turn}");
        }
    }

    [Test]
    public void Pay_WithoutWork_DoesNotSpin()
    {
        Slowdown slowdown = new(0.10, Processor, Wall);
        long before = looks;
        for (int turn = 0; turn < 100; turn++)
        {
            slowdown.Pay();
        }

        Assert.That(looks - before, Is.LessThanOrEqualTo(210));
    }

    [Test]
    public void Slowdown_OfNothing_IsNone() => Assert.That(Slowdown.Of(0), Is.Null);

    /// <summary>The real clock of a thread: it goes on while the thread works, and the spinning is there.</summary>
    [Test]
    public void Pay_OfRealWork_TakesAsMuchProcessorTimeAgain()
    {
        Slowdown slowdown = Slowdown.Of(1.0)!;
        long begin = 0;
        long worked = 0;
        for (int turn = -200; turn < 200; turn++)
        {
            if (turn == 0)
            {
                // What was compiled until then is work of its own.
                (begin, worked) = (CpuClock.OfThisThread(), 0);
            }

            long first = CpuClock.OfThisThread();
            long last = first;
            while (last - first < 100_000)
            {
                last = CpuClock.OfThisThread();
            }

            worked += last - first;
            slowdown.Pay();
        }

        double spent = CpuClock.OfThisThread() - begin - worked;

        // How exact it is is asked above, with clocks that nobody disturbs. What the runtime does on this thread, and what a hypervisor takes away, counts here.
        Assert.That(spent / worked, Is.InRange(0.5, 2.0));
    }
}
