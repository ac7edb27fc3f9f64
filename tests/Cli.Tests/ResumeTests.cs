using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;

namespace Vsockspec.Cli.Tests;

/// <summary>A run that was killed goes on: what has a result keeps it, what was interrupted gets one, the rest runs.</summary>
public sealed class ResumeTests
{
    private const string Victim = "VSC-0102";

    private const string LabBroke =
        "Oops: int3: 0000 [#2] PREEMPT SMP NOPTI\nRIP: 0010:__schedule+0x428/0xbf0\nKernel panic - not syncing: Fatal exception in interrupt";

    [Test]
    public void Resume_AfterAPanic_FailsTheCaseThatRanAndRunsTheRest()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        Bundle.LeavePanic(terminal.PathOf("b"), "BUG: kernel NULL pointer dereference\nKernel panic - not syncing: Fatal exception\u0007");

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.EqualTo(1), terminal.Error);
        RunReport report = Open(terminal);
        CaseResult victim = report.Cases.Single(c => c.Id == Victim);
        Assert.That(report.Run.State, Is.EqualTo(RunState.Complete));
        Assert.That(report.Cases, Has.Count.EqualTo(6));
        Assert.That(report.Run.Seed, Is.EqualTo(77));
        Assert.That(terminal.Request!.Done, Has.Count.EqualTo(3));
        Assert.That(victim.Verdict, Is.EqualTo(Verdict.Fail));
        Assert.That(victim.FailureCode, Is.EqualTo("kernel-panic"));
        Assert.That(victim.Observed, Is.EqualTo("the kernel panicked: Kernel panic - not syncing: Fatal exception\ufffd"));
        Assert.That(victim.Log, Does.StartWith("BUG: kernel NULL pointer dereference\n"));
        Assert.That(Files(terminal), Has.None.EqualTo("panic.txt").And.None.EqualTo("started.jsonl"));
    }

    [Test]
    public void Resume_AfterTheLabBroke_RunsTheCaseOnceMoreAndSaysSo()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        Bundle.LeavePanic(terminal.PathOf("b"), LabBroke);

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.Zero, terminal.Error);
        RunReport report = Open(terminal);
        CaseResult victim = report.Cases.Single(c => c.Id == Victim);
        Assert.That(report.Run.State, Is.EqualTo(RunState.Complete));
        Assert.That(terminal.Request!.Done, Has.Count.EqualTo(2));
        Assert.That((victim.Verdict, victim.Repeated), Is.EqualTo((Verdict.Pass, "the lab broke under the first run (lab-broke)")));
        Assert.That(report.Cases.Count(c => c.Repeated is not null), Is.EqualTo(1));
        Assert.That(terminal.Error, Does.Contain($"{victim.FullName}: the lab broke under the first run (lab-broke); it runs once more"));
        Assert.That(terminal.Out, Does.Contain($"run twice: {victim.FullName}, Pass the second time: the lab broke under the first run (lab-broke)"));
        Assert.That(File.ReadAllText(terminal.PathOf("b/summary.md")), Does.Contain($"| run twice | {victim.FullName}, Pass the second time"));
        Assert.That(File.ReadAllText(terminal.PathOf("b/junit.xml")), Does.Contain("repeated: the lab broke"));
    }

    [Test]
    public void Resume_AfterTheLabBrokeTwiceUnderACase_AccusesNobody()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        BreakAgain(terminal, LabBroke, Victim);
        Bundle.LeavePanic(terminal.PathOf("b"), LabBroke);

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.EqualTo(3));
        CaseResult victim = Open(terminal).Cases.Single(c => c.Id == Victim);
        Assert.That((victim.Verdict, victim.FailureCode), Is.EqualTo((Verdict.Inconclusive, "lab-broke")));
        Assert.That(victim.Repeated, Is.Not.Null);
        Assert.That(victim.Log, Does.Contain("__schedule"));
    }

    [Test]
    public void Resume_AfterTheLabBrokeUnderTwoCases_RunsEachOnceMore()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        BreakAgain(terminal, LabBroke, "VSC-0201");
        Bundle.LeavePanic(terminal.PathOf("b"), LabBroke);

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(Open(terminal).Cases.Where(c => c.Repeated is not null).Select(c => c.Id), Is.EqualTo(new[] { Victim, "VSC-0201" }));
    }

    [Test]
    public void Resume_PanicBeforeTheSecondRunBegan_DoesNotAccuseTheCase()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        string journal = terminal.PathOf("b/started.jsonl");
        File.AppendAllText(journal, File.ReadAllLines(journal)[^1].Replace("}", ",\"again\":true}", StringComparison.Ordinal) + "\n");
        Bundle.LeavePanic(terminal.PathOf("b"), "Kernel panic - not syncing: another");
        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(Open(terminal).Cases.Single(c => c.Id == Victim).Verdict, Is.EqualTo(Verdict.Pass));
    }

    [Test]
    public void Resume_ForAnUnknownReason_IsInconclusive()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.EqualTo(3));
        CaseResult victim = Open(terminal).Cases.Single(c => c.Id == Victim);
        Assert.That(victim.Verdict, Is.EqualTo(Verdict.Inconclusive));
        Assert.That(victim.FailureCode, Is.EqualTo("interrupted"));
    }

    [Test]
    public void Resume_LinesThatWereCutOff_AreForgotten()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        File.AppendAllText(terminal.PathOf("b/cases.jsonl"), "{\"id\":\"VSC-0");
        File.AppendAllText(terminal.PathOf("b/started.jsonl"), "{\"case\":\"VS");

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.EqualTo(3));
        Assert.That(Open(terminal).Cases, Has.Count.EqualTo(6));
        Assert.That(File.ReadAllLines(terminal.PathOf("b/cases.jsonl")), Has.Length.EqualTo(6));
    }

    [Test]
    public void Resume_Twice_ForgetsNothing()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        using (Terminal second = new() { During = run => ThrowAt(run, "VSC-0201") })
        {
            Assert.That(() => second.Run("run", "--verbose", "--resume", terminal.PathOf("b")), Throws.InvalidOperationException);
        }

        Assert.That(terminal.Run("run", "--resume", terminal.PathOf("b")), Is.EqualTo(3));
        Assert.That(Open(terminal).Cases.Where(c => c.Verdict == Verdict.Inconclusive).Select(c => c.Id), Is.EqualTo(new[] { Victim, "VSC-0201" }));
    }

    [Test]
    public void Resume_Panic_CanBeExpected()
    {
        using Terminal terminal = new();
        terminal.Write("known.yaml", $"expectations:\n  - {{case: {Victim}, failureCode: kernel-panic, reason: known, link: https://example.org, owner: me, expires: 9999-12-31}}\n");
        string manifest = terminal.Write("t.yaml", "name: x\nrole: device\ntransport: vhost-user\nlaunch: {command: [sh, \"{socket}\"]}\nexpectations: known.yaml\n");
        Break(terminal.Folder, "--target", manifest);
        Bundle.LeavePanic(terminal.PathOf("b"), "Kernel panic - not syncing: x");

        Assert.That(terminal.Run("run", "--target", manifest, "--resume", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(Open(terminal).Summary.ByVerdict[Verdict.KnownFailure], Is.EqualTo(1));
    }

    [Test]
    public void Resume_Wrong_IsExplained()
    {
        using Terminal terminal = new();
        Break(terminal.Folder);
        string bundle = terminal.PathOf("b");

        Refuses(terminal, "leave out --out", "--out", terminal.PathOf("c"));
        Refuses(terminal, "has the seed 77; leave out --seed", "--seed", "5");
        Refuses(terminal, "that run has 6 cases and this selection 2", "--case", "VSC-0101");
        Refuses(terminal, "give the options with which it was begun", "--profile", "core-stream");
        File.AppendAllText(Path.Combine(bundle, "started.jsonl"), "{\"case\":5}\n");
        Refuses(terminal, "started.jsonl:4: not the start of a case");
    }

    [Test]
    public void Resume_CompleteRun_IsRefused()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--out", terminal.PathOf("b"));

        Refuses(terminal, "the run is complete; there is nothing to go on with");
    }

    private static void Refuses(Terminal terminal, string message, params string[] options)
    {
        Assert.That(terminal.Run(["run", "--resume", terminal.PathOf("b"), .. options]), Is.EqualTo(2), terminal.Error);
        Assert.That(terminal.Error, Does.Contain(message));
    }

    /// <summary>Runs until the harness dies in the middle of the third case; the bundle stays as a killed process leaves it.</summary>
    private static void Break(string folder, params string[] options)
    {
        using Terminal broken = new() { During = run => ThrowAt(run, Victim) };
        Assert.That(
            () => broken.Run(["run", "--verbose", "--seed", "77", "--out", Path.Combine(folder, "b"), .. options]),
            Throws.InvalidOperationException);
    }

    /// <summary>The lab broke, and the run that goes on dies in a case.</summary>
    private static void BreakAgain(Terminal terminal, string panic, string id)
    {
        Bundle.LeavePanic(terminal.PathOf("b"), panic);
        using Terminal second = new() { During = run => ThrowAt(run, id) };
        Assert.That(() => second.Run("run", "--verbose", "--resume", terminal.PathOf("b")), Throws.InvalidOperationException);
    }

    private static void ThrowAt(CaseRun run, string id)
    {
        if (run.Case.Id == id)
        {
            throw new InvalidOperationException("killed");
        }
    }

    private static IEnumerable<string?> Files(Terminal terminal) => Directory.GetFiles(terminal.PathOf("b")).Select(Path.GetFileName);

    private static RunReport Open(Terminal terminal) => Bundle.Open(terminal.PathOf("b"), RequirementRegister.Load());
}
