using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class GuardedStartTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Test]
    public void Gate_WhoeverStartedItIsGone_NeverBecomesTheCommand()
    {
        using Scratch scratch = new();
        string trace = Path.Combine(scratch.Path, "it-ran");
        using Process gate = GuardedStart.StartGate(new ProcessStartInfo(), ["/bin/sh", "-c", "echo > \"$1\"", "sh", trace]);

        // What the kernel does when it ends a process.
        gate.StandardInput.BaseStream.Dispose();
        Assert.That(gate.WaitForExit(Limit));
        Assert.That(File.Exists(trace), Is.False);
    }

    [Test]
    public void Start_Command_IsTheProcessAndFindsNothingOnItsStandardInput()
    {
        using Process process = GuardedStart.Start(new ProcessStartInfo { RedirectStandardOutput = true }, ["/bin/sh", "-c", "echo $$; cat"]);
        string output = process.StandardOutput.ReadToEnd();
        Assert.That(process.WaitForExit(Limit));
        Guardian.Release(process.Id);

        Assert.That((process.ExitCode, output), Is.EqualTo((0, $"{process.Id}\n")));
    }

    [Test]
    public void Start_NoSuchProgram_EndsAndSaysSo()
    {
        using Process process = GuardedStart.Start(new ProcessStartInfo { RedirectStandardError = true }, ["/no/such/program"]);
        string errors = process.StandardError.ReadToEnd();
        Assert.That(process.WaitForExit(Limit));
        Guardian.Release(process.Id);

        Assert.That(process.ExitCode, Is.EqualTo(127));
        Assert.That(errors, Does.Contain("/no/such/program: not found"));
    }

    /// <summary>A shell drops what it could not have as a variable of its own.</summary>
    [TestCase("PLAIN")]
    [TestCase("vsockspec_gate")]
    [TestCase("my.log-level")]
    [TestCase("1ST")]
    public void Start_Variable_Arrives(string name)
    {
        ProcessStartInfo info = new() { RedirectStandardOutput = true };
        info.Environment[name] = "a 'b'\n$c";
        using Process process = GuardedStart.Start(info, ["/usr/bin/env", "-0"]);
        string output = process.StandardOutput.ReadToEnd();
        Assert.That(process.WaitForExit(Limit));
        Guardian.Release(process.Id);

        Assert.That(output.Split('\0'), Does.Contain($"{name}=a 'b'\n$c"));
    }
}
