using NUnit.Framework;

namespace Vsockspec.Reference.Tests;

[TestFixture]
public sealed class PollPaceTests
{
    [Test]
    public void Queues_WithWork_AreLookedAtWithoutPause()
    {
        PollPace pace = new();
        Assert.That(pace.Next(1, 100), Is.Zero);
        Assert.That(pace.Next(1, 101), Is.Zero);
        Assert.That(pace.Next(2, 101), Is.Zero);
        Assert.That(pace.Next(2, 102), Is.Zero, "the clock goes on from the last work");
    }

    [Test]
    public void Queues_WithoutWork_AreLookedAtOnceInAMillisecond()
    {
        PollPace pace = new();
        Assert.That(pace.Next(0, 100), Is.EqualTo(1));
        _ = pace.Next(1, 100);
        Assert.That(pace.Next(1, 102), Is.EqualTo(1));
        Assert.That(pace.Next(1, 200), Is.EqualTo(1));
    }
}
