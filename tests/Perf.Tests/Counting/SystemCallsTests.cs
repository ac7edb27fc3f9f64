using NUnit.Framework;
using Vsockspec.Perf.Counting;

namespace Vsockspec.Perf.Tests.Counting;

/// <summary>Where the kernel's tracepoints are within reach they count; elsewhere it is said why they do not.</summary>
[TestFixture]
public sealed class SystemCallsTests
{
    [Test]
    public void Calls_OfThisProcess_AreCountedOrItIsSaidWhyNot()
    {
        using SystemCalls? calls = SystemCalls.Begin(TargetProcesses.Of(Environment.ProcessId));
        if (SystemCalls.WhyNot() is { } why)
        {
            Assert.That(why, Is.Not.Empty);
            Assert.That(calls, Is.Null);
            return;
        }

        long before = calls!.Count;
        for (int i = 0; i < 1000; i++)
        {
            _ = File.Exists("/proc/self/status");
        }

        Assert.That(calls.Count - before, Is.GreaterThanOrEqualTo(1000));
    }

    [Test]
    public void Calls_OfNobody_AreNotCounted() => Assert.That(SystemCalls.Begin(TargetProcesses.None), Is.Null);
}
