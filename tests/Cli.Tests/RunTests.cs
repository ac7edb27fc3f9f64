using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests;

public sealed class RunTests
{
    [Test]
    public void Run_EverythingPasses_PrintsAreasAndExitsWithZero()
    {
        using Terminal terminal = new();
        int exitCode = terminal.Run("run", "--seed", "0x2a", "--out", terminal.PathOf("b"));

        Assert.That(exitCode, Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.StartWith("seed 42\n"));
        Assert.That(terminal.Out, Does.EndWith($" s; {terminal.PathOf("b")}\n").And.Contain("6 cases: 6 Pass; 5 requirements judged"));
        Assert.That(terminal.Error, Is.Empty);
        Assert.That(Open(terminal).Run.State, Is.EqualTo(RunState.Complete));
    }

    [Test]
    public void Run_OneFailure_ShowsWhatIsNeededToUnderstandAndRepeatIt()
    {
        using Terminal terminal = new() { Judge = run => run.FullName == "VSC-0101[packed]" ? Verdict.Fail : Verdict.Pass };
        int exitCode = terminal.Run("run", "--seed", "1", "--out", terminal.PathOf("b"));

        Assert.That(exitCode, Is.EqualTo(1));
        Snapshot.Match(
            System.Text.RegularExpressions.Regex.Replace(terminal.Out.Replace(terminal.Folder, "OUT", StringComparison.Ordinal), @"\d\.\d s;", "N s;"),
            "run-one-failure.txt");
    }

    [Test]
    public void Run_FailureOfACaseThatNamesABug_GivesTheHintInEveryReport()
    {
        const string Hint = "seen before: Packets of unknown type or of no flow get no RST, fixed by https://github.com/rust-vmm/vhost-device/commit/09643aa";
        using Terminal terminal = new() { Judge = run => run.FullName == "VSC-0101[packed]" ? Verdict.Fail : Verdict.Pass };
        terminal.Run("run", "--out", terminal.PathOf("b"));

        Assert.That(terminal.Out, Does.Contain("  hint         " + Hint));
        Assert.That(File.ReadAllText(terminal.PathOf("b/summary.md")), Does.Contain("- hint: " + Hint));
        Assert.That(File.ReadAllText(terminal.PathOf("b/junit.xml")), Does.Contain("hint: " + Hint));
        Assert.That(
            Open(terminal).Cases.Where(c => c.Hints.Count > 0).Select(c => (c.FullName, c.Hints.Single().Regression)),
            Is.EqualTo([("VSC-0101[packed]", "KB-C4")]));

        Assert.That(terminal.Run("report", terminal.PathOf("b")), Is.EqualTo(1));
        Assert.That(terminal.Out, Does.Contain(Hint));
    }

    [Test]
    public void Report_SinceAnEarlierBundle_SaysWhatChanged()
    {
        using Terminal before = new();
        before.Run("run", "--out", before.PathOf("b"));
        using Terminal terminal = new() { Judge = run => run.FullName == "VSC-0101[packed]" ? Verdict.Fail : Verdict.Pass };
        terminal.Run("run", "--out", terminal.PathOf("b"));

        Assert.That(terminal.Run("report", terminal.PathOf("b"), "--since", before.PathOf("b")), Is.EqualTo(1), terminal.Error);
        Assert.That(File.ReadAllText(terminal.PathOf("b/report.html")), Does.Contain("1 verdict changed, 1 for the worse."));
    }

