using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Perf.Counting;

namespace Vsockspec.Perf.Tests.Counting;

[TestFixture]
public sealed class TargetProcessesTests
{
    [Test]
    public void Use_OfALiveProcess_IsKnown()
    {
        TargetProcesses own = TargetProcesses.Of(Environment.ProcessId);
        long before = own.Cpu()!.Value;
        Assert.That(own.AreKnown);
        Assert.That(own.Memory(), Is.GreaterThan(1 << 20));
        Assert.That(() => own.Cpu(), Is.GreaterThan(before).After(10_000, 1));
        Assert.That(own.Threads(), Is.Not.Empty);
    }

    [Test]
    public void Use_OfNobody_IsUnknown()
    {
        Assert.That(TargetProcesses.Of(null).AreKnown, Is.False);
        Assert.That(TargetProcesses.Of(null).Cpu(), Is.Null);
        Assert.That(TargetProcesses.Of(null).Memory(), Is.Null);
    }

    [Test]
    public void Processes_ThatAShellStarts_AreFound()
    {
        using Process shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "while :; do :; done & read line; kill $!"]) { RedirectStandardInput = true })!;
        try
        {
            // The shell itself only waits: what grows by a tenth of a second is the loop.
            Assert.That(() => TargetProcesses.Of(shell.Id).Cpu(), Is.GreaterThan(100_000_000).After(20_000, 10));
        }
        finally
        {
            shell.StandardInput.Close();
            shell.WaitForExit();
        }
    }
}
