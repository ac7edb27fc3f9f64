using System.Diagnostics;
using System.Globalization;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Harness.Tests.Targets;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>Programs that the agent runs; the agent is a process of this machine, where it opens no vsock sockets.</summary>
public sealed class AgentProgramCallTests
{
    private const string Shell = "/bin/sh";
    private const int NoSuchFile = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly CallLimit Long = new(Patience);

    private LocalAgent _agent = null!;

    private AgentClient _client = null!;

    [OneTimeSetUp]
    public void StartTheAgent()
    {
        _agent = LocalAgent.Start();
        _client = _agent.Client;
    }

    [OneTimeTearDown]
    public void EndTheAgent() => _agent?.Dispose();

    [Test]
    public async Task Execute_ProgramThatFails_TellsItsCodeAndBothOutputs()
    {
        GuestProgramEnd end = await Run("echo \"$0\"; echo $1 >&2; exit 7", "a b", "c");
        Assert.That((end.Status, end.Succeeded, end.Output, end.Written), Is.EqualTo(("exit code 7", false, "a b\nc\n", 6UL)));
    }

    [Test]
    public async Task Execute_ProgramThatSucceeds_Succeeds()
    {
        GuestProgramEnd end = await Run("cat; exit 0");
        Assert.That((end.Status, end.Succeeded, end.Output), Is.EqualTo(("exit code 0", true, "")));
    }

    [Test]
    public async Task Execute_ProgramEndedByASignal_NamesIt() => Assert.That((await Run("kill -TERM $$")).Status, Is.EqualTo("signal 15 (SIGTERM)"));

    [Test]
    public async Task Execute_Signals_AreAsUsual() =>
        Assert.That((await Run("kill -PIPE $$; echo alive")).Status, Is.EqualTo("signal 13 (SIGPIPE)"), "the agent's runtime ignores it, its programs do not");

    [Test]
    public async Task Execute_MoreOutputThanIsKept_KeepsTheEnd()
    {
        GuestProgramEnd end = await Run("head -c 100000 /dev/zero | tr '\\0' x; echo the end");
        Assert.That(end.Written, Is.EqualTo(100_008));
        Assert.That(end.Output, Has.Length.EqualTo(32 << 10).And.EndsWith("xthe end\n"));
    }

    [Test]
    public async Task Execute_NoSuchProgram_GivesItsErrno()
    {
        GuestProgramEnd end = await _client.Execute("/no/such/program", [], Long);
        Assert.That((end.Result.Errno, end.Succeeded), Is.EqualTo((NoSuchFile, false)));
        Assert.That(end.Status, Does.StartWith("not started: "));
    }

    [Test]
    public async Task Execute_ChildThatKeepsTheOutput_DoesNotHoldItUp()
    {
        GuestProgramEnd end = await Run("sleep 1000 & echo $!");
        Assert.That(end.Status, Is.EqualTo("exit code 0"));
        AssertGone(int.Parse(end.Output, CultureInfo.InvariantCulture));
    }

    [Test]
    public async Task Execute_Cancelled_KillsTheProgramWithItsChildren()
    {
        using Scratch scratch = new();
        using CancellationTokenSource cancel = new();
        string mark = Path.Combine(scratch.Path, "mark");
        Task<GuestProgramEnd> running = _client.Execute(
            Shell, ["-c", "sleep 1000 & echo $!; echo x > \"$0.new\"; mv \"$0.new\" \"$0\"; wait", mark], new CallLimit(Patience, cancel.Token));
        await Until(() => File.Exists(mark));
        Assert.That(running.IsCompleted, Is.False);
        await cancel.CancelAsync();
        GuestProgramEnd end = await running.WaitAsync(Patience);
        Assert.That((end.Status, end.Succeeded), Is.EqualTo(("killed", false)));
        AssertGone(int.Parse(end.Output, CultureInfo.InvariantCulture));
    }

    [Test]
    public void Execute_PastItsDeadline_IsKilledAndTold() =>
        Assert.That(
            async () => await _client.Execute(Shell, ["-c", "sleep 1000"], new CallLimit(TimeSpan.FromMilliseconds(200))).WaitAsync(Patience),
            Throws.TypeOf<GuestTimeoutException>().With.Message.Contains("Execute"));

    [Test]
    public async Task Reset_WhileAProgramRuns_KillsIt()
    {
        Task<GuestProgramEnd> running = _client.Execute(Shell, ["-c", "sleep 1000"], Long);
        Assert.That((await _client.Reset()).Succeeded);
        Assert.That((await running.WaitAsync(Patience)).Status, Is.EqualTo("killed"));
    }

    private Task<GuestProgramEnd> Run(string script, params string[] arguments) => _client.Execute(Shell, ["-c", script, .. arguments], Long);

    /// <summary>A zombie counts as gone: who reaps it is not our business.</summary>
    private static void AssertGone(int process) => Assert.That(
        () => File.Exists($"/proc/{process}/stat") ? File.ReadAllText($"/proc/{process}/stat").Split(") ")[^1][0] : 'Z', Is.EqualTo('Z').After(10_000, 10));

    private static async Task Until(Func<bool> condition)
    {
        long begin = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.That(Stopwatch.GetElapsedTime(begin), Is.LessThan(Patience));
            await Task.Yield();
        }
    }
}