    [Test]
    public void Report_OfAnAttestedBundle_LeavesItAsItIs()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--out", terminal.PathOf("b"));
        terminal.Write("b/attestation.dsse.json", "{}");
        terminal.Write("b/report.html", "attested");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(terminal.Run("report", terminal.PathOf("b")), Is.Zero, terminal.Error);
            Assert.That(terminal.Run("report", terminal.PathOf("b"), "--since", terminal.PathOf("b")), Is.EqualTo(2));
            Assert.That(terminal.Error, Does.Contain("is attested"));
            Assert.That(File.ReadAllText(terminal.PathOf("b/report.html")), Is.EqualTo("attested"));
        }
    }

    [TestCase(Verdict.Pass, 0)]
    [TestCase(Verdict.NonStrict, 0)]
    [TestCase(Verdict.Informational, 0)]
    [TestCase(Verdict.NotSupported, 0)]
    [TestCase(Verdict.NotApplicable, 0)]
    [TestCase(Verdict.KnownFailure, 0)]
    [TestCase(Verdict.Fail, 1)]
    [TestCase(Verdict.UnexpectedPass, 1)]
    [TestCase(Verdict.Inconclusive, 3)]
    [TestCase(Verdict.HarnessError, 3)]
    public void Run_OneVerdictAmongPasses_DecidesTheExitCode(Verdict verdict, int exitCode)
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0202" ? verdict : Verdict.Pass };
        Assert.That(terminal.Run("run", "--out", terminal.PathOf("b")), Is.EqualTo(exitCode));
    }

    [TestCase("--case VSC-0101", "VSC-0101[split] VSC-0101[packed]")]
    [TestCase("--case VSC-0101[packed]", "VSC-0101[packed]")]
    [TestCase("--case *Message* --case CreditRequest_Established_IsAnswered", "VSC-0102 VSC-0202 VSC-0201")]
    [TestCase("--quick --case VSC-01*", "VSC-0101[split] VSC-0101[packed] VSC-0102")]
    [TestCase("--profile seqpacket", "VSC-0202")]
    [TestCase("--profile packed-ring", "VSC-0101[packed]")]
    [TestCase("--shard 1/4", "VSC-0101[split] VSC-0202")]
    [TestCase("--shard 2/4", "VSC-0101[packed] VSC-0201")]
    public void Run_Selection_TakesWhatWasAskedFor(string options, string names)
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run(["run", "--out", terminal.PathOf("b"), .. options.Split(' ')]), Is.Zero, terminal.Error);
        Assert.That(terminal.Request!.Runs.Select(r => r.FullName), Is.EqualTo(names.Split(' ')));
    }

    [Test]
    public void Run_ShuffleWithTheSameSeed_GivesTheSameOrder()
    {
        string[] orders = [.. new[] { "7", "7", "8", "9" }.Select(seed =>
        {
            using Terminal terminal = new();
            terminal.Run("run", "--shuffle", "--seed", seed, "--out", terminal.PathOf("b"));
            return string.Join(' ', terminal.Request!.Runs.Select(r => r.FullName));
        })];

        Assert.That(orders[0], Is.EqualTo(orders[1]));
        Assert.That(orders.Distinct().Count(), Is.GreaterThan(1));
    }

    [TestCase("all", 6)]
    [TestCase("failed", 1)]
    [TestCase("none", 0)]
    public void Run_TracePolicy_DecidesWhichStay(string policy, int count)
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0102" ? Verdict.Fail : Verdict.Pass };
        terminal.Run("run", "--trace", policy, "--out", terminal.PathOf("b"));

        Assert.That(Directory.GetFiles(terminal.PathOf("b/traces")), Has.Length.EqualTo(count));
        Assert.That(Open(terminal).Cases.Count(c => c.Trace is not null), Is.EqualTo(count));
    }

    [Test]
    public void Run_FailFast_KeepsWhatRanAndCallsTheRunStopped()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0102" ? Verdict.Fail : Verdict.Pass };
        int exitCode = terminal.Run("run", "--fail-fast", "--out", terminal.PathOf("b"));

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(Open(terminal).Run.State, Is.EqualTo(RunState.Stopped));
        Assert.That(terminal.Out, Does.Contain("3 of 6 cases: 2 Pass, 1 Fail"));
    }

    [Test]
    public void Run_FailureThatTheManifestExpects_IsKnown()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "VSC-0102" ? Verdict.Fail : Verdict.Pass };
        terminal.Write("known.yaml", "expectations:\n  - {case: VSC-0102, failureCode: no-rst, reason: not done, link: https://example.org, owner: me, expires: 9999-12-31}\n");
        string manifest = terminal.Write(
            "t.yaml", "name: x\nrole: device\ntransport: vhost-user\nlaunch: {command: [sh, \"{socket}\"]}\nexpectations: known.yaml\n");

        Assert.That(terminal.Run("run", "--target", manifest, "--out", terminal.PathOf("b")), Is.Zero, terminal.Error);
        Assert.That(Open(terminal).Summary.ByVerdict[Verdict.KnownFailure], Is.EqualTo(1));
    }

    [Test]
    public void Run_TargetThatDoesNotComeUp_FailsWithItsMessage()
    {
        using Terminal terminal = new() { Before = _ => throw new Vsockspec.Targets.TargetException("sample: ended with exit code 101") };
        int exitCode = terminal.Run("run", "--out", terminal.PathOf("b"));

        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(terminal.Error, Is.EqualTo("vsockspec: sample: ended with exit code 101\n"));
        Assert.That(Open(terminal).Run.Error, Is.EqualTo("sample: ended with exit code 101"));
    }

    [Test]
    public void Run_DiskFullInTheMiddle_KeepsWhatWasWrittenAndSaysSo()
    {
        using Terminal terminal = new();
        Directory.CreateDirectory(terminal.PathOf("b"));
        File.CreateSymbolicLink(terminal.PathOf("b/cases.jsonl"), "/dev/full");

        int exitCode = terminal.Run("run", "--out", terminal.PathOf("b"));

        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(terminal.Error, Does.StartWith($"vsockspec: {terminal.PathOf("b/cases.jsonl")}: No space left on device"));
    }

    [Test]
    public void Run_FaultOfOurOwn_IsOneLineUnlessVerbose()
    {
        using Terminal terminal = new() { Before = _ => throw new InvalidOperationException("bug") };
        int exitCode = terminal.Run("run", "--out", terminal.PathOf("b"));

        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(terminal.Error, Is.EqualTo("vsockspec: bug (an error of vsockspec itself: run again with --verbose and report it)\n"));
        Assert.That(() => terminal.Run("run", "--verbose", "--out", terminal.PathOf("c")), Throws.InvalidOperationException);
    }

    [Test]
    public void Replay_OneCase_HasTheSeedOfTheBundle()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--seed", "99", "--out", terminal.PathOf("b"));
        int exitCode = terminal.Run("replay", terminal.PathOf("b"), "VSC-0101[packed]", "--out", terminal.PathOf("r"));

        Assert.That(exitCode, Is.Zero, terminal.Error);
        Assert.That(terminal.Request!.Seed, Is.EqualTo(99));
        Assert.That(terminal.Request.Runs.Single().FullName, Is.EqualTo("VSC-0101[packed]"));
    }

    [Test]
    public void Report_KilledRun_IsRenderedAndCountsAsHarnessError()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--out", terminal.PathOf("b"));
        string results = terminal.PathOf("b/results.json");
        File.WriteAllText(results, File.ReadAllText(results).Replace("\"Complete\"", "\"Running\"", StringComparison.Ordinal));
        File.Delete(terminal.PathOf("b/junit.xml"));

        int exitCode = terminal.Run("report", terminal.PathOf("b"));

        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(File.Exists(terminal.PathOf("b/junit.xml")));
        Assert.That(terminal.Out, Does.Contain("6 cases: 6 Pass"));
    }

    [Test]
    public void MergeAndDiff_Shards_AreTheWholeRun()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--seed", "5", "--out", terminal.PathOf("whole"));
        terminal.Run("run", "--seed", "5", "--shard", "1/2", "--out", terminal.PathOf("1"));
        terminal.Run("run", "--seed", "5", "--shard", "2/2", "--out", terminal.PathOf("2"));

        Assert.That(terminal.Run("merge", terminal.PathOf("1"), terminal.PathOf("2"), "--out", terminal.PathOf("merged")), Is.Zero, terminal.Error);
        Assert.That(terminal.Run("diff", terminal.PathOf("whole"), terminal.PathOf("merged")), Is.Zero);
        Assert.That(terminal.Out, Is.EqualTo("no difference\n"));
    }

    private static RunReport Open(Terminal terminal) => Bundle.Open(terminal.PathOf("b"), RequirementRegister.Load());
}
