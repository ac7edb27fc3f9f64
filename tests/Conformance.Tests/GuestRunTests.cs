using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Tests;

/// <summary>What becomes of a run when the guest, the target or the VMM does not do as it should; guests in user-mode Linux on the reference device.</summary>
[NonParallelizable]
public sealed class GuestRunTests
{
    private const string Requirement = "VS-X-28";

    /// <summary>Where an image has it.</summary>
    private const string BusyBox = "/bin/busybox";

    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private readonly UmlGuests _guests = new(TestContext.Progress.WriteLine);
    private readonly List<GuestRecord> _records = [];

    [SetUp]
    public void RequireTools()
    {
        string[] missing = [.. ((string[])["linux", "clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        Require(missing.Length > 0 ? $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh" : null);
        _records.Clear();
    }

    [Test]
    public void Guest_PoweredOffInACase_IsHarnessErrorWithTheConsole_AndTheNextCaseHasAnother()
    {
        CaseResult[] results = Run(
            Case("VSC-9001", c => c.Await(c.Agent.PowerOff().ContinueWith(_ => c.Agent.Ping(), TaskScheduler.Default).Unwrap())),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That((results[0].Verdict, results[0].FailureCode), Is.EqualTo((Verdict.HarnessError, "guest-lost")), results[0].Observed);
        Assert.That(results[0].Log, Does.Contain("the end of the guest's console:"));
        Assert.That(results[1].Verdict, Is.EqualTo(Verdict.Pass), results[1].Observed);
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(2));
    }

    [Test]
    public void Target_KilledInACase_IsFailWithItsEnd_AndTheNextCaseHasAnother()
    {
        CaseResult[] results = Run(
            Case("VSC-9001", c =>
            {
                using Process target = Process.GetProcessById(c.Target.ProcessId!.Value);
                target.Kill();
                target.WaitForExit();
                GuestSocketPair(c);
            }),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That(results[0].Verdict, Is.EqualTo(Verdict.Fail), results[0].Observed);
        Assert.That(results[0].Observed, Does.Contain("the target ended with signal 9"));
        Assert.That(results[0].Termination, Is.EqualTo(Termination.TargetExited));
        Assert.That(results[1].Verdict, Is.EqualTo(Verdict.Pass), results[1].Observed);
    }

    [Test]
    public void Sockets_LeftOpenByACase_AreClosed_AndTheGuestServesOn()
    {
        CaseResult[] results = Run(
            Case("VSC-9001", c =>
            {
                for (int i = 0; i < 50; i++)
                {
                    _ = c.Await(c.Agent.Socket(SocketType.Stream)).OrThrow("socket");
                }
            }),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That(results.Select(r => r.Verdict), Is.All.EqualTo(Verdict.Pass));
        Assert.That(_records.SelectMany(r => r.GivenUp), Is.Empty);
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(1));
    }

    [Test]
    public void Call_ThatBlocksWhenACaseEnds_IsInterrupted_AndTheGuestServesOn()
    {
        CaseResult[] results = Run(
            Case("VSC-9001", c =>
            {
                int fd = c.Await(c.Agent.Socket(SocketType.Stream)).OrThrow("socket");
                c.Await(c.Agent.Bind(fd, new VsockAddress((uint)Cid.Any32, (uint)Cid.Any32))).OrThrow("bind");
                c.Await(c.Agent.Listen(fd, 1)).OrThrow("listen");
                _ = c.Agent.Accept(fd, new CallLimit(TimeSpan.FromMinutes(1)));
            }),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That(results.Select(r => r.Verdict), Is.All.EqualTo(Verdict.Pass));
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(1));
    }

    [Test]
    public void Guest_ThatCannotBoot_IsHarnessErrorForEachCase()
    {
        CaseResult[] results = Run(new Refusing(), Case("VSC-9001", c => GuestSocketPair(c)), Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That(results.Select(r => (r.Verdict, r.FailureCode, r.Observed)), Is.All.EqualTo((Verdict.HarnessError, "guest-not-ready", "no guest today")));
    }

    [Test]
    public void Case_ThatNeedsMoreThanTheGuestAccepted_IsNotSupported()
    {
        CaseRun run = Case("VSC-9001", c => GuestSocketPair(c));
        CaseAttribute attribute = new("VSC-9001", Requirement) { Title = "needs a feature", Needs = VirtioFeatures.NoImpliedStream };
        CaseResult result = Run(run with { Case = run.Case with { Attribute = attribute } }).Single();

        Assert.That(result.Verdict, Is.EqualTo(Verdict.NotSupported), "the reference device offers it, Linux does not know it");
        Assert.That(result.Observed, Does.Contain("not accepted by the guest"));
    }

    [TestCase("WARNING: CPU: 0 PID: 1 at vsockspec/test.c:1 made_up+0x0/0x10")]
    [TestCase("BUG: KASAN: slab-use-after-free in made_up+0x0/0x10")]
    public void Kernel_ThatReportsInACase_IsInconclusive_AndTheNextCaseHasAnotherGuest(string headline)
    {
        CaseResult[] results = Run(
            WithBusyBox(),
            Case("VSC-9001", c =>
            {
                GuestSocketPair(c);
                SayAsKernel(c, "------------[ cut here ]------------", headline, "Modules linked in: vsock", "---[ end trace 0000000000000000 ]---");
            }),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That((results[0].Verdict, results[0].FailureCode), Is.EqualTo((Verdict.Inconclusive, "guest-kernel-report")), results[0].Observed);
        Assert.That(results[0].Observed, Is.EqualTo($"the guest's kernel reported: {headline}"));
        Assert.That(results[0].Log, Does.Contain($"{headline}\nModules linked in: vsock"));
        Assert.That((results[1].Verdict, results[1].Log), Is.EqualTo((Verdict.Pass, (string?)null)), results[1].Observed);
        Assert.That(_records.SelectMany(r => r.GivenUp), Is.EqualTo(["after VSC-9001: its kernel complained"]));
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(2));
    }

    [Test]
    public void Kernel_ThatReportsBeforeItStartsAnew_IsNotForgotten()
    {
        const string Headline = "WARNING: CPU: 0 PID: 1 at vsockspec/test.c:1 made_up+0x0/0x10";
        CaseResult[] results = Run(
            WithBusyBox(),
            Case("VSC-9001", c =>
            {
                c.TakeRestartableGuest();
                SayAsKernel(c, Headline);
                c.RestartGuest();
                GuestSocketPair(c);
            }),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That((results[0].Verdict, results[0].FailureCode), Is.EqualTo((Verdict.Inconclusive, "guest-kernel-report")), results[0].Observed);
        Assert.That(results[0].Observed, Does.EndWith(Headline));
        Assert.That(results[1].Verdict, Is.EqualTo(Verdict.Pass), results[1].Observed);
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(3));
    }

    [Test]
    public void Kernel_ThatSaysWhatIsNoReport_PassesAndTheGuestServesOn()
    {
        CaseResult[] results = Run(
            WithBusyBox(),
            Case("VSC-9001", c => SayAsKernel(c, "vsock: a word of warning, and no report")),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That(results.Select(r => r.Verdict), Is.All.EqualTo(Verdict.Pass));
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(1));
    }

    [Test]
    public void KernelLog_ThatCannotBeReadAfterACase_LeavesTheResult_AndTheNextCaseHasAnotherGuest()
    {
        CaseResult[] results = Run(
            WithBusyBox(),
            Case("VSC-9001", c =>
            {
                GuestSocketPair(c);
                Assert.That(c.Await(c.Agent.Execute(BusyBox, ["rm", "/dev/kmsg"])).Succeeded);
            }),
            Case("VSC-9002", c => GuestSocketPair(c)));

        Assert.That(results.Select(r => (r.Id, r.Verdict)), Is.EqualTo([("VSC-9001", Verdict.Pass), ("VSC-9002", Verdict.Pass)]));
        Assert.That(_records.SelectMany(r => r.GivenUp).Single(), Does.StartWith("after VSC-9001: read(/dev/kmsg) in the guest failed"));
        Assert.That(_records.Sum(r => r.Boots), Is.EqualTo(2));
    }

    /// <summary>What is written to /dev/kmsg is in the kernel's log as if it came from the kernel.</summary>
    private static void SayAsKernel(CaseContext c, params string[] lines)
    {
        string script = string.Concat(lines.Select(line => $"echo '{line}' > /dev/kmsg\n"));
        GuestProgramEnd end = c.Await(c.Agent.Execute(BusyBox, ["sh", "-c", $"set -e\n{script}"]));
        Assert.That(end.Succeeded, $"{end.Status}: {end.Output}");
    }

    private static GuestsWithBusyBox WithBusyBox()
    {
        string? busyBox = ToolBox.OfThisMachine.Find("busybox");
        Require(busyBox is null ? "busybox: not on this machine; run ci/setup.sh" : null);
        return new GuestsWithBusyBox(busyBox!);
    }

    private static void Require(string? problem)
    {
        if (problem is null)
        {
            return;
        }

        if (Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail(problem);
        }

        Assert.Ignore(problem);
    }

    private CaseResult[] Run(params CaseRun[] runs) => Run(_guests, runs);

    private CaseResult[] Run(IGuestSource guests, params CaseRun[] runs)
    {
        Results results = new(_records);
        new SuiteRunner(Register).Run(
            new RunRequest { Target = BuiltInTargets.Find(BuiltInTargets.Default, SuiteData.Folder).ToTarget(), Runs = runs, Seed = 5, Guests = guests },
            results,
            TestContext.CurrentContext.CancellationToken);
        return [.. results.All];
    }

    private static CaseRun Case(string id, Action<CaseContext> body) => new(
        new CaseInfo(new CaseAttribute(id, Requirement) { Title = id }, "sockets", id, body) { NeedsGuest = true },
        Variant.Of(Vary.Nothing)[0]);

    private static void GuestSocketPair(CaseContext c)
    {
        var listener = c.Listen();
        int fd = c.Await(c.Agent.Socket(SocketType.Stream)).OrThrow("socket");
        c.Await(c.Agent.Connect(fd, new VsockAddress((uint)Cid.Host, listener.Port))).OrThrow("connect");
        _ = listener.Accept();
    }

    private sealed class GuestsWithBusyBox(string busyBox) : IGuestSource
    {
        public Guest Boot(GuestVsock device, CancellationToken cancellation)
        {
            GuestKernel kernel = UmlKernel.Get(ToolBox.OfThisMachine, cancellation);
            string agent = AgentProgram.Find(GuestCache.Agents(), TestContext.Progress.WriteLine, cancellation);
            UmlOptions options = new() { DeviceSocket = ((GuestVsock.VhostUser)device).Socket };
            return UmlLauncher.Start(kernel, GuestImage.Build(kernel, agent, busyBox, cancellation), options, cancellation);
        }
    }

    private sealed class Refusing : IGuestSource
    {
        public Guest Boot(GuestVsock device, CancellationToken cancellation) => throw new GuestException("no guest today");
    }

    private sealed class Results(List<GuestRecord> guests) : IRunListener
    {
        public List<CaseResult> All { get; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void GuestBooted(GuestRecord guest) => guests.Add(guest);

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => All.Add(result);
    }
}
