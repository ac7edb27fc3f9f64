using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Perf;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests;

/// <summary>ci/nightly.sh from end to end, with the real program for all but what takes minutes: the measurement itself is one prepared beforehand.</summary>
[TestFixture]
[CancelAfter(120_000)]
public sealed class NightlyScriptTests
{
    private const string Series = "stream/guest-to-host/throughput/4096";
    private static readonly DateTimeOffset Tonight = new(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);

    /// <summary>39 nights, a step of -10 % at the 30th (counted from 0), and tonight on the new level.</summary>
    [Test]
    public void Nightly_OfAHistoryWithAStep_FailsAndNamesTheCommits()
    {
        using Terminal terminal = new();
        Prepare(terminal, Report(900));
        Fill(terminal, new SyntheticHistory(39, 0.01) { StepAt = 30, Step = -0.10 });
        (int exitCode, string output) = Nightly(terminal, "first");
        Assert.That(exitCode, Is.EqualTo(1), output);
        string night = terminal.PathOf("history/nights/first");
        string summary = File.ReadAllText(Path.Combine(night, "summary.md"));
        string page = File.ReadAllText(Path.Combine(night, "report.html"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Directory.GetFiles(night).Select(Path.GetFileName), Is.SupersetOf(new[] { "perf.json", "alarm-rate.json", "report.html", "summary.md" }));
            Assert.That(summary, Does.StartWith("# Night first: reference, c39\n").And.Contain("**A confirmed regression that nobody has looked at.**"));
            Assert.That(summary, Does.Match($@"{Series}: 40 runs, 1 step\n  2026-01-31  c29\.\.c30  .* worse, confirmed\n"));
            Assert.That(summary, Does.Contain("false alarms stand here").And.Contain("# Became worse: 1 lasting step\n").And.Contain($"{Series} by "));
            Assert.That(page, Does.Contain("id=\"history\"").And.Contain("id=\"throughput\"").And.Contain("between c29 and c30"));
            Assert.That(page, Does.Contain("id=\"alarms\"").And.Contain("a/figure/1"), "tonight's is counted, though the night is not over");
            Assert.That(Directory.GetFileSystemEntries(terminal.PathOf("history/nights")), Has.Length.EqualTo(1));
        }

        // Somebody has looked at it: the next night passes.
        File.WriteAllText(terminal.PathOf("history/triage.yaml"), $"steps:\n  - {{series: {Series}, run: n30, state: acknowledged, by: me, note: I am at it}}\n");
        Prepare(terminal, Report(901) with { StartedAt = Tonight.AddDays(1) });
        (exitCode, output) = Nightly(terminal, "second");
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(File.ReadAllText(terminal.PathOf("history/nights/second/summary.md")), Does.Contain("No confirmed regression that nobody has looked at.").And.Contain("; Acknowledged by me: I am at it").And.Contain("\n# Measured\n").And.Contain("\nNo new regression: "));
        Assert.That(Regex.Count(File.ReadAllText(terminal.PathOf("history/nights/second/report.html")), "<td[^>]*>2</td>"), Is.EqualTo(2), "both nights had a false alarm, of two");
    }

    [Test]
    public void Nightly_OnAnUnfitMachine_AddsNothingAndSaysWhy()
    {
        using Terminal terminal = new();
        Prepare(terminal, Report(900) with { Conditions = new Conditions([new Condition("load", ConditionGrade.Unfit, "40 % used", "end it")]) }, exitCode: 3);
        (int exitCode, string output) = Nightly(terminal, "first");
        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(output, Does.Contain("nothing is added, the machine was unfit: load: 40 % used (end it)"));
        Assert.That(Directory.GetFiles(terminal.PathOf("history"), "*.jsonl"), Is.Empty);
        Assert.That(Directory.GetFileSystemEntries(terminal.PathOf("history/nights")), Is.Empty);
    }

