using NUnit.Framework;

namespace Vsockspec.Cli.Tests;

public sealed class PerfGuestTests
{
    [TestCase("perf run --plan smoke --guest uml", 2, "--guest uml: the plan 'smoke' measures nothing from a guest; take one that does: --plan guest")]
    [TestCase("perf run --plan guest --guest debain:6.12", 2, "unknown kernel 'debain:6.12' (did you mean 'debian:6.12'?)")]
    [TestCase("perf run --plan guest --guest-accel fast", 2, "'fast'")]
    [TestCase("perf run --plan gest", 2, "unknown plan 'gest' (did you mean 'guest'?)")]
    [TestCase("perf compare --plan guest", 2, "--plan guest: measures from a guest, and this does not; take one that drives the rings: --plan smoke")]
    public void Arguments_Wrong_AreExplained(string arguments, int exitCode, string message)
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run(arguments.Split(' ')), Is.EqualTo(exitCode));
        Assert.That(terminal.Error, Does.StartWith("vsockspec: ").And.Contain(message).And.Not.Contain("an error of vsockspec itself"));
    }
}
