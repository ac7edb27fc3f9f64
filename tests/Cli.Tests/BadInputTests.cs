using NUnit.Framework;

namespace Vsockspec.Cli.Tests;

/// <summary>Everything that a user can get wrong: one clear message, exit code 2, no bundle.</summary>
public sealed class BadInputTests
{
    [TestCase("", "Required command was not provided; see 'vsockspec --help'")]
    [TestCase("rnu", "unknown command 'rnu' (did you mean 'run'?); see 'vsockspec --help'")]
    [TestCase("run --sed 5", "unknown option '--sed' (did you mean '--seed'?); see 'vsockspec run --help'")]
    [TestCase("run --seed many", "--seed many: not a number from 0 to 2^64-1")]
    [TestCase("run --seed -1", "--seed -1: not a number")]
    [TestCase("run --repeat 0", "--repeat 0: not a whole number from 1 to")]
    [TestCase("run --jobs x", "--jobs x: not a whole number from 1 to 256")]
    [TestCase("run --shard 5/4", "--shard 5/4: write the part and the number of parts: 2/4")]
    [TestCase("run --trace some", "'some'")]
    [TestCase("run extra", "unexpected argument 'extra'")]
    [TestCase("run --profile seqpaket", "unknown profile 'seqpaket' (did you mean 'seqpacket'?)")]
    [TestCase("run --target referense", "unknown target 'referense' (did you mean 'reference'?)")]
    [TestCase("run --target /nowhere/t.yaml", "/nowhere/t.yaml: no such file")]
    [TestCase("run --case VSC-0109", "--case VSC-0109: no case is called so (did you mean 'VSC-010")]
    [TestCase("run --case VSC-0102 --profile seqpacket", "no case is left: the profile 'seqpacket' leaves out all that --case selects")]
    [TestCase("run --suite linux-vsock-tset", "unknown suite 'linux-vsock-tset' (did you mean 'linux-vsock-test'?)")]
    [TestCase("run --suite linux-vsock-test --target reference", "--suite linux-vsock-test: judges a kernel's own vhost-vsock, and reference is reached over vhost-user; give --target linux-vhost-vsock")]
    [TestCase("run --suite linux-vsock-test --jobs 2", "--jobs: does not go with --suite")]
    [TestCase("run --suite linux-vsock-test --profile sockets", "--profile: does not go with --suite")]
    [TestCase("run --suite linux-vsock-test --guest debain:6.12", "unknown kernel 'debain:6.12' (did you mean 'debian:6.12'?)")]
    [TestCase("run --guest debain:6.12", "unknown kernel 'debain:6.12' (did you mean 'debian:6.12'?)")]
    [TestCase("run --suites /nowhere", "--suites /nowhere: has no folder 'requirements'")]
    [TestCase("replay", "Required argument missing for command: 'replay'")]
    [TestCase("list nothing", "unknown command 'nothing'")]
    [TestCase("lab", "Required argument missing for command: 'lab'")]
    [TestCase("lab -- rnu", "unknown command 'rnu' (did you mean 'run'?)")]
    [TestCase("lab -- run --sed 5", "unknown option '--sed' (did you mean '--seed'?); see 'vsockspec run --help'")]
    [TestCase("lab -- lab -- doctor", "a lab runs no further lab")]
    [TestCase("lab --memory 1 -- doctor", "--memory 1: not a whole number from 512 to 65536")]
    [TestCase("lab --timeout 5 -- doctor", "--timeout 5: not a time up to seven days; write a whole number and s, m or h: 90s, 20m, 2h")]
    [TestCase("lab --timeout 0s -- doctor", "--timeout 0s: not a time")]
    [TestCase("lab --accel fast -- doctor", "'fast'")]
    [TestCase("lab --kernel debian:abc -- doctor", "kernel 'debian:abc': not a Debian kernel")]
    [TestCase("lab --kernel debain:6.12 -- doctor", "unknown kernel 'debain:6.12' (did you mean 'debian:6.12'?)")]
    [TestCase("lab -- run --out /proc/x", "--out: /proc/x: ")]
    [TestCase("merge /a /b", "Option '--out' is required")]
    public void Arguments_Wrong_AreExplained(string arguments, string message)
    {
        using Terminal terminal = new();
        int exitCode = terminal.Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.That(terminal.Error, Does.StartWith("vsockspec: ").And.Contain(message));
        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Not.Contain("   at "));
    }

    [Test]
    public void Manifest_WrongField_NamesFileLineAndField()
    {
        using Terminal terminal = new();
        string manifest = terminal.Write("t.yaml", "name: x\nrole: device\ntransport: vhost-user\nlaunch:\n  comand: [true]\n");

        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Is.EqualTo(
            $"vsockspec: {manifest}:5: unknown field 'launch.comand' (did you mean 'command'?); known are: command, env, workingDirectory, readyTimeoutMs\n"));
        Assert.That(Directory.Exists(terminal.PathOf("b")), Is.False);
    }

    [Test]
    public void Manifest_MissingProgram_NamesTheFieldAndTheRemedy()
    {
        using Terminal terminal = new();
        string manifest = terminal.Write("t.yaml", "name: x\nrole: device\ntransport: vhost-user\nlaunch:\n  command: [no-such-backend, \"{socket}\"]\n");

        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("field 'launch.command': 'no-such-backend' is not on PATH; install it or correct the path"));
    }

    [Test]
    public void Out_ThatCannotBeWritten_NamesThePath()
    {
        using Terminal terminal = new();
        string file = terminal.Write("file", "");

        Assert.That(terminal.Run("run", "--out", file), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.StartWith($"vsockspec: --out: {file}: "));
        Assert.That(terminal.Run("run", "--out", "/proc/vsockspec"), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.StartWith("vsockspec: --out: /proc/vsockspec: "));
    }

    [Test]
    public void Out_ThatHasABundle_IsNotOverwritten()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--out", terminal.PathOf("b"));
        Assert.That(terminal.Run("run", "--out", terminal.PathOf("b")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("has a bundle already; give another folder to --out"));
    }

    [Test]
    public void Bundle_ThatIsNone_IsExplained()
    {
        using Terminal terminal = new();
        foreach (string[] command in new[] { new[] { "report", terminal.Folder }, ["replay", terminal.Folder, "VSC-0101"], ["diff", terminal.Folder, terminal.Folder] })
        {
            Assert.That(terminal.Run(command), Is.EqualTo(2));
            Assert.That(terminal.Error, Does.Contain("results.json: no such file; give the folder that 'vsockspec run' wrote"));
        }
    }

    [Test]
    public void Replay_CaseThatTheBundleDoesNotHave_OffersTheNearest()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--out", terminal.PathOf("b"));
        Assert.That(terminal.Run("replay", terminal.PathOf("b"), "VSC-0101[packet]"), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("has no case 'VSC-0101[packet]' (did you mean 'VSC-0101[packed]'?)"));
    }
}