    [Test]
    public void Nightly_OfATargetThatFailsAWorkload_KeepsTheRestAndFails()
    {
        using Terminal terminal = new();
        PerfReport report = Report(900);
        Prepare(terminal, report with { Workloads = [.. report.Workloads, new WorkloadResult("round-trip", new Dictionary<string, string>(), WorkloadOutcome.Failed, "it stalled", [], [])] }, exitCode: 1);
        (int exitCode, string output) = Nightly(terminal, "first");
        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(new HistoryStore(terminal.PathOf("history")).Read(Series).Entries, Has.Count.EqualTo(1));
        Assert.That(File.ReadAllText(terminal.PathOf("history/nights/first/summary.md")), Does.Contain("**The target failed; what was measured is kept.**").And.Contain("# 1 workload failed\n"));
    }

    /// <summary>Two nights at once on one history: one waits for the other, and both are there.</summary>
    [Test]
    public void Nightly_TwiceAtOnce_KeepsBoth()
    {
        using Terminal one = new();
        using Terminal other = new();
        Prepare(one, Report(900));
        Prepare(other, Report(901) with { StartedAt = Tonight.AddHours(1) });
        (int ExitCode, string Output)[] ends = new (int, string)[2];
        Parallel.Invoke(() => ends[0] = Nightly(one, "a"), () => ends[1] = Nightly(other, "b", one.PathOf("history")));
        Assert.That(ends.Select(e => e.ExitCode), Is.All.Zero, ends[0].Output + ends[1].Output);
        Assert.That(new HistoryStore(one.PathOf("history")).Read(Series).Entries, Has.Count.EqualTo(2));
        Assert.That(Directory.GetDirectories(one.PathOf("history/nights")).Select(Path.GetFileName), Is.EquivalentTo(new[] { "a", "b" }));
    }

