using NUnit.Framework;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests;

public sealed class HelpTests
{
    [TestCase("")]
    [TestCase("run")]
    [TestCase("certify")]
    [TestCase("verify")]
    [TestCase("list")]
    [TestCase("list requirements")]
    [TestCase("replay")]
    [TestCase("report")]
    [TestCase("merge")]
    [TestCase("diff")]
    [TestCase("expect")]
    [TestCase("expect update")]
    [TestCase("doctor")]
    [TestCase("audit")]
    [TestCase("lab")]
    [TestCase("guest")]
    [TestCase("guest fetch")]
    [TestCase("guest list")]
    [TestCase("guest boot")]
    public void Help_OfEveryCommand_IsAsApproved(string command)
    {
        using Terminal terminal = new();
        int exitCode = terminal.Run([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.That(exitCode, Is.Zero);
        Snapshot.Match(terminal.Out.Replace(typeof(HelpTests).Assembly.GetName().Name!, "vsockspec", StringComparison.Ordinal), $"help-{command.Replace(' ', '-')}.txt");
    }
}
