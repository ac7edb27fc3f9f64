using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Interop;

namespace Vsockspec.Harness.Tests.Interop;

[TestFixture]
public sealed class TimerFdTests
{
    [Test]
    public void Timer_EndsAPoll_WhenItsTimeHasCome()
    {
        using TimerFd timer = new();
        long start = Stopwatch.GetTimestamp();
        timer.Arm(TimeSpan.FromMicroseconds(300));
        Span<PollEntry> entry = [new PollEntry(timer.Fd, PollEvents.Readable)];
        Assert.That(Poll.Wait(entry, 10_000), Is.EqualTo(1));
        Assert.That(Stopwatch.GetElapsedTime(start), Is.GreaterThanOrEqualTo(TimeSpan.FromMicroseconds(300)));
    }

    [Test]
    public void Timer_SetAnew_IsNotReadableAnyMore()
    {
        using TimerFd timer = new();
        timer.Arm(TimeSpan.Zero);
        Span<PollEntry> entry = [new PollEntry(timer.Fd, PollEvents.Readable)];
        Assert.That(Poll.Wait(entry, 10_000), Is.EqualTo(1));
        timer.Arm(TimeSpan.FromHours(1));
        Assert.That(Poll.Wait(entry, 0), Is.Zero);
    }
}