    [TestCase("../up")]
    [TestCase(".hidden")]
    [TestCase("a b")]
    public void Nightly_WithAWrongName_SaysSo(string night)
    {
        using Terminal terminal = new();
        Prepare(terminal, Report(900));
        (int exitCode, string output) = Nightly(terminal, night);
        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Does.Contain($"NIGHT is '{night}'; give letters, digits"));
    }

    [TestCase("{\"schema\":\"vsockspec-history/2\",\"run\":\"a\",\"machine\":\"m\",\"value\":1}\n", "has the schema 'vsockspec-history/2'")]
    [TestCase("rubbish\n", "not an entry of a history")]
    public void Nightly_OfAHistoryThatCannotBeRead_SaysSoAndAddsNothing(string line, string expected)
    {
        using Terminal terminal = new();
        Prepare(terminal, Report(900));
        Directory.CreateDirectory(terminal.PathOf("history"));
        string file = terminal.PathOf("history/" + Series.Replace('/', '~') + ".jsonl");
        File.WriteAllText(file, line);
        (int exitCode, string output) = Nightly(terminal, "first");
        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Does.Contain(expected).And.Contain(":1: "));
        Assert.That(File.ReadAllText(file), Is.EqualTo(line));
    }

    /// <summary>A night that is killed at any moment is there as a whole or not at all; the same night again completes it.</summary>
    [Test]
    public void Append_KilledAnywhere_IsWholeOrNotThere()
    {
        using Terminal terminal = new();
        PerfReport report = Report(900);
        Measurement[] many = [.. Enumerable.Range(0, 150).Select(i => new Measurement(new Figure("stream/guest-to-host/throughput", $"{16 + i}", "MiB/s", Better.Higher, FigureRole.Gate), [900.0 + i]))];
        Prepare(terminal, report with { Workloads = [report.Workloads[0] with { Measurements = many }] });
        string[] append = ["perf", "history", "append", terminal.PathOf("history"), terminal.PathOf("prepared"), "--commit", "c1"];
        Random random = new(5);
        for (int kill = 0; kill < 6; kill++)
        {
            using Process process = Start(Program[0], [.. Program[1..], .. append, "--run", $"r{kill}"], []);
            int delay = random.Next(60, 700);
            _ = process.WaitForExit(delay);
            process.Kill();
            process.WaitForExit();
            int there = Directory.Exists(terminal.PathOf("history")) ? new HistoryStore(terminal.PathOf("history")).ReadAll().Count(h => h.Entries.Any(e => e.Run == $"r{kill}")) : 0;
            Assert.That(there, Is.Zero.Or.EqualTo(150), $"killed after {delay} ms");
            Assert.That(Direct([.. append, "--run", $"r{kill}"]), Is.Zero, $"killed after {delay} ms");
        }

        HistoryStore store = new(terminal.PathOf("history"));
        Assert.That(store.Series(), Has.Count.EqualTo(150));
        foreach (string series in store.Series())
        {
            History history = store.Read(series);
            Assert.That(history.Entries.Select(e => e.Run), Is.EquivalentTo(Enumerable.Range(0, 6).Select(i => $"r{i}")), series);
            Assert.That(history.Notices, Is.Empty, series);
        }
    }

    private static PerfReport Report(double value) => new(
        PerfReport.CurrentSchema,
        new MeasuredTarget("reference", null, null),
        new MeasuredPlan("nightly", "", 1),
        Tonight,
        20,
        new Dictionary<string, string> { ["kernel"] = "k" },
        new Conditions([]),
        [],
        [
            new WorkloadResult(
                "throughput",
                new Dictionary<string, string>(),
                WorkloadOutcome.Measured,
                null,
                [new Measurement(new Figure("stream/guest-to-host/throughput", "4096", "MiB/s", Better.Higher, FigureRole.Gate), [value])],
                []),
        ]);

    private static void Fill(Terminal terminal, SyntheticHistory kind)
    {
        HistoryStore store = new(terminal.PathOf("history"));
        string machine = Perf.Histories.Nightly.MachineOf(Report(1));
        foreach (HistoryEntry entry in kind.Make(seed: 3).Entries)
        {
            _ = store.Append(Series, entry with { Machine = machine });
        }
    }

    /// <summary>The program as the script calls it: what measures gives what is prepared, all else is the real one.</summary>
    private static void Prepare(Terminal terminal, PerfReport report, int exitCode = 0)
    {
        Directory.CreateDirectory(terminal.PathOf("prepared"));
        PerfJson.Write(report, terminal.PathOf("prepared"));
        AlarmRateReport alarm = new(
            AlarmRateReport.CurrentSchema, new ComparedTarget("reference", null), "smoke", report.StartedAt, new Dictionary<string, string>(), new Conditions([]), new CompareOptions(), PerfVerdict.Slower, ["a/figure/1"], null, new Rate(1, 1));
        File.WriteAllText(terminal.PathOf("prepared/alarm-rate.json"), JsonSerializer.Serialize(alarm, PerfJson.Options));
        File.WriteAllText(terminal.PathOf("prepared/alarm-rate.md"), "false alarms stand here\n");
        string script = terminal.Write("vsockspec", $$"""
            #!/bin/sh
            action="$1 $2"
            out=
            for word; do
              [ "$last" != --out ] || out=$word
              last=$word
            done
            case $action in
              'perf run') cp '{{terminal.PathOf("prepared")}}/perf.json' "$out"; exit {{exitCode}} ;;
              'perf alarm-rate') cp '{{terminal.PathOf("prepared")}}'/alarm-rate.* "$out" ;;
              *) exec {{string.Join(' ', Program)}} "$@" ;;
            esac
            """);
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static (int ExitCode, string Output) Nightly(Terminal terminal, string night, string? history = null)
    {
        using Process process = Start(Repository.PathOf("ci/nightly.sh"), [history ?? terminal.PathOf("history"), "reference"], new() { ["VSOCKSPEC"] = terminal.PathOf("vsockspec"), ["NIGHT"] = night, ["COMMIT"] = "c39" });
        return End(process);
    }

    private static int Direct(string[] arguments)
    {
        using Process process = Start(Program[0], [.. Program[1..], .. arguments], []);
        (int exitCode, string output) = End(process);
        TestContext.Out.WriteLine(output);
        return exitCode;
    }

    private static string[] Program => [DotNet.Host, Path.Combine(TestContext.CurrentContext.TestDirectory, "vsockspec.dll")];

    private static Process Start(string program, IEnumerable<string> arguments, Dictionary<string, string> environment)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    private static (int ExitCode, string Output) End(Process process)
    {
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
